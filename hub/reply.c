#include "hub/reply.h"

void reply(const struct hub_outlet *outlet, const struct link_peer *peer, uint32_t request,
           Hopnhat__Message *message)
{
    message->has_request = true;
    message->request = request;
    outlet->send(outlet->context, peer, message); /* what is lost is asked for again */
}

void reply_ack(const struct hub_outlet *outlet, const struct link_peer *peer, uint32_t request,
               Hopnhat__Ack *ack)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    message.body_case = HOPNHAT__MESSAGE__BODY_ACK;
    message.ack = ack;
    reply(outlet, peer, request, &message);
}

void reply_busy(const struct hub_outlet *outlet, const struct link_peer *peer, uint32_t request,
                uint32_t retry_ms)
{
    reply_busy_because(outlet, peer, request, retry_ms, NULL);
}

void reply_busy_because(const struct hub_outlet *outlet, const struct link_peer *peer, uint32_t request,
                        uint32_t retry_ms, const char *reason)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Busy busy = HOPNHAT__BUSY__INIT;
    busy.retry_ms = retry_ms;
    busy.reason = (char *)(uintptr_t)reason;
    message.body_case = HOPNHAT__MESSAGE__BODY_BUSY;
    message.busy = &busy;
    reply(outlet, peer, request, &message);
}

void reply_error(const struct hub_outlet *outlet, const struct link_peer *peer, uint32_t request,
                 Hopnhat__ErrorCode code, const char *text)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Error error = HOPNHAT__ERROR__INIT;
    error.code = code;
    error.text = (char *)(uintptr_t)text;
    message.body_case = HOPNHAT__MESSAGE__BODY_ERROR;
    message.error = &error;
    reply(outlet, peer, request, &message);
}
