#include "hub/admission.h"

#include "base/defect.h"
#include "base/log.h"
#include "hub/catalogs.h"
#include "hub/erasure.h"
#include "hub/journal.h"
#include "hub/place.h"
#include "hub/purge.h"
#include "hub/quarantine.h"
#include "hub/registry.h"
#include "hub/texts.h"
#include "model/check.h"
#include "store/key.h"
#include "store/meta.h"
#include "store/rows.h"

enum { CHANGE_ARENA_BYTES = 256 * 1024 * 1024 };

/* One edit on its way in. */
struct incoming {
    Hopnhat__Record *record;
    struct place before;
    struct journal_view view;
    uint64_t touched[TOUCHED_NUMBERS]; /* of its log row */
};

bool admission_begin(struct admission *admission, struct hub *hub, uint64_t wall_ms, struct error *error)
{
    *admission = (struct admission){.hub = hub, .received_ms = wall_ms};
    if (!transaction_begin(&admission->transaction, hub->environment, true, error))
        return false;
    arena_init(&admission->arena, CHANGE_ARENA_BYTES);
    admission->work = &admission->arena;
    admission->receipt = clock_next(&hub->clock, wall_ms);
    return true;
}

Hopnhat__Record *hub_record(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                            struct arena *arena)
{
    struct key key;
    key_record(&key, type, id);
    return row_get(transaction, HUB_RECORD, key_bytes(&key), &hopnhat__record__descriptor, arena);
}

static bool was_seen(void *context, struct entry_id id)
{
    const struct admission *admission = context;
    const struct replica *replica = registry_replica(admission->hub, id.dot.replica);
    return replica && id.dot.seq <= replica->watermark;
}

static bool was_refused(void *context, struct entry_id id, struct arena *arena, struct entry_list *superseded)
{
    struct admission *admission = context;
    if (!quarantine_holds(&admission->transaction, id.dot, arena))
        return false;
    *superseded = quarantine_superseded(&admission->transaction, id, arena);
    return true;
}

static struct merge_source source_of(struct admission *admission)
{
    return (struct merge_source){.context = admission, .seen = was_seen, .refused = was_refused};
}

/* The writer of the replica's changes; *office is its memory. False: no such office. */
static bool writer_of(const struct admission *admission, const struct replica *replica, struct writer *writer)
{
    writer->office = NULL;
    if (replica->office[0] == 0)
        return true;
    writer->office = registry_office(admission->hub, replica->office);
    return writer->office != NULL;
}

static uint64_t admitted_time(const struct admission *admission, const struct offer *offer,
                              const struct change *change)
{
    if (DEFECT(CLOCK_BELIEVED))
        return change->body->time;
    uint64_t time = clock_admit(change->body->time, offer->reading, admission->receipt, offer->floor);
    return offer->admitted && offer->admitted < time ? offer->admitted : time;
}

/* A purged record never comes back. *last is the last change of one; that it is purged once more (by the log
 * of a hub that was restored) alters nothing. */
static bool check_purged(struct admission *admission, const Hopnhat__Edit *edit, struct dot *last,
                         Hopnhat__RefusalReason *reason, struct error *error)
{
    *last = purge_last(admission->hub, &admission->transaction, edit->type, edit->record.data);
    *reason = HOPNHAT__REFUSAL_REASON__REFUSED_PURGED;
    return last->seq == 0 || purge_is(edit) || DEFECT(PURGED_RETURNS) ||
           error_set(error, ERROR_REFUSED,
                     "the record was deleted, and has been purged since: add it anew if it is needed");
}

