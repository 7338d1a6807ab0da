#include "agent/draft.h"

#include "agent/mirror.h"
#include "agent/outvoted.h"
#include "agent/records.h"
#include "base/defect.h"
#include "base/log.h"
#include "model/check.h"
#include "model/merge.h"
#include "store/key.h"
#include "store/rows.h"

#include <inttypes.h>

enum { IN_MIRROR = 1 };

/* merge_source.refused, of own changes; the context is the transaction. */
static bool refused(void *context, struct entry_id id, struct arena *arena, struct entry_list *superseded)
{
    return log_refused(context, id, arena, superseded);
}

static Hopnhat__Draft *load(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                            struct arena *arena)
{
    struct key key;
    key_record(&key, type, id);
    return row_get(transaction, AGENT_DRAFT, key_bytes(&key), &hopnhat__draft__descriptor, arena);
}

static void store(struct transaction *transaction, const Hopnhat__Draft *draft)
{
    struct key key;
    key_record(&key, draft->record->type, draft->record->id.data);
    row_put(transaction, AGENT_DRAFT, key_bytes(&key), &draft->base);
}

Hopnhat__Record *draft_get(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                           struct arena *arena)
{
    Hopnhat__Draft *draft = load(transaction, type, id, arena);
    return draft ? draft->record : NULL;
}

static Hopnhat__EntryId *new_pending(struct dot dot, bool in_mirror, struct arena *arena)
{
    Hopnhat__EntryId *id = arena_alloc(arena, sizeof *id);
    if (!id)
        return NULL;
    hopnhat__entry_id__init(id);
    id->replica = dot.replica;
    id->seq = dot.seq;
    id->has_index = in_mirror;
    id->index = in_mirror ? IN_MIRROR : 0;
    return id;
}

/* A copy of the list with room for one more. NULL: out of memory. */
static Hopnhat__EntryId **with_room(const Hopnhat__Draft *draft, struct arena *arena)
{
    Hopnhat__EntryId **list = arena_alloc(arena, (draft->n_pending + 1) * sizeof(Hopnhat__EntryId *));
    if (list && draft->n_pending)
        memcpy(list, draft->pending, draft->n_pending * sizeof *list);
    return list;
}

/* Applies one edit to a copy of the record. NULL with the error. */
static Hopnhat__Record *apply(const struct agent *agent, struct transaction *transaction,
                              const Hopnhat__Record *before, const struct change *change, size_t edit,
                              struct arena *arena, struct error *error)
{
    const struct writer writer = {&agent->office};
    const struct merge_source source = {
        .context = transaction,
        .refused = transaction_count(transaction, AGENT_REFUSED) ? refused : NULL,
    };
    struct merge_stamp stamp = {.time = change->body->time,
                                .rank = check_rank(change, edit, before, &writer)};
    Hopnhat__Record *record = record_copy(arena, before);
    if (!record) {
        out_of_memory(error);
        return NULL;
    }
    return merge_edit(record, change, edit, &stamp, &source, arena, error) ? record : NULL;
}

bool draft_add(struct agent *agent, struct transaction *transaction, const struct change *change, size_t edit,
               const Hopnhat__Record *before, struct arena *arena, struct error *error)
{
    uint32_t type = change->body->edits[edit]->type;
    const uint8_t *id = change->body->edits[edit]->record.data;
    Hopnhat__Draft *former = load(transaction, type, id, arena), draft = HOPNHAT__DRAFT__INIT;
    const Hopnhat__Record *base = before ? before : record_new(arena, type, id);
    draft.n_pending = former ? former->n_pending : 0;
    if (draft.n_pending >= LIMIT_PENDING_PER_RECORD)
        return error_set(
            error, ERROR_LIMIT,
            "headquarters does not have the last %d changes of this record yet: write to it again "
            "when they have been sent",
            LIMIT_PENDING_PER_RECORD);
    draft.pending = former ? former->pending : NULL;
    draft.pending = with_room(&draft, arena);
    Hopnhat__EntryId *pending = new_pending(change->dot, false, arena);
    if (!base || !draft.pending || !pending)
        return out_of_memory(error);
    draft.pending[draft.n_pending++] = pending;
    draft.record = apply(agent, transaction, base, change, edit, arena, error);
    if (!draft.record)
        return false;
    mirror_number(agent, draft.record, before, NULL);
    if (hopnhat__record__get_packed_size(draft.record) > LIMIT_RECORD_BYTES)
        return error_set(error, ERROR_LIMIT, "the record would have more than %d bytes", LIMIT_RECORD_BYTES);
    store(transaction, &draft);
    mirror_show(agent, transaction, type, id, draft.record, arena);
    return true;
}

