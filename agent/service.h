/* What the agent's tools and page ask of it: the records of core/api over the agent's store, and what only an
 * agent has.
 *
 *   GET  /v1/rejected?after=REPLICA.SEQ&limit=N   own changes that headquarters did not take, with the reason
 *   GET  /v1/outvoted?after=…&limit=N             own values that are not what is read, with what is
 *   POST /v1/outvoted/{type}/{id}                 body field, author: writes the own value again; dismiss:
 * true hides it POST /v1/sync                                 have the hub answer now: {"heads":N}; done when
 * status says more
 */
#ifndef HOPNHAT_AGENT_SERVICE_H
#define HOPNHAT_AGENT_SERVICE_H

#include "agent/follow.h"
#include "api/backup_schedule.h"
#include "api/people.h"

/* A question for the hub, within the handling of one request (agent/ask.h); all zero: nothing is asked. */
struct agent_asking {
    /* Sends it, and returns the number under which the answer comes; 0: the hub cannot be asked. NULL: not to
     * be. */
    uint32_t (*send)(void *context, const Hopnhat__History *history);
    void *context;
    uint32_t number; /* it has been sent: the request is handled again when the answer has come */
    const Hopnhat__HistoryAnswer *heard; /* the answer */
    const char *why;                     /* there is none */
};

struct agent_service {
    struct records records;
    struct api_service api;
    struct people people;
    struct agent *agent;
    struct transaction transaction; /* of the snapshot under way */
    struct transaction operation;   /* that writes many records (agent/bulk.c) */
    struct agent_asking asking;
    struct backup_schedule *backups; /* of the daemon; NULL where a tool has opened the store itself */
    struct follow *follow;           /* the views; of the daemon, or opened when a tool first asks */
    /* Of the daemon; NULL where a tool has opened the store itself. */
    void (*sync)(void *context, uint64_t wall_ms);
    const char *(*state)(void *context);
    const char *(*link)(void *context);
    void *context;
};

/* Fills in *service, which must not move afterwards, for an open agent, which is borrowed. */
void agent_service_start(struct agent_service *service, struct agent *agent);

/* Ends what agent_service_start began; the agent stays open. */
void agent_service_end(struct agent_service *service);

/* For struct store_opener: opens the agent's store in this process. */
void *agent_service_open(const char *data, const struct api_service **api, struct error *error);
void agent_service_close(void *opened);

/* records.status (service_status.c): what `status` shows, operations.md says what each member means. */
json_t *agent_service_status(void *context, uint64_t wall_ms, struct error *error);

/* service_outvoted.c */
api_handler handle_outvoted, handle_take_back;

/* service_bundle.c */
api_handler agent_handle_bundle_export, agent_handle_bundle_import;

/* Operations on many records (agent/bulk.c). */
extern const struct bulk agent_bulk;

#endif
