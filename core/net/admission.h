/* Answers libzmq's question whether a key may connect (ZAP, RFC 27), in the loop's thread. Used by core/net
 * alone. */
#ifndef HOPNHAT_NET_ADMISSION_H
#define HOPNHAT_NET_ADMISSION_H

#include "net/link_hub.h"

/* What libzmq puts on each message of an admitted key as its User-Id: the key in hexadecimal, with a NUL. */
enum { ADMISSION_USER_BYTES = 2 * LINK_KEY_BYTES + 1 };

struct admission;

/* Answers from now on, by options->admit. To be made before any socket of the context listens: without it
 * libzmq lets every key in. NULL with ERROR_NETWORK, ERROR_MEMORY. The caller frees it after the listening
 * socket. */
struct admission *admission_new(struct net *net, struct loop *loop, const struct link_hub_options *options,
                                struct error *error);
void admission_free(struct admission *admission);

/* How many were let in and refused. */
void admission_count(const struct admission *admission, struct link_hub_counts *counts);

#endif