static bool is_marked(const struct marks *marks, const Hopnhat__EntryId *id)
{
    for (size_t i = 0; marks && i < marks->count; i++)
        if (marks->replicas[i] == id->replica)
            return id->seq <= marks->watermarks[i];
    return false;
}

/* Applies the pending change's edit of the record. What cannot be applied any more (a bag that others have
 * filled) is left out of the picture, and stays pending. */
static Hopnhat__Record *replay(struct agent *agent, struct transaction *transaction, Hopnhat__Record *record,
                               struct dot dot, struct arena *arena)
{
    struct change change;
    struct error error;
    if (!log_change(transaction, dot, arena, &change))
        return record;
    for (size_t i = 0; i < change.body->n_edits; i++) {
        const Hopnhat__Edit *edit = change.body->edits[i];
        if (edit->type != record->type || memcmp(edit->record.data, record->id.data, RECORD_ID_BYTES) != 0)
            continue;
        Hopnhat__Record *after = apply(agent, transaction, record, &change, i, arena, &error);
        if (after)
            return after;
        if (error.code == ERROR_MEMORY)
            transaction_fail(transaction, &error);
        else
            log_warning("own change %016" PRIx64 ":%" PRIu64 " cannot be shown: %s", dot.replica, dot.seq,
                        error.text);
    }
    return record;
}

/* Drops from the list what is in the mirror or refused. With `marks` the mirror has just come from the hub,
 * and holds nothing above them. */
static void filter(struct transaction *transaction, Hopnhat__Draft *draft, const struct marks *marks,
                   bool mirror_is_new)
{
    size_t kept = 0;
    for (size_t i = 0; i < draft->n_pending; i++) {
        Hopnhat__EntryId *id = draft->pending[i];
        if ((is_marked(marks, id) && !DEFECT(DRAFT_KEEPS_ALL)) ||
            log_is_refused(transaction, (struct dot){id->replica, id->seq}))
            continue;
        if (mirror_is_new)
            id->index = 0;
        draft->pending[kept++] = id;
    }
    draft->n_pending = kept;
}

/* Stores the draft of the changes that are left over the mirror, or removes it. */
static const Hopnhat__Record *rebuild(struct agent *agent, struct transaction *transaction,
                                      Hopnhat__Draft *draft, Hopnhat__Record *mirror, struct arena *arena)
{
    uint32_t type = draft->record->type;
    const uint8_t *id = draft->record->id.data;
    struct key key;
    if (draft->n_pending == 0) {
        key_record(&key, type, id);
        transaction_delete(transaction, AGENT_DRAFT, key_bytes(&key));
        return mirror;
    }
    Hopnhat__Record *record = mirror ? mirror : record_new(arena, type, id);
    if (!record) {
        agent_fail_memory(transaction);
        return NULL;
    }
    for (size_t i = 0; i < draft->n_pending; i++)
        if (draft->pending[i]->index != IN_MIRROR)
            record = replay(agent, transaction, record,
                            (struct dot){draft->pending[i]->replica, draft->pending[i]->seq}, arena);
    mirror_number(agent, record, draft->record, NULL);
    draft->record = record;
    store(transaction, draft);
    return record;
}

/* What of the own changes is in the hub's record, and what others have replaced before it was seen here. */
static void note_admitted(const struct agent *agent, struct transaction *transaction,
                          const Hopnhat__Draft *draft, const Hopnhat__Record *mirror,
                          const struct marks *marks, struct arena *arena)
{
    for (size_t i = 0; i < draft->n_pending; i++) {
        struct dot dot = {draft->pending[i]->replica, draft->pending[i]->seq};
        struct change change;
        if (!is_marked(marks, draft->pending[i]) || log_is_refused(transaction, dot))
            continue;
        if (marks->at_hand && dot_compare(marks->at_hand->dot, dot) == 0)
            outvoted_admitted(agent, transaction, marks->at_hand, mirror, arena);
        else if (log_change(transaction, dot, arena, &change))
            outvoted_admitted(agent, transaction, &change, mirror, arena);
    }
}

