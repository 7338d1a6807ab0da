/* Requests whose answer the hub knows: kept until it has come, then answered as any other. */
#ifndef HOPNHAT_AGENT_ASK_H
#define HOPNHAT_AGENT_ASK_H

#include "agent/service.h"
#include "agent/session.h"

enum { ASK_KEPT = 8 };

struct ask {
    struct agent_service *service;
    struct agent_session *session;
    struct {
        uint32_t number; /* of the session's request; 0: this place is free */
        struct http_request *request;
    } kept[ASK_KEPT];
};

/* Serves *service over *session; both are borrowed. */
void ask_start(struct ask *ask, struct agent_service *service, struct agent_session *session);

/* The handler for the HTTP servers. */
struct http_handler ask_handler(struct ask *ask);

/* For agent_outlet.history. */
void ask_answered(struct ask *ask, uint32_t number, const Hopnhat__HistoryAnswer *answer, const char *why);

/* Forgets all that is kept: before the HTTP servers end. */
void ask_forget(struct ask *ask);

#endif