/* Checks and merges one edit in memory. `released`: headquarters has said that it may. */
static bool take_edit(struct admission *admission, const struct change *change, size_t edit,
                      const struct writer *writer, uint64_t time, bool released, struct incoming *incoming,
                      Hopnhat__RefusalReason *reason, struct error *error)
{
    const struct hub *hub = admission->hub;
    const Hopnhat__Edit *ops = change->body->edits[edit];
    const struct merge_source source = source_of(admission);
    struct arena *arena = &admission->arena;
    Hopnhat__Record *before = hub_record(&admission->transaction, ops->type, ops->record.data, arena);
    struct dot purged = {0, 0};
    if (!before && !check_purged(admission, ops, &purged, reason, error))
        return false;
    if (!check_edit(hub->catalog, change, edit, before, writer, reason, error) &&
        !(released && *reason == HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS))
        return false;
    struct merge_stamp stamp = {
        .time = time,
        .rank = check_rank(change, edit, before, writer),
        .rev = hub->rev + 1 + edit,
    };
    *reason = HOPNHAT__REFUSAL_REASON__REFUSED_LIMIT;
    if (!journal_before(hub->catalog, before, ops, arena, &incoming->view, error))
        return false;
    incoming->record = before ? before : record_new(arena, ops->type, ops->record.data);
    if (!incoming->record)
        return out_of_memory(error);
    incoming->before = place_before(incoming->record);
    incoming->touched[TOUCHED_RANK] = stamp.rank;
    incoming->touched[TOUCHED_REPLICA] = before ? before->last_replica : purged.replica;
    incoming->touched[TOUCHED_SEQ] = before ? before->last_seq : purged.seq;
    if (!merge_edit(incoming->record, change, edit, &stamp, &source, arena, error))
        return false;
    /* Packed, a record takes at most 5/4 of its room here and the change's values, half of the bound: most
     * need not be measured. */
    if (arena->used_bytes > LIMIT_RECORD_BYTES / 4 &&
        hopnhat__record__get_packed_size(incoming->record) > LIMIT_RECORD_BYTES)
        return error_set(error, ERROR_LIMIT, "the record would have more than %d bytes", LIMIT_RECORD_BYTES);
    return true;
}

/* A catalog record has come. What a record reads as may change with it: the journal says so, and what reads
 * as deleted is kept for a while from now on. */
static bool take_catalog(struct admission *admission, const Hopnhat__Record *record, struct error *error)
{
    struct catalog *former;
    if (!catalogs_take(admission->hub, &admission->transaction, record, &former, error))
        return false;
    if (!former)
        return true;
    purge_take_catalog(admission, former);
    bool done = journal_reread(admission, former, error);
    catalog_free(former);
    return done;
}

/* What follows from records of built-in types, once all edits of the change have their place. */
static bool follow_up(struct admission *admission, const struct change *change,
                      const struct incoming *incoming, struct error *error)
{
    for (size_t i = 0; i < change->body->n_edits; i++)
        if (change->body->edits[i]->type == HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE &&
            !erasure_take(admission, incoming[i].record, error))
            return false;
    return true;
}

static bool place_edit(struct admission *admission, const struct change *change, size_t edit,
                       struct incoming *incoming, struct error *error)
{
    struct hub *hub = admission->hub;
    incoming->record->has_last_replica = incoming->record->has_last_seq = true;
    incoming->record->last_replica = change->dot.replica;
    incoming->record->last_seq = change->dot.seq;
    if (purge_is(change->body->edits[edit])) {
        bool gone = purge_take(admission, incoming->record, &incoming->before, error);
        incoming->touched[TOUCHED_REV] = hub->rev;
        return gone;
    }
    if (!place_record(hub, &admission->transaction, incoming->record, &incoming->before, &admission->arena,
                      error) ||
        !journal_after(admission, incoming->record, change, edit, &incoming->view, error))
        return false;
    incoming->touched[TOUCHED_REV] = hub->rev;
    if (incoming->record->type == HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE) {
        struct error unreadable; /* without its code it is nobody's office yet */
        return registry_set_office(hub, incoming->record, &unreadable) || unreadable.code == ERROR_CORRUPT ||
               error_set(error, unreadable.code, "%s", unreadable.text);
    }
    if (incoming->record->type == HOPNHAT__BUILT_IN_TYPE__TYPE_CATALOG)
        return take_catalog(admission, incoming->record, error);
    return true;
}