const Hopnhat__Record *draft_settle(struct agent *agent, struct transaction *transaction, uint32_t type,
                                    const uint8_t id[16], Hopnhat__Record *mirror, const struct marks *marks,
                                    struct arena *arena)
{
    Hopnhat__Draft *draft = load(transaction, type, id, arena);
    if (!draft)
        return mirror;
    if (mirror)
        note_admitted(agent, transaction, draft, mirror, marks, arena);
    filter(transaction, draft, marks, marks != NULL);
    return rebuild(agent, transaction, draft, mirror, arena);
}

void draft_refresh(struct agent *agent, struct transaction *transaction, uint32_t type, const uint8_t id[16],
                   const struct marks *marks, struct arena *arena)
{
    Hopnhat__Draft *draft = load(transaction, type, id, arena);
    if (!draft)
        return;
    size_t before = draft->n_pending;
    filter(transaction, draft, marks, false);
    if (draft->n_pending == before)
        return;
    Hopnhat__Record *mirror = mirror_get(transaction, type, id, arena);
    const Hopnhat__Record *visible = rebuild(agent, transaction, draft, mirror, arena);
    mirror_show(agent, transaction, type, id, visible, arena);
}

void draft_redo(struct agent *agent, struct transaction *transaction, uint32_t type, const uint8_t id[16],
                struct arena *arena)
{
    Hopnhat__Draft *draft = load(transaction, type, id, arena);
    if (!draft)
        return;
    Hopnhat__Record *mirror = mirror_get(transaction, type, id, arena);
    const Hopnhat__Record *visible = rebuild(agent, transaction, draft, mirror, arena);
    mirror_show(agent, transaction, type, id, visible, arena);
}

void draft_confirm(struct agent *agent, struct transaction *transaction, Hopnhat__Record *mirror,
                   const struct marks *marks, struct arena *arena)
{
    uint32_t type = mirror->type;
    const uint8_t *id = mirror->id.data;
    if (!load(transaction, type, id, arena))
        return;
    const Hopnhat__Record *visible = draft_settle(agent, transaction, type, id, mirror, marks, arena);
    mirror_show(agent, transaction, type, id, visible, arena);
}

/* The key of the first draft at or after *key, which moves on past it. */
static bool next_draft(struct transaction *transaction, struct key *key, uint8_t found[RECORD_KEY_BYTES])
{
    struct cursor cursor;
    cursor_open(&cursor, transaction, AGENT_DRAFT);
    bool here = cursor_seek(&cursor, key_bytes(key)) && cursor.key.size == RECORD_KEY_BYTES;
    if (here)
        memcpy(found, cursor.key.data, RECORD_KEY_BYTES);
    cursor_close(&cursor);
    key->size = 0;
    key_add(key, found, here ? RECORD_KEY_BYTES : 0);
    key_add(key, "", 1);
    return here;
}

void draft_refresh_all(struct agent *agent, struct transaction *transaction, const struct marks *marks)
{
    uint8_t found[RECORD_KEY_BYTES] = {0};
    struct key key = {0};
    while (next_draft(transaction, &key, found)) {
        arena_reset(&agent->scratch);
        draft_refresh(agent, transaction, get_u32_be(found), found + 4, marks, &agent->scratch);
    }
}

/* Of each change after `settled` up to the watermark: what is still in a draft was not in the feed. */
static void refresh_of(struct agent *agent, struct transaction *transaction, const struct own_log *log,
                       uint64_t watermark, const struct marks *marks)
{
    struct arena arena;
    struct change change;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    for (uint64_t seq = log->settled + 1; seq <= watermark && !transaction->failed; seq++) {
        arena_reset(&arena);
        if (!log_change(transaction, (struct dot){log->replica, seq}, &arena, &change))
            continue;
        for (size_t i = 0; i < change.body->n_edits; i++) {
            const Hopnhat__Edit *edit = change.body->edits[i];
            arena_reset(&agent->scratch);
            draft_refresh(agent, transaction, edit->type, edit->record.data, marks, &agent->scratch);
        }
    }
    arena_release(&arena);
}

void draft_refresh_head(struct agent *agent, struct transaction *transaction, const struct marks *marks)
{
    const bool any = transaction_count(transaction, AGENT_DRAFT) > 0;
    if (any && !agent->settled)
        draft_refresh_all(agent, transaction, marks);
    for (size_t i = 0; i < marks->count; i++) {
        struct own_log *log = agent_log(agent, marks->replicas[i]);
        if (log && any && agent->settled)
            refresh_of(agent, transaction, log, marks->watermarks[i], marks);
        if (log)
            log->settled = marks->watermarks[i];
    }
    agent->settled = true;
}

