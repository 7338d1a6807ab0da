/* What the links of one process share: the one libzmq context. */
#ifndef HOPNHAT_NET_NET_H
#define HOPNHAT_NET_NET_H

#include "base/error.h"

#include <stdint.h>
#include <sys/un.h>

struct net;

/* One for each process; starts libzmq's own thread and libsodium. NULL with ERROR_NETWORK or ERROR_MEMORY.
 * The caller frees it, after every link that was made with it; net_free waits for libzmq's thread. */
struct net *net_new(struct error *error);
void net_free(struct net *net);

/* The libzmq context; for core/net. */
void *net_context(struct net *net);

/* Raises this process's bound on open files to what the system allows it: a hub needs one for each agent.
 * Returns the bound that holds afterwards. */
uint64_t net_raise_file_limit(void);

/* Fills in the address of a Unix socket. ERROR_INPUT if the path is empty or longer than the 107 bytes that
 * the system takes. */
bool net_unix_address(const char *path, struct sockaddr_un *address, struct error *error);

#endif