/* The numbers of all edits into the log row. */
static bool note_touched(struct admission *admission, const struct incoming *incoming, size_t count,
                         Hopnhat__LogRow *row)
{
    row->touched = arena_alloc(&admission->arena, count * sizeof incoming->touched);
    for (size_t i = 0; row->touched && i < count; i++)
        memcpy(row->touched + TOUCHED_NUMBERS * i, incoming[i].touched, sizeof incoming[i].touched);
    row->n_touched = row->touched ? TOUCHED_NUMBERS * count : 0;
    return row->touched != NULL;
}

/* The log row (with what the edits touched; none for a refused change) and the replica's new watermark. */
static bool log_change(struct admission *admission, const struct offer *offer, uint64_t time,
                       const struct incoming *incoming, size_t count)
{
    Hopnhat__LogRow row = HOPNHAT__LOG_ROW__INIT;
    struct key key;
    key_dot(&key, offer->replica->number, offer->seq);
    memcpy(offer->replica->link, offer->link, LINK_BYTES);
    row.link = (ProtobufCBinaryData){LINK_BYTES, offer->replica->link};
    row.has_admitted = true;
    row.admitted = time;
    row.logged = (ProtobufCBinaryData){offer->stored.size, (uint8_t *)(uintptr_t)offer->stored.data};
    if (!note_touched(admission, incoming, count, &row))
        return false;
    row_put(&admission->transaction, HUB_LOG, key_bytes(&key), &row.base);
    offer->replica->watermark = offer->seq;
    registry_touch(admission->hub, offer->replica);
    return true;
}

/* What others superseded of it before it came is settled after all. */
static bool settle_refused(struct admission *admission, const struct change *change, struct error *error)
{
    const struct merge_source source = source_of(admission);
    for (size_t i = 0; change->op_count && i < change->body->n_edits; i++) {
        const Hopnhat__Edit *edit = change->body->edits[i];
        Hopnhat__Record *record =
            hub_record(&admission->transaction, edit->type, edit->record.data, &admission->arena);
        struct journal_view view;
        bool altered;
        if (!record)
            continue;
        struct place before = place_before(record);
        if (!journal_before(admission->hub->catalog, record, edit, &admission->arena, &view, error) ||
            !merge_refused_edit(record, change, i, admission->hub->rev + 1, &source, &admission->arena,
                                &altered, error))
            return false;
        if (altered &&
            (!place_altered(admission->hub, &admission->transaction, record, &before, &admission->arena,
                            error) ||
             (!DEFECT(JOURNAL_SKIPS_REFUSED) && !journal_after(admission, record, change, i, &view, error))))
            return false;
    }
    return true;
}

/* What headquarters had decided on the change before the hub was restored: that comes back before the change
 * does. */
static Hopnhat__QuarantineState decided(struct admission *admission, struct dot dot)
{
    return quarantine_decided(&admission->transaction, dot, &admission->arena);
}

static enum admitted refuse(struct admission *admission, const struct offer *offer,
                            const struct change *change, uint64_t time, Hopnhat__RefusalReason reason,
                            const char *text, Hopnhat__Refusal **refusal, struct error *error)
{
    Hopnhat__Quarantined row = HOPNHAT__QUARANTINED__INIT;
    struct key key;
    *refusal = arena_alloc(&admission->arena, sizeof **refusal);
    if (!*refusal || !log_change(admission, offer, time, NULL, 0)) {
        out_of_memory(error);
        return ADMITTED_FAILED;
    }
    hopnhat__refusal__init(*refusal);
    (*refusal)->replica = offer->replica->number;
    (*refusal)->seq = offer->seq;
    (*refusal)->has_reason = true;
    (*refusal)->reason = reason;
    (*refusal)->text = arena_string(&admission->arena, text, strlen(text));
    row.refusal = *refusal;
    row.received_ms = admission->received_ms;
    row.office = offer->replica->office;
    key_dot(&key, offer->replica->number, offer->seq);
    if (decided(admission, (struct dot){offer->replica->number, offer->seq}) ==
        HOPNHAT__QUARANTINE_STATE__QUARANTINE_DROPPED)
        quarantine_recall(&admission->transaction, &row, &admission->arena);
    else
        admission->hub->quarantined++;
    row_put(&admission->transaction, HUB_QUARANTINE, key_bytes(&key), &row.base);
    return settle_refused(admission, change, error) ? ADMITTED_REFUSED : ADMITTED_FAILED;
}

