#include "model/erasure.h"

#include "model/fold.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_ERASABLE = 16 };

const char ERASURE_ALL[] = "*";

static const uint8_t ERASURE[16] = "hopnhat.erasure";

void erasure_record_id(uint32_t type, const uint8_t id[RECORD_ID_BYTES], uint8_t erasure[RECORD_ID_BYTES])
{
    static const uint8_t no_salt[crypto_generichash_blake2b_SALTBYTES];
    uint8_t text[4 + RECORD_ID_BYTES], hash[32];
    put_u32_le(text, type);
    memcpy(text + 4, id, RECORD_ID_BYTES);
    crypto_generichash_blake2b_salt_personal(hash, sizeof hash, text, sizeof text, NULL, 0, no_salt, ERASURE);
    memcpy(erasure, hash, RECORD_ID_BYTES);
}

void erasure_target_text(uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                         char text[ERASURE_TARGET_TEXT_BYTES])
{
    struct record_id record;
    int size = snprintf(text, ERASURE_TARGET_TEXT_BYTES, "%u/", type);
    memcpy(record.bytes, id, RECORD_ID_BYTES);
    record_id_format(&record, text + size);
}

bool erasure_target(const Hopnhat__Record *erasure, uint32_t *type, uint8_t id[RECORD_ID_BYTES])
{
    const Hopnhat__Field *field = record_field(erasure, ERASURE_TARGET);
    const Hopnhat__Entry *entry = field ? fold_latest(field) : NULL;
    struct bytes value = entry ? entry_value(entry) : bytes_of(NULL, 0);
    char text[ERASURE_TARGET_TEXT_BYTES];
    uint8_t expected[RECORD_ID_BYTES];
    struct record_id record;
    char *end;
    if (value.size == 0 || value.size >= sizeof text)
        return false;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    *type = (uint32_t)strtoul(text, &end, 10);
    if (*end != '/' || !record_id_parse(end + 1, &record))
        return false;
    memcpy(id, record.bytes, RECORD_ID_BYTES);
    erasure_record_id(*type, id, expected);
    return *type >= FIRST_ERASABLE && memcmp(expected, erasure->id.data, RECORD_ID_BYTES) == 0;
}

static bool names_field(const Hopnhat__Entry *entry, uint32_t field)
{
    struct bytes value = entry_value(entry);
    char number[12];
    snprintf(number, sizeof number, "%u", field);
    return bytes_equal(value, bytes_of_string(ERASURE_ALL)) || bytes_equal(value, bytes_of_string(number));
}

/* The next erasure of the field at or after *place, which moves past it; NULL: no more. */
static const Hopnhat__Entry *next_erasure(const Hopnhat__Record *erasure, uint32_t field, size_t *place)
{
    const Hopnhat__Field *all = erasure ? record_field(erasure, ERASURE_FIELDS) : NULL;
    while (all && field >= FIRST_ERASABLE && *place < all->n_entries) {
        const Hopnhat__Entry *entry = all->entries[(*place)++];
        if (names_field(entry, field))
            return entry;
    }
    return NULL;
}

bool erasure_covers(const Hopnhat__Record *erasure, uint32_t field)
{
    size_t place = 0;
    return next_erasure(erasure, field, &place) != NULL;
}

bool erasure_has(const Hopnhat__Record *erasure, struct entry_id id)
{
    const Hopnhat__Field *all = erasure ? record_field(erasure, ERASURE_FIELDS) : NULL;
    return all && bag_find(all, id);
}

static bool op_names(const struct change *change, const Hopnhat__Op *op, const Hopnhat__Entry *entry)
{
    for (size_t i = 0; i < op_superseded_count(op); i++)
        if (entry_id_compare(op_superseded(change, op, i), entry_id_of(entry)) == 0)
            return true;
    return false;
}

bool erasure_takes(const Hopnhat__Record *erasure, const struct change *change, const Hopnhat__Op *op)
{
    const Hopnhat__Entry *entry;
    size_t place = 0;
    if (op->kind == HOPNHAT__OP_KIND__DROP)
        return false;
    while ((entry = next_erasure(erasure, op->field, &place)))
        if (!op_names(change, op, entry))
            return true;
    return false;
}

bool erasure_mark(const Hopnhat__Record *erasure, const struct change *change, size_t edit, bool *takes)
{
    const Hopnhat__Edit *ops = change->body->edits[edit];
    bool any = false;
    for (size_t i = 0; erasure && i < ops->n_ops; i++) {
        size_t number = change->first_op[edit] + i;
        takes[number] = !change_is_erased(change, number) && erasure_takes(erasure, change, ops->ops[i]);
        any = any || takes[number];
    }
    return any;
}

bool erasure_explains(const Hopnhat__Record *erasure, const struct change *change, size_t edit)
{
    const Hopnhat__Edit *ops = change->body->edits[edit];
    for (size_t i = 0; i < ops->n_ops; i++)
        if (change_is_erased(change, change->first_op[edit] + i) &&
            !erasure_covers(erasure, ops->ops[i]->field))
            return false;
    return true;
}

static bool name_in_op(const Hopnhat__Record *erasure, struct new_op *op, struct arena *arena,
                       struct error *error)
{
    const Hopnhat__Entry *entry;
    size_t place = 0, room = op->superseded.count + record_field(erasure, ERASURE_FIELDS)->n_entries;
    struct entry_id *ids = arena_alloc(arena, room * sizeof *ids);
    if (!ids)
        return out_of_memory(error);
    if (op->superseded.count)
        memcpy(ids, op->superseded.ids, op->superseded.count * sizeof *ids);
    op->superseded.ids = ids;
    while ((entry = next_erasure(erasure, op->field, &place)))
        ids[op->superseded.count++] = entry_id_of(entry);
    return true;
}

bool erasure_name(const Hopnhat__Record *erasure, struct new_edit *edit, struct arena *arena,
                  struct error *error)
{
    if (!erasure)
        return true;
    struct new_op *ops = arena_copy(arena, edit->ops, edit->op_count * sizeof *ops);
    if (!ops)
        return out_of_memory(error);
    edit->ops = ops;
    for (size_t i = 0; i < edit->op_count; i++)
        if (ops[i].kind != HOPNHAT__OP_KIND__DROP && erasure_covers(erasure, ops[i].field) &&
            !name_in_op(erasure, &ops[i], arena, error))
            return false;
    return true;
}

bool erasure_was_shown(const Hopnhat__Record *erasure, const struct new_edit *edit, const struct shown *shown,
                       struct error *error)
{
    for (size_t i = 0; i < edit->op_count; i++) {
        const Hopnhat__Entry *entry;
        size_t place = 0;
        while ((entry = next_erasure(erasure, edit->ops[i].field, &place)))
            if (entry->rev > shown->rev)
                return error_set(error, ERROR_REFUSED,
                                 "headquarters has erased the field number %u of this record since you saw "
                                 "it: look at it again before you write",
                                 edit->ops[i].field);
    }
    return true;
}
