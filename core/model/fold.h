/* Reading values out of bags, by policy. Pure; everything returned is the arena's or borrowed from the
 * record. */
#ifndef HOPNHAT_MODEL_FOLD_H
#define HOPNHAT_MODEL_FOLD_H

#include "model/bag.h"
#include "model/catalog.h"

/* What a field reads as. */
struct reading {
    struct bytes *values; /* none: cleared or never written; more than one: a set or a thread */
    size_t count;
    const Hopnhat__Entry *const *entries; /* of each value, the entry that it was taken from */
    bool many;                            /* a set or a thread: an array even with one value */
    bool open;                            /* a conflict that a person settles; the value is provisional */
};

/* Reads one field of a record of that type, taking the field's unit into account. A field that the record
 * does not have reads as cleared. Errors: ERROR_MEMORY, ERROR_CORRUPT (a counter that is no number). */
bool fold_field(const struct catalog_type *type, const Hopnhat__Record *record,
                const Hopnhat__FieldDefinition *definition, struct arena *arena, struct reading *reading,
                struct error *error);

/* How many distinct values stand side by side in a bag (cleared is a value too). */
size_t fold_distinct(const Hopnhat__Field *field);

/* Whether different values stand side by side where one is read: the field has several entries, and they
 * differ in it or in another field of its unit. Never in a retired field. */
bool fold_concurrent(const struct catalog_type *type, const Hopnhat__Record *record,
                     const Hopnhat__FieldDefinition *definition);

/* Whether a policy reads one value out of several, so that others lose. */
bool fold_reads_one(Hopnhat__MergePolicy policy);

/* The entry that is read for LATEST (or for AUTHORITY): NULL for an empty bag. */
const Hopnhat__Entry *fold_latest(const Hopnhat__Field *field);
const Hopnhat__Entry *fold_authority(const Hopnhat__Field *field);

/* The values of the system fields group and owner; empty where not known. Borrowed from the record. */
struct bytes fold_group(const Hopnhat__Record *record);
struct bytes fold_owner(const Hopnhat__Record *record);

/* Whether the record reads as deleted: it has tombstones, and every live entry outside the field `deleted` is
 * listed in one (EDIT_WINS) or there is a tombstone at all (DELETE_WINS). `altered` (may be NULL) tells that
 * a tombstone is there and was overruled by an edit that its author had not seen (EDIT_WINS). Errors:
 * ERROR_MEMORY, ERROR_CORRUPT. */
bool fold_deleted(const struct catalog_type *type, const Hopnhat__Record *record, struct arena *arena,
                  bool *deleted, bool *altered, struct error *error);

/* What the authors of a record's tombstones saw. */
struct tombstones {
    struct entry_list *lists;
    size_t count;
};

/* Reads those of the record, into the arena. Errors: ERROR_MEMORY, ERROR_CORRUPT. */
bool tombstones_read(const Hopnhat__Record *record, struct arena *arena, struct tombstones *tombstones,
                     struct error *error);

/* Whether any of them saw the entry. */
bool tombstones_list(const struct tombstones *tombstones, struct entry_id id);

/* The value of a tombstone over all entries of the record that stand outside the field `deleted`, in the
 * arena. Errors: ERROR_LIMIT, ERROR_MEMORY. */
bool tombstone_pack(const Hopnhat__Record *record, struct arena *arena, struct bytes *value,
                    struct error *error);

/* Whether the value is a tombstone that fold_deleted can read. Errors: ERROR_INPUT, ERROR_LIMIT,
 * ERROR_MEMORY. */
bool tombstone_check(struct bytes value, struct error *error);

#endif
