/* Lists into records. Used by core/api alone.
 *
 *   POST /v1/imports/{type}
 *     body text: the list as UTF-8 in NFC (lists/encoding.h), file: its name, author,
 *          map: {heading: field}, key: [field, …], dry_run: true
 *     {"import": its number (absent where nothing was written), "added","changed","unchanged",
 *      "rejected":[{"line","field","reason"}], "totals":[lines of totals, left out],
 *      "line": of the headings, "numbers_line": of the row that numbers the
 *      columns, left out (0: none), "separator", "columns":{heading: field}, "not_taken":[headings]}
 *   GET  /v1/imports
 *     {"imports":[{"import","type","file","author","time","added","changed","undone": a time or null,
 *     "kept": what the undo left}]}, newest first, at most 1000
 *   POST /v1/imports/{number}/undo
 *     body author: {"deleted","restored","gone","kept":[{"type","id","field","reason"}]}. Refused while a
 *     later import stands that wrote over what this one did; done once, unless it kept all.
 *
 * One list is one operation: it is on disk as a whole, or not at all. Rows that are wrong are left out and
 * named; the others go in, as changes of bounded size.
 *
 * What a row is about: with keys the one record that reads the same in all key fields (texts folded); in an
 * export of our own, which has a column "id", that record; else a new one. A row about a record that is there
 * writes what it says otherwise, and leaves alone what is blank in it; posts are added to a thread. Where the
 * export's token tells that a field was written anew since, the row is left out. */
#ifndef HOPNHAT_API_IMPORT_H
#define HOPNHAT_API_IMPORT_H

#include "api/assignment.h"
#include "api/bulk.h"
#include "api/handlers.h"
#include "base/limits.h"
#include "lists/head.h"
#include "store.pb-c.h"

enum {
    IMPORT_KEY_FIELDS = 16,
    IMPORT_HASH_BYTES = 16,
    IMPORT_ARENA_FLUSH_BYTES = 32 * 1024 * 1024, /* a change under construction is written at this size */
};

/* Why a row is left out. */
struct import_problem {
    const char *field; /* NULL: the row as a whole */
    char reason[600];  /* empty: nothing is wrong */
};

struct import_targets;
struct import_memo;
struct import_names;

/* The rows of an operation that say how it is taken back (import_log.c). */
struct import_log {
    struct transaction *transaction;
    unsigned database;
    uint64_t number;
    uint32_t place; /* of the next record */
};

/* One import under way. */
struct import {
    struct api_call *call;
    const struct bulk *bulk;
    void *context;
    const struct catalog_type *type;
    const char *author, *file;
    bool dry_run;
    int present_year;

    struct list_reader reader;
    struct list_head head;
    const Hopnhat__FieldDefinition *keys[IMPORT_KEY_FIELDS];
    size_t key_count;
    struct import_targets *targets;
    struct import_memo *memo;
    struct import_names *names; /* of records that are referred to */
    const char *owner, *group;  /* of new records, where the list names none */

    struct arena row;   /* cells of the row at hand */
    struct arena edits; /* of the change under construction */
    struct new_edit batch[LIMIT_IMPORT_EDITS];
    size_t batch_count, batch_bytes;

    struct import_log log;
    struct dot first, last; /* changes written */
    uint64_t rows, added, changed, unchanged;
    json_t *rejected, *totals;
};

/* import_row.c: takes one row in. A row that is left out is added to `rejected`. False: nothing more can be
 * done (memory, the store). */
bool import_row(struct import *import, const struct list_row *row, struct error *error);

/* Whether the row has a cell for each column, and no more but blank ones. */
bool import_is_shaped(const struct import *import, const struct list_row *row);

/* Notes a problem of the field (or NULL); one after the first is told behind it. */
void import_problem_add(struct import_problem *problem, const char *field, const char *reason);

/* Whether the error is about what was given, and not about this machine. */
bool import_is_about_input(const struct error *error);

