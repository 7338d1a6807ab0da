/* The handlers of records, shared by agent and hub. Used by core/api alone.
 *
 *   GET    /v1/records/{type}?where=PATH=VALUE&sort=FIELD&after=PLACE&limit=N&deleted=yes
 *            {"records":[…], "next":PLACE where more may follow}; where may be repeated (paths:
 * store/path.h); sort=-FIELD reverses the order; without sort the order is that of the ids, and a place is an
 * id GET    /v1/search?words=WORDS&type=TYPE&after=PLACE&limit=N   the same of records that have all the
 * words GET    /v1/report/{type}?group-by=PATH,…&sum=FIELD&where=PATH=VALUE
 *            {"group_by":[…], "rows":[{"group":{PATH: value or null, …},"count":N,"sum":"…"}, …],
 *            "total":{"count":N,"sum":"…"}}; a record with several values counts in each of their rows
 *   POST   /v1/records/{type}               body set, add, author: a new record: {"id":…, "token":…}
 *   GET    /v1/records/{type}/{id}          the record (record_json.h)
 *   PATCH  /v1/records/{type}/{id}          body set, add, remove, author, token: {"id","changed","token"}
 *   DELETE /v1/records/{type}/{id}          body author, token: {"id","changed","token"}
 *   POST   /v1/records/{type}/{id}/resolve  body field, take (1 and above) or value, note, author, token: as
 *            PATCH
 *   GET    /v1/records/{type}/{id}/history?before=REPLICA.SEQ&limit=N
 *            {"source":"hub" or "here" (and "why"),"changes":[{"time","office","author","fields":[…],…},
 * …],"next":REPLICA.SEQ}, newest first; with as-of=TIME the record as it was then POST   /v1/imports/{type}
 * a list into records: import.h GET    /v1/imports                      former imports, and POST
 * /v1/imports/{number}/undo        taking one back GET
 * /v1/conflicts?state=open|settled|all&type=TYPE&office=CODE&older-than=7d&after=…&limit=N {"conflicts":[…],
 * "next":…} GET    /v1/status GET    /metrics     the same for Prometheus, as text GET    /v1/catalog types
 * and fields
 *
 * With a token (token.h) an edit claims to have seen only what was shown then. */
#ifndef HOPNHAT_API_HANDLERS_H
#define HOPNHAT_API_HANDLERS_H

#include "api/router.h"

extern const struct api_route record_routes[];
extern const size_t record_route_count;

/* record_read.c, record_list.c, search.c, report.c, record_write.c, conflict.c, resolve.c, describe.c */
api_handler handle_list, handle_get, handle_add, handle_set, handle_delete, handle_undelete, handle_conflicts,
    handle_resolve, handle_search, handle_report, handle_status, handle_metrics, handle_catalog,
    handle_history;

/* import.c, import_undo.c */
api_handler handle_import, handle_imports, handle_import_undo;

/* What the path's first two parts name, checked. NULL or false: ERROR_NOT_FOUND, ERROR_INPUT. */
const struct catalog_type *call_type(struct api_call *call, struct error *error);
const struct catalog_type *call_writable_type(struct api_call *call, struct error *error);
bool call_id(const struct api_call *call, uint8_t id[RECORD_ID_BYTES], struct error *error);

/* The record that the path names, in the call's arena, read in a snapshot of its own. NULL on error. */
const Hopnhat__Record *call_record(struct api_call *call, const struct catalog_type *type,
                                   struct error *error);

/* What the request says it was shown: its token's, else everything as of now. */
bool call_shown(struct api_call *call, const Hopnhat__Record *record, struct shown *shown,
                struct error *error);

/* Whether the owner whom the edit names, if any, is an office that is known here, or headquarters. `running`:
 * in the operation on many records that has begun. ERROR_INPUT. */
bool owner_is_known(const struct records *records, const struct new_edit *edit, bool running,
                    struct arena *arena, struct error *error);

/* Writes the edit in the author's name, unless it is empty, and answers {"id","changed","token"}, and
 * "warnings": [texts] where a value leads to no record here. */
json_t *call_write(struct api_call *call, const struct new_edit *edit, struct error *error);

#endif