static enum admitted admit(struct admission *admission, const struct offer *offer,
                           const struct change *change, const struct writer *writer, bool released,
                           Hopnhat__Refusal **refusal, struct error *error)
{
    size_t count = change->body->n_edits;
    uint64_t time = admitted_time(admission, offer, change);
    struct incoming *incoming = arena_alloc(&admission->arena, count * sizeof *incoming);
    if (!incoming) {
        out_of_memory(error);
        return ADMITTED_FAILED;
    }
    for (size_t i = 0; i < count; i++) {
        Hopnhat__RefusalReason reason;
        if (take_edit(admission, change, i, writer, time, released, &incoming[i], &reason, error))
            continue;
        if (!released && reason == HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS &&
            decided(admission, change->dot) == HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED)
            return admit(admission, offer, change, writer, true, refusal, error);
        bool too_large = admission->arena.failure == ERROR_LIMIT && !admission->transaction.failed;
        if (!too_large && (error->code == ERROR_MEMORY || admission->transaction.failed))
            return ADMITTED_FAILED;
        return refuse(admission, offer, change, time, reason, error->text, refusal, error);
    }
    for (size_t i = 0; i < count; i++)
        if (!place_edit(admission, change, i, &incoming[i], error))
            return ADMITTED_FAILED;
    if (!log_change(admission, offer, time, incoming, count)) {
        out_of_memory(error);
        return ADMITTED_FAILED;
    }
    return follow_up(admission, change, incoming, error) ? ADMITTED : ADMITTED_FAILED;
}

/* Takes in a change that stands in the log already; its row then says what it touched. */
static bool release_change(struct admission *admission, const struct change *change,
                           const struct writer *writer, bool again, Hopnhat__LogRow *row, struct error *error)
{
    size_t count = change->body->n_edits;
    struct incoming *incoming = arena_alloc(&admission->arena, count * sizeof *incoming);
    struct key key;
    if (!incoming)
        return out_of_memory(error);
    for (size_t i = 0; i < count; i++) {
        Hopnhat__RefusalReason reason;
        if (!take_edit(admission, change, i, writer, row->admitted, again, &incoming[i], &reason, error))
            return false;
    }
    for (size_t i = 0; i < count; i++)
        if (!place_edit(admission, change, i, &incoming[i], error))
            return false;
    if (!note_touched(admission, incoming, count, row))
        return out_of_memory(error);
    key_dot(&key, change->dot.replica, change->dot.seq);
    row_put(&admission->transaction, HUB_LOG, key_bytes(&key), &row->base);
    return follow_up(admission, change, incoming, error);
}

bool admission_release(struct admission *admission, struct dot dot, bool again, struct error *error)
{
    const struct replica *replica = registry_replica(admission->hub, dot.replica);
    struct change change;
    struct writer writer;
    struct key key;
    arena_reset(&admission->arena);
    key_dot(&key, dot.replica, dot.seq);
    Hopnhat__LogRow *row = row_get(&admission->transaction, HUB_LOG, key_bytes(&key),
                                   &hopnhat__log_row__descriptor, &admission->arena);
    if (!row || !replica)
        return error_set(error, ERROR_NOT_FOUND, "the change is in no log here");
    if (!change_unpack(&change, dot, bytes_of(row->logged.data, row->logged.len), &admission->arena, error))
        return error_prefix(error, "it can only be dropped");
    if (!catalogs_know(admission->hub, &admission->transaction, change.body->catalog))
        return error_set(error, ERROR_INPUT, "it was made under a catalog that has not come here");
    if (!writer_of(admission, replica, &writer))
        return error_set(error, ERROR_REFUSED, "there is no office %s any more", replica->office);
    bool done = release_change(admission, &change, &writer, again, row, error);
    return transaction_is_sound(&admission->transaction, error) && done;
}