/* import_row.c: asked before each row. False with ERROR_UNAVAILABLE where the daemon is told to stop: it has
 * a few seconds, and what is not committed has never been. */
bool import_may_go_on(struct error *error);

/* import_value.c: what the row says of the record `before` (NULL: a new one), in the arena `edits`: only what
 * it does not say already. Problems are noted. False: memory. */
bool import_read_values(struct import *import, const struct list_row *row, const Hopnhat__Record *before,
                        struct assignment_list *list, struct import_problem *problem, struct error *error);

/* Whether records are found by the field: what a row says there tells which one it is about. */
bool import_is_key(const struct import *import, const Hopnhat__FieldDefinition *field);

/* One cell's text as a value of the field, remembered for the next time. */
bool import_parse(struct import *import, const Hopnhat__FieldDefinition *field, const char *text,
                  struct bytes *value, struct error *error);
void import_memo_free(struct import_memo *memo);

/* import_reference.c: the name of a record, as its title field reads without regard to case and marks, as a
 * value of a field that refers to such records. ERROR_INPUT where none, or several, are called so. */
bool import_parse_reference(struct import *import, const Hopnhat__FieldDefinition *field, const char *text,
                            struct bytes *value, struct error *error);

/* Before the first row: where the list refers to records of its own type, these are those that are there now.
 * Else it would depend on how many rows have been written what a row finds, and a dry run writes none. */
bool import_names_start(struct import *import, struct error *error);
void import_names_free(struct import_names *names);

/* import_target.c: which record a row is about. */
struct import_target {
    uint8_t id[RECORD_ID_BYTES];
    const Hopnhat__Record *before; /* NULL: a new one, of that id */
    struct import_entry *entry;    /* NULL: the row has no key */
    bool repeats;                  /* says what a former row said */
};

/* Reads the keys of all records that are there, where the import has keys. */
bool import_targets_start(struct import *import, struct error *error);
void import_targets_free(struct import_targets *targets);

/* Finds it; problems are noted. False: memory, the store. */
bool import_find_target(struct import *import, const struct list_row *row, struct import_target *target,
                        struct import_problem *problem, struct error *error);

/* The row has been taken: one about the same record has to say the same. */
void import_target_taken(struct import *import, const struct list_row *row, struct import_target *target);

/* import_batch.c: adds the edit of a record that stood as `before` to the change under construction. */
bool import_batch_add(struct import *import, const struct new_edit *edit, const Hopnhat__Record *before,
                      struct error *error);

/* Writes what has been collected. */
bool import_batch_flush(struct import *import, struct error *error);

/* import_log.c: a log for the next number, in the transaction. */
void import_log_start(struct import_log *log, struct transaction *transaction, unsigned database);

/* Notes how the record stood before the edit (NULL: it was not there). ERROR_MEMORY, ERROR_CORRUPT. */
bool import_log_record(struct import_log *log, const struct catalog_type *type, const struct new_edit *edit,
                       const Hopnhat__Record *before, struct arena *arena, struct error *error);

/* How the record stood before the operation with that number, which changed it, in the arena. NULL: it did
 * not, or the transaction has failed. */
const Hopnhat__ImportedRecord *import_log_find(struct transaction *transaction, unsigned database,
                                               uint64_t number, const uint8_t id[RECORD_ID_BYTES],
                                               struct arena *arena);

/* Stores the operation's row. */
void import_log_put(struct transaction *transaction, unsigned database, const Hopnhat__Import *row);

/* The operation with that number, in the arena. NULL: none, or the transaction has failed. */
Hopnhat__Import *import_log_get(struct transaction *transaction, unsigned database, uint64_t number,
                                struct arena *arena);

/* Takes out of what was noted of the record those fields for which `covers` says so: they cannot be put back
 * any more. */
void import_log_forget(struct transaction *transaction, unsigned database, const uint8_t id[RECORD_ID_BYTES],
                       bool (*covers)(void *context, uint32_t field), void *context);

#endif
