/* Fields of a record and the entries in them: the operations that the merge is made of. All memory is the
 * arena's; a record that is changed must have been unpacked into, or made in, an arena that lives as long. */
#ifndef HOPNHAT_MODEL_BAG_H
#define HOPNHAT_MODEL_BAG_H

#include "base/arena.h"
#include "base/error.h"
#include "model/entry.h"

/* An empty record of that type and id (16 bytes, copied). NULL: out of memory. */
Hopnhat__Record *record_new(struct arena *arena, uint32_t type, const uint8_t id[16]);

/* A record whose arrays are its own and whose fields and entries are shared: a merge into the copy leaves the
 * original as it was. NULL: out of memory. */
Hopnhat__Record *record_copy(struct arena *arena, const Hopnhat__Record *record);

/* The field with that number, or NULL where the record has none. */
Hopnhat__Field *record_field(const Hopnhat__Record *record, uint32_t number);

/* The same, made where there is none. NULL: out of memory. */
Hopnhat__Field *record_field_make(struct arena *arena, Hopnhat__Record *record, uint32_t number);

/* Puts *field (taken as it is, not copied) in the place of the field with its number. False: out of memory.
 */
bool record_field_replace(struct arena *arena, Hopnhat__Record *record, Hopnhat__Field *field);

/* The entry with that id, or NULL. */
Hopnhat__Entry *bag_find(const Hopnhat__Field *field, struct entry_id id);

/* Puts the entry (taken as it is, not copied) into the bag, in place of one with the same id if there is one.
 * Errors: LIMIT_ENTRIES_PER_FIELD, memory; then the field is as before. */
bool bag_put(struct arena *arena, Hopnhat__Field *field, Hopnhat__Entry *entry, struct error *error);

/* Takes the entry with that id out of the bag. Returns whether it was there. */
bool bag_take(Hopnhat__Field *field, struct entry_id id);

/* Remembers that id was superseded before it came. Errors: LIMIT_ABSENT_PER_FIELD, memory. */
bool absent_put(struct arena *arena, Hopnhat__Field *field, struct entry_id id, struct error *error);

/* Whether id is remembered so. */
bool absent_has(const Hopnhat__Field *field, struct entry_id id);

/* Forgets it again. Returns whether it was remembered. */
bool absent_take(Hopnhat__Field *field, struct entry_id id);

/* The bytes of an entry's value; empty for a cleared one. */
static inline struct bytes entry_value(const Hopnhat__Entry *entry)
{
    return entry->has_value ? bytes_of(entry->value.data, entry->value.len) : bytes_of(NULL, 0);
}

#endif
