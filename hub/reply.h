/* The hub's short answers. Each carries the number of the request that it answers. */
#ifndef HOPNHAT_HUB_REPLY_H
#define HOPNHAT_HUB_REPLY_H

#include "hub/session.h"

/* To `peer`, for the given request. */
void reply_ack(const struct hub_outlet *outlet, const struct link_peer *peer, uint32_t request,
               Hopnhat__Ack *ack);
void reply_busy(const struct hub_outlet *outlet, const struct link_peer *peer, uint32_t request,
                uint32_t retry_ms);
void reply_busy_because(const struct hub_outlet *outlet, const struct link_peer *peer, uint32_t request,
                        uint32_t retry_ms, const char *reason); /* for people in the office */
void reply_error(const struct hub_outlet *outlet, const struct link_peer *peer, uint32_t request,
                 Hopnhat__ErrorCode code, const char *text);

/* Sends *message, filled in but for the request. */
void reply(const struct hub_outlet *outlet, const struct link_peer *peer, uint32_t request,
           Hopnhat__Message *message);

#endif
