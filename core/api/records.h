/* What the handlers of records ask of the daemon that they serve: a table that the agent and the hub each
 * fill in. All calls are made in the thread that writes the store (but see aside.h). */
#ifndef HOPNHAT_API_RECORDS_H
#define HOPNHAT_API_RECORDS_H

#include "model/edit.h"
#include "store/query.h"

#include <jansson.h>

#include "store.pb-c.h"
#include "wire.pb-c.h"

enum { CONFLICT_PLACE_BYTES = 64 };

/* Which conflicts are asked for. */
struct conflict_filter {
    enum { CONFLICTS_OPEN, CONFLICTS_SETTLED, CONFLICTS_ALL } which;
    uint32_t type;      /* 0: of all */
    uint64_t before_ms; /* opened then or before; what is known to be later need not be visited */
};

/* A field in which different values stand, or stood, side by side. */
struct conflict {
    uint32_t type, field;
    uint8_t id[RECORD_ID_BYTES];
    struct bytes place;                 /* in the list, at most CONFLICT_PLACE_BYTES */
    const Hopnhat__Resolution *journal; /* the hub's row. NULL: it is open, and no more is known here */
};

/* Where an entry comes from; a member is NULL where it is not known here. */
struct entry_origin {
    const char *office, *author;
};

struct bulk;

struct records {
    void *context;
    const struct bulk *bulk; /* operations on many records (api/bulk.h) */

    /* The catalog in force; valid until the next write or the end of the call. */
    const struct catalog *(*catalog)(void *context);

    /* Begins and ends a snapshot: get, conflicts and origin are called between the two only. */
    bool (*begin)(void *context, struct error *error);
    void (*end)(void *context);

    /* The record as people see it (at the agent with its own pending changes), in the arena. NULL with
     * ERROR_NOT_FOUND, or what the store says. */
    const Hopnhat__Record *(*get)(void *context, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                                  struct arena *arena, struct error *error);

    /* What lists, searches and reports ask; NULL with ERROR_MEMORY, ERROR_INTERNAL. They take a snapshot of
     * their own. */
    const struct querier *(*querier)(void *context, struct error *error);

    /* Visits the conflicts of which the filter says which (it need not look at more of it), after the place
     * `after` (empty: from the start), until visit returns false. ERROR_UNAVAILABLE for what is not known
     * here. */
    bool (*conflicts)(void *context, const struct conflict_filter *filter, struct bytes after,
                      struct arena *arena, bool (*visit)(void *user, const struct conflict *conflict),
                      void *user, struct error *error);

    /* Fills in where the entry comes from, as far as it is known here; texts in the arena. */
    void (*origin)(void *context, const Hopnhat__Entry *entry, struct arena *arena,
                   struct entry_origin *origin);

    /* What a reader of the record has been shown, as of now. */
    struct shown (*shown_now)(void *context, const Hopnhat__Record *record);

    /* Group and owner for a new record of the type where the request names none: each is asked for where its
     * pointer is not NULL. `owner` is the one given, or NULL. Texts in the arena. ERROR_INPUT says what to
     * name. */
    bool (*defaults)(void *context, const Hopnhat__TypeDefinition *type, const char *owner,
                     struct arena *arena, const char **default_group, const char **default_owner,
                     struct error *error);

    /* Makes the edits one change: checked, on disk when it returns. Nothing is changed on error. */
    bool (*write)(void *context, const struct new_edit *edits, size_t count, const char *author,
                  uint64_t wall_ms, struct error *error);

    /* Fills in who changed the record, or with as_of_ms how it was; in the arena. *here: why only
     * what is known here was told; NULL: it is as the hub knows it. Takes a snapshot of its own.
     * ERROR_NOT_FOUND; ERROR_UNAVAILABLE for what only the hub could tell.
     */
    bool (*history)(void *context, const Hopnhat__History *request, struct arena *arena,
                    Hopnhat__HistoryAnswer *answer, const char **here, struct error *error);

    /* The status object of design and docs; a new reference. NULL on error. */
    json_t *(*status)(void *context, uint64_t wall_ms, struct error *error);
};

#endif