/* A change that is well formed. */
static enum admitted take_offer(struct admission *admission, const struct offer *offer, bool unasked,
                                Hopnhat__Refusal **refusal, struct error *error)
{
    struct change *change = offer->change;
    struct writer writer;
    uint64_t time = admitted_time(admission, offer, change);
    if (offer->force_refusal)
        return refuse(admission, offer, change, time, HOPNHAT__REFUSAL_REASON__REFUSED_OTHER,
                      offer->force_refusal, refusal, error);
    if (!catalogs_know(admission->hub, &admission->transaction, change->body->catalog))
        return ADMITTED_WAITS;
    if (!writer_of(admission, offer->replica, &writer) ||
        (offer->replica->revoked &&
         decided(admission, change->dot) != HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED))
        return refuse(admission, offer, change, time, HOPNHAT__REFUSAL_REASON__REFUSED_REVOKED,
                      "this replica or its office has been revoked", refusal, error);
    if (unasked)
        return refuse(admission, offer, change, time, HOPNHAT__REFUSAL_REASON__REFUSED_CATALOG,
                      "a value has been erased from it, and headquarters did not ask for that", refusal,
                      error);
    return admit(admission, offer, change, &writer, false, refusal, error);
}

enum admitted admission_offer(struct admission *admission, const struct offer *given,
                              Hopnhat__Refusal **refusal, struct error *error)
{
    struct offer offer = *given;
    bool unasked;
    *refusal = NULL;
    if (offer.seq <= offer.replica->watermark)
        return ADMITTED_BEFORE;
    if (offer.seq != offer.replica->watermark + 1)
        return ADMITTED_GAP;
    arena_reset(&admission->arena);
    if (offer.malformed) {
        offer.change->op_count = 0; /* nothing in it counts */
        return refuse(admission, &offer, offer.change, admission->receipt,
                      HOPNHAT__REFUSAL_REASON__REFUSED_MALFORMED, offer.malformed, refusal, error);
    }
    if (!erasure_clean(admission, offer.change, &offer.stored, &unasked, error))
        return ADMITTED_FAILED;
    enum admitted result = take_offer(admission, &offer, unasked, refusal, error);
    if (admission->transaction.failed) {
        *error = admission->transaction.error;
        return ADMITTED_FAILED;
    }
    return result;
}

bool admission_commit(struct admission *admission, struct error *error)
{
    struct hub *hub = admission->hub;
    struct error reload;
    if (!texts_merge(admission, error))
        log_error("what came in is not stored: %s", error->text);
    registry_save(hub, &admission->transaction);
    meta_put_number(&admission->transaction, HUB_META, "rev", hub->rev);
    meta_put_number(&admission->transaction, HUB_META, "clock", hub->clock.last);
    meta_put_number(&admission->transaction, HUB_META, "conflicts_open", hub->conflicts_open);
    meta_put_number(&admission->transaction, HUB_META, "quarantined", hub->quarantined);
    arena_release(&admission->arena);
    if (transaction_commit(&admission->transaction, error))
        return true;
    if (!hub_reload(hub, &reload))
        error_prefix(error, "%s; and then", reload.text);
    return false;
}

bool admission_abort(struct admission *admission, struct error *error)
{
    texts_forget(admission);
    if (!admission->transaction.handle)
        return true;
    arena_release(&admission->arena);
    transaction_abort(&admission->transaction);
    return hub_reload(admission->hub, error);
}
