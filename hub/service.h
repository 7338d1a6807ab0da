/* What the hub's tools and page ask of it: the records of core/api over the hub's store, and what only a hub
 * has.
 *
 *   GET   /v1/offices                       {"offices":[{"code","name","groups","headquarters","revoked",
 *                                           "installations"}]}
 *   POST  /v1/offices                       body code, name, groups, headquarters, author
 *   PATCH /v1/offices/{code}                body name, add_groups, remove_groups, headquarters, author
 *   POST  /v1/offices/{code}/enrolments     body hours: {"code": the one-time code, "expires"}
 *   POST  /v1/records/{type}/{id}/erase     body fields, reason, author: {"id","erased"}
 *   POST  /v1/purge                         body purge_after_days, retire_after_days, author:
 *                                           {"purged","retired","forgotten",…}
 *   POST  /v1/offices/{code}/revoke         body replica, author: {"installations","replicas","codes"}
 *   GET   /v1/quarantine?after=REPLICA.SEQ&all=yes
 *                                           changes that were refused (all: also those that have been decided
 *                                           on): {"quarantine":[…], "next"}
 *   GET   /v1/quarantine/{REPLICA.SEQ}      one of them
 *   POST  /v1/quarantine/{REPLICA.SEQ}/release
 *                                           body author, note: admits it now
 *   POST  /v1/quarantine/{REPLICA.SEQ}/drop body author, note: never will be; it stays on record
 *   POST  /v1/rotate-keys                   body finish, force: {"under_way","heard","not_heard"}
 *   POST  /v1/catalog/check                 body yaml, file: {"errors":[{"line","text"}],"more",…}
 *   POST  /v1/catalog/apply                 the same with author, and brings it into force: "applied"
 */
#ifndef HOPNHAT_HUB_SERVICE_H
#define HOPNHAT_HUB_SERVICE_H

#include "api/backup_schedule.h"
#include "api/people.h"
#include "hub/admission.h"
#include "hub/follow.h"

struct hub_service {
    struct records records;
    struct api_service api;
    struct people people;
    struct hub *hub;
    struct transaction transaction;  /* of the snapshot under way */
    struct admission operation;      /* that writes many records (hub/bulk.c) */
    struct backup_schedule *backups; /* of the daemon; NULL where a tool has opened the store itself */
    struct follow *follow;           /* the views; of the daemon, or opened when a tool first asks */
    bool rekeyed;                    /* the hub's link key is another one: the link is to be opened anew */
    const char *listens;             /* where agents connect; NULL where a tool has opened the store itself */
};

/* Fills in *service, which must not move afterwards, for an open hub, which is borrowed. */
void hub_service_start(struct hub_service *service, struct hub *hub);

/* Ends what hub_service_start began; the hub stays open. */
void hub_service_end(struct hub_service *service);

/* For struct store_opener: opens the hub's store in this process. */
void *hub_service_open(const char *data, const struct api_service **api, struct error *error);
void hub_service_close(void *opened);

/* records.conflicts (service_conflicts.c): by state and the time at which they came into it. */
bool hub_conflicts(void *context, const struct conflict_filter *filter, struct bytes after,
                   struct arena *arena, bool (*visit)(void *user, const struct conflict *conflict),
                   void *user, struct error *error);

/* service_office.c, service_quarantine.c, service_catalog.c, service_keys.c, service_erase.c and
 * service_purge.c */
api_handler handle_offices, handle_office_add, handle_office_set, handle_enrol, handle_revoke,
    handle_quarantine, handle_quarantined, handle_quarantine_release, handle_quarantine_drop,
    handle_catalog_check, handle_catalog_apply, handle_rotate_keys, handle_erase, handle_purge;

/* service_bundle.c */
api_handler hub_handle_bundle_export, hub_handle_bundle_import;

/* Operations on many records (hub/bulk.c). */
extern const struct bulk hub_bulk;

#endif