/* Where in the list, which is in the order of the logs and their seqs, the change is or would be. */
static size_t place_of(const struct agent *agent, const Hopnhat__Draft *draft, struct dot dot, bool *there)
{
    const struct own_log *log = agent_log(agent, dot.replica);
    size_t place = 0;
    for (; place < draft->n_pending; place++) {
        const Hopnhat__EntryId *id = draft->pending[place];
        const struct own_log *other = agent_log(agent, id->replica);
        if (id->replica == dot.replica ? id->seq >= dot.seq : log && other && other->number > log->number)
            break;
    }
    *there = place < draft->n_pending && draft->pending[place]->replica == dot.replica &&
             draft->pending[place]->seq == dot.seq;
    return place;
}

static void pend_again(struct agent *agent, struct transaction *transaction, struct dot dot,
                       const Hopnhat__Edit *edit, bool was_refused, struct arena *arena)
{
    uint32_t type = edit->type;
    const uint8_t *id = edit->record.data;
    Hopnhat__Record *mirror = mirror_get(transaction, type, id, arena);
    Hopnhat__Draft *draft = load(transaction, type, id, arena), fresh = HOPNHAT__DRAFT__INIT;
    bool there;
    if (!draft) {
        draft = &fresh;
        draft->record = record_new(arena, type, id);
    }
    size_t place = place_of(agent, draft, dot, &there);
    Hopnhat__EntryId **list = with_room(draft, arena),
                     *pending = new_pending(dot, mirror && !was_refused, arena);
    if (there)
        return;
    if (!draft->record || !list || !pending) {
        agent_fail_memory(transaction);
        return;
    }
    memmove(list + place + 1, list + place, (draft->n_pending - place) * sizeof *list);
    list[place] = pending;
    draft->pending = list;
    draft->n_pending++;
    mirror_show(agent, transaction, type, id, rebuild(agent, transaction, draft, mirror, arena), arena);
}

void draft_pend_again(struct agent *agent, struct transaction *transaction, uint64_t replica, uint64_t first,
                      uint64_t last)
{
    struct change change;
    struct key key;
    agent->settled = false;
    for (uint64_t seq = first; seq <= last && !transaction->failed; seq++) {
        struct dot dot = {replica, seq};
        bool was_refused = log_is_refused(transaction, dot);
        arena_reset(&agent->scratch);
        if (was_refused) {
            key_dot(&key, replica, seq);
            transaction_delete(transaction, AGENT_REFUSED, key_bytes(&key));
        }
        if (!log_change(transaction, dot, &agent->scratch, &change))
            continue;
        for (size_t i = 0; i < change.body->n_edits; i++)
            pend_again(agent, transaction, dot, change.body->edits[i], was_refused, &agent->scratch);
    }
}

static bool is_cut(const struct marks *cut, const Hopnhat__EntryId *id)
{
    for (size_t i = 0; i < cut->count; i++)
        if (cut->replicas[i] == id->replica)
            return id->seq > cut->watermarks[i];
    return false;
}

void draft_rename(struct agent *agent, struct transaction *transaction, const Hopnhat__Edit *edit,
                  struct dot dot, const struct marks *cut, struct arena *arena)
{
    uint32_t type = edit->type;
    const uint8_t *id = edit->record.data;
    Hopnhat__Record *mirror = mirror_get(transaction, type, id, arena);
    Hopnhat__Draft *draft = load(transaction, type, id, arena), fresh = HOPNHAT__DRAFT__INIT;
    size_t kept = 0;
    agent->settled = false;
    if (!draft) {
        draft = &fresh;
        draft->record = record_new(arena, type, id);
    }
    Hopnhat__EntryId **list = with_room(draft, arena), *pending = new_pending(dot, false, arena);
    if (!draft->record || !list || !pending) {
        agent_fail_memory(transaction);
        return;
    }
    for (size_t i = 0; i < draft->n_pending; i++)
        if (!is_cut(cut, draft->pending[i]))
            list[kept++] = draft->pending[i];
    list[kept++] = pending;
    draft->pending = list;
    draft->n_pending = kept;
    mirror_show(agent, transaction, type, id, rebuild(agent, transaction, draft, mirror, arena), arena);
}
