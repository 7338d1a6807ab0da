#include "hub/echo.h"

#include "hub/admission.h"
#include "model/bag.h"
#include "store/key.h"
#include "store/rows.h"

/* A change in a log of the hub, and which of its edits is of the record. */
struct found {
    const Hopnhat__LogRow *row;
    struct change change;
    size_t edit;
};

static bool find(struct transaction *transaction, struct dot dot, const Hopnhat__Record *record,
                 struct arena *arena, struct found *found)
{
    struct key key;
    struct error error;
    key_dot(&key, dot.replica, dot.seq);
    const Hopnhat__LogRow *row =
        row_get(transaction, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
    if (!row ||
        !change_unpack(&found->change, dot, bytes_of(row->logged.data, row->logged.len), arena, &error))
        return false;
    const Hopnhat__Change *body = found->change.body;
    found->row = row;
    for (found->edit = 0; found->edit < body->n_edits; found->edit++)
        if (body->edits[found->edit]->type == record->type &&
            memcmp(body->edits[found->edit]->record.data, record->id.data, RECORD_ID_BYTES) == 0)
            return row->n_touched >= TOUCHED_NUMBERS * (found->edit + 1);
    return false;
}

static uint64_t touched(const struct found *found, size_t number)
{
    return found->row->touched[TOUCHED_NUMBERS * found->edit + number];
}

static bool has_op(const Hopnhat__Edit *edit, uint32_t field)
{
    for (size_t i = 0; i < edit->n_ops; i++)
        if (edit->ops[i]->field == field)
            return true;
    return false;
}

/* Whether the reader's state was the one before: the change before was known to it, and no other field has
 * altered since. */
static bool follows(struct transaction *transaction, const struct found *found, const Hopnhat__Record *record,
                    uint64_t base, bool whole, struct arena *arena)
{
    const Hopnhat__Edit *edit = found->change.body->edits[found->edit];
    const struct dot before = {touched(found, TOUCHED_REPLICA), touched(found, TOUCHED_SEQ)};
    struct found former;
    for (size_t i = 0; i < record->n_fields; i++)
        if ((whole || record->fields[i]->changed > base) && !has_op(edit, record->fields[i]->number))
            return false;
    if (before.seq == 0)
        return whole && record->joined == record->rev;
    return !whole && find(transaction, before, record, arena, &former) &&
           touched(&former, TOUCHED_REV) <= base;
}

/* Whether each op did just what it does where nothing is absent or refused. */
static bool is_plain(const struct found *found, const Hopnhat__Record *record)
{
    const Hopnhat__Edit *edit = found->change.body->edits[found->edit];
    for (size_t i = 0; i < edit->n_ops; i++) {
        const Hopnhat__Field *field = record_field(record, edit->ops[i]->field);
        const struct entry_id id = {found->change.dot, (uint32_t)(found->change.first_op[found->edit] + i)};
        if (!field || field->n_absent)
            return false;
        if (edit->ops[i]->kind == HOPNHAT__OP_KIND__DROP)
            continue;
        const Hopnhat__Entry *entry = bag_find(field, id);
        if (!entry || entry->time != found->row->admitted || entry->rank != touched(found, TOUCHED_RANK))
            return false;
    }
    return true;
}

bool echo_find(struct transaction *transaction, const struct feed_reader *reader,
               const Hopnhat__Record *record, uint64_t base, bool whole, struct arena *arena,
               struct echo *echo)
{
    struct found found;
    size_t log = 0;
    while (log < reader->log_count && reader->logs[log] != record->last_replica)
        log++;
    if (log == reader->log_count || record->last_seq == 0 || record->last_seq > reader->heads[log] ||
        record->last_seq <= reader->trimmed[log] ||
        !find(transaction, (struct dot){record->last_replica, record->last_seq}, record, arena, &found))
        return false;
    uint64_t claimed = found.change.body->time, admitted = found.row->admitted;
    if (record->altered > base || touched(&found, TOUCHED_REV) != record->rev ||
        touched(&found, TOUCHED_RANK) > 3 || found.change.logged->n_erased ||
        (claimed & 0xffff) != (admitted & 0xffff) || !is_plain(&found, record) ||
        !follows(transaction, &found, record, base, whole, arena))
        return false;
    *echo = (struct echo){.log = (uint32_t)log,
                          .seq = record->last_seq,
                          .rev = record->rev,
                          .edit = (uint32_t)found.edit,
                          .rank = (uint32_t)touched(&found, TOUCHED_RANK),
                          .moved_ms = (int64_t)(time_ms(admitted) - time_ms(claimed))};
    return true;
}
