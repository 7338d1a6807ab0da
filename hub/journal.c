#include "hub/journal_row.h"

#include "base/defect.h"
#include "hub/headquarters.h"
#include "hub/registry.h"
#include "hub/texts.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

static const char JOURNAL_MERGED[] = "merged paragraph by paragraph";

/* The field's definition where several values in it would be a concurrency; else NULL. */
static const Hopnhat__FieldDefinition *single_field(const struct catalog *catalog, uint32_t type_number,
                                                    uint32_t field)
{
    const struct catalog_type *type = catalog_type(catalog, type_number);
    const Hopnhat__FieldDefinition *definition = type ? type_field(type, field) : NULL;
    if (!definition || field == HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED || !fold_reads_one(definition->policy))
        return NULL;
    return definition;
}

bool journal_deleted(const struct catalog *catalog, const Hopnhat__Record *record, struct arena *arena,
                     bool *deleted, struct error *error)
{
    const Hopnhat__Field *field = record_field(record, HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED);
    const struct catalog_type *type = catalog_type(catalog, record->type);
    *deleted = false;
    return !field || field->n_entries == 0 || !type ||
           fold_deleted(type, record, arena, deleted, NULL, error);
}

bool journal_before(const struct catalog *catalog, const Hopnhat__Record *record, const Hopnhat__Edit *edit,
                    struct arena *arena, struct journal_view *view, struct error *error)
{
    bool *concurrent = arena_alloc(arena, edit->n_ops * sizeof *concurrent);
    *view = (struct journal_view){.concurrent = concurrent};
    if (!concurrent)
        return out_of_memory(error);
    for (size_t i = 0; record && i < edit->n_ops; i++) {
        const Hopnhat__Field *field = record_field(record, edit->ops[i]->field);
        const Hopnhat__FieldDefinition *definition =
            field && field->n_entries > 1 ? single_field(catalog, edit->type, field->number) : NULL;
        concurrent[i] =
            definition && fold_concurrent(catalog_type(catalog, record->type), record, definition);
    }
    return !record || journal_deleted(catalog, record, arena, &view->deleted, error);
}

static void row_key(struct key *key, const Hopnhat__Resolution *row)
{
    key_record(key, row->type, row->record.data);
    key_add_u32(key, row->field);
    key_add_u64(key, row->opened_rev);
}

void journal_state_key(struct key *key, const Hopnhat__Resolution *row)
{
    const uint8_t state = (uint8_t)row->state;
    struct key place;
    row_key(&place, row);
    key->size = 0;
    key_add(key, &state, 1);
    key_add_u64(key, row->state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED ? row->settled_ms
                                                                                 : row->opened_ms);
    key_add(key, place.data, place.size);
}

struct journal_former journal_former(const Hopnhat__Resolution *row)
{
    struct journal_former former = {.there = true};
    journal_state_key(&former.state, row);
    return former;
}

void journal_put(struct admission *admission, const Hopnhat__Resolution *row,
                 const struct journal_former *former)
{
    const uint8_t open = HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN;
    uint64_t *count = &admission->hub->conflicts_open;
    struct key key, state;
    row_key(&key, row);
    journal_state_key(&state, row);
    if (former->there)
        transaction_delete(&admission->transaction, HUB_CONFLICT_STATE, key_bytes(&former->state));
    transaction_put(&admission->transaction, HUB_CONFLICT_STATE, key_bytes(&state), bytes_of("", 0));
    row_put(&admission->transaction, HUB_CONFLICT, key_bytes(&key), &row->base);
    if (former->there && former->state.data[0] == open && *count)
        --*count;
    *count += state.data[0] == open;
}

void journal_forget(struct admission *admission, const Hopnhat__Resolution *row)
{
    const struct journal_former former = journal_former(row);
    struct key key;
    row_key(&key, row);
    transaction_delete(&admission->transaction, HUB_CONFLICT, key_bytes(&key));
    transaction_delete(&admission->transaction, HUB_CONFLICT_STATE, key_bytes(&former.state));
    if (row->state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN && admission->hub->conflicts_open)
        admission->hub->conflicts_open--;
}

Hopnhat__Resolution *journal_unsettled(struct admission *admission, const Hopnhat__Record *record,
                                       uint32_t field)
{
    struct key key, prefix;
    struct cursor cursor;
    Hopnhat__Resolution *found = NULL;
    key_record(&prefix, record->type, record->id.data);
    key_add_u32(&prefix, field);
    key = prefix;
    key_add_u64(&key, UINT64_MAX);
    cursor_open(&cursor, &admission->transaction, HUB_CONFLICT);
    if (cursor_seek_before(&cursor, key_bytes(&key)) && cursor_within(&cursor, key_bytes(&prefix)))
        found = row_unpack(&admission->transaction, cursor.value, &hopnhat__resolution__descriptor,
                           admission->work);
    cursor_close(&cursor);
    return found && found->state != HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED ? found : NULL;
}

static const char *author_of(struct admission *admission, const Hopnhat__Entry *entry)
{
    struct key key;
    key_dot(&key, entry->replica, entry->seq);
    const Hopnhat__LogRow *row = row_get(&admission->transaction, HUB_LOG, key_bytes(&key),
                                         &hopnhat__log_row__descriptor, admission->work);
    struct change change;
    struct error ignored; /* without its author the candidate is still listed */
    if (!row || !change_unpack(&change, entry_id_of(entry).dot, bytes_of(row->logged.data, row->logged.len),
                               admission->work, &ignored))
        return NULL;
    return change.body->author;
}

static bool is_candidate(const Hopnhat__Resolution *resolution, struct entry_id id)
{
    for (size_t i = 0; i < resolution->n_candidates; i++)
        if (entry_id_compare(entry_id_of(resolution->candidates[i]->entry), id) == 0)
            return true;
    return false;
}

/* `change` is on its way in and in no log yet; NULL: there is none such. */
static Hopnhat__Candidate *new_candidate(struct admission *admission, const struct change *change,
                                         Hopnhat__Entry *entry)
{
    Hopnhat__Candidate *candidate = arena_alloc(admission->work, sizeof *candidate);
    const struct replica *replica = registry_replica(admission->hub, entry->replica);
    const char *author = change && dot_compare(entry_id_of(entry).dot, change->dot) == 0
                             ? change->body->author
                             : author_of(admission, entry);
    if (!candidate)
        return NULL;
    hopnhat__candidate__init(candidate);
    candidate->entry = entry;
    const char *office = replica && *replica->office ? replica->office : HEADQUARTERS_OWNER;
    candidate->office = replica ? arena_string(admission->work, office, strlen(office)) : NULL;
    candidate->author = author ? arena_string(admission->work, author, strlen(author)) : NULL;
    return candidate;
}

/* Adds what the bag holds now to those that were listed before. */
static bool add_candidates(struct admission *admission, Hopnhat__Resolution *resolution,
                           const Hopnhat__Field *field, const struct change *change, struct error *error)
{
    size_t room = resolution->n_candidates + field->n_entries;
    Hopnhat__Candidate **all = arena_alloc(admission->work, room * sizeof(Hopnhat__Candidate *));
    if (!all)
        return out_of_memory(error);
    if (resolution->n_candidates)
        memcpy(all, resolution->candidates, resolution->n_candidates * sizeof *all);
    resolution->candidates = all;
    for (size_t i = 0; i < field->n_entries && resolution->n_candidates < JOURNAL_CANDIDATES; i++) {
        if (is_candidate(resolution, entry_id_of(field->entries[i])))
            continue;
        if (!(all[resolution->n_candidates] = new_candidate(admission, change, field->entries[i])))
            return out_of_memory(error);
        resolution->n_candidates++;
    }
    return true;
}

bool journal_set_chosen(struct admission *admission, Hopnhat__Resolution *resolution,
                        const Hopnhat__Record *record, const Hopnhat__FieldDefinition *definition,
                        struct error *error)
{
    struct reading reading;
    const struct catalog_type *type = catalog_type(admission->hub->catalog, record->type);
    if (!fold_field(type, record, definition, admission->work, &reading, error))
        return false;
    const Hopnhat__Entry *entry = reading.entries ? reading.entries[0] : NULL;
    resolution->chosen = NULL;
    resolution->has_chosen_value = false;
    if (!entry)
        return true;
    resolution->chosen = arena_alloc(admission->work, sizeof *resolution->chosen);
    if (!resolution->chosen)
        return out_of_memory(error);
    hopnhat__entry_id__init(resolution->chosen);
    resolution->chosen->replica = entry->replica;
    resolution->chosen->seq = entry->seq;
    resolution->chosen->has_index = true;
    resolution->chosen->index = entry->index;
    resolution->has_chosen_value = entry->has_value;
    resolution->chosen_value = entry->value;
    return true;
}

Hopnhat__ResolutionState journal_state_under(Hopnhat__MergePolicy policy, bool deleted)
{
    if (policy != HOPNHAT__MERGE_POLICY__REVIEW && policy != HOPNHAT__MERGE_POLICY__TEXT)
        return HOPNHAT__RESOLUTION_STATE__RESOLUTION_BY_RULE;
    return deleted ? HOPNHAT__RESOLUTION_STATE__RESOLUTION_DELETED
                   : HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN;
}

static Hopnhat__Resolution *open_resolution(struct admission *admission, const Hopnhat__Record *record,
                                            const Hopnhat__FieldDefinition *definition, bool deleted)
{
    Hopnhat__Resolution *resolution = arena_alloc(admission->work, sizeof *resolution);
    if (!resolution)
        return NULL;
    hopnhat__resolution__init(resolution);
    resolution->type = record->type;
    resolution->record = record->id;
    resolution->field = definition->number;
    resolution->policy = definition->policy;
    resolution->opened_rev = admission->hub->rev;
    resolution->opened_ms = admission->received_ms;
    resolution->state = journal_state_under(definition->policy, deleted);
    return resolution;
}

bool journal_open(struct admission *admission, const Hopnhat__Record *record,
                  const Hopnhat__FieldDefinition *definition, bool deleted, const struct change *change,
                  struct error *error)
{
    const struct journal_former none = {.there = false};
    Hopnhat__Resolution *resolution = open_resolution(admission, record, definition, deleted);
    if (!resolution)
        return out_of_memory(error);
    if (!add_candidates(admission, resolution, record_field(record, definition->number), change, error) ||
        !journal_set_chosen(admission, resolution, record, definition, error))
        return false;
    journal_put(admission, resolution, &none);
    return true;
}

/* An edit on its way into the journal. */
struct entering {
    struct admission *admission;
    const Hopnhat__Record *record;
    const struct change *change;
    const Hopnhat__Edit *edit;
    bool deleted; /* the record reads so after it */
    struct error *error;
};

static void settle(const struct entering *entering, Hopnhat__Resolution *resolution, const Hopnhat__Op *op)
{
    struct admission *admission = entering->admission;
    const struct replica *replica = registry_replica(admission->hub, entering->change->dot.replica);
    const char *office = replica && *replica->office && !DEFECT(SETTLED_BY_HEADQUARTERS) ? replica->office
                                                                                         : HEADQUARTERS_OWNER;
    resolution->state = HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED;
    resolution->settled_by_office = arena_string(admission->work, office, strlen(office));
    resolution->settled_by_author = entering->change->body->author;
    resolution->has_settled_ms = true;
    resolution->settled_ms = admission->received_ms;
    if (op->merged)
        resolution->note = (char *)(uintptr_t)JOURNAL_MERGED;
    else if (entering->edit->note)
        resolution->note = entering->edit->note;
}

void journal_erase(struct admission *admission, Hopnhat__Resolution *row)
{
    static char erased[] = "erased by headquarters";
    struct journal_former former = journal_former(row);
    if (row->state != HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED) {
        row->state = HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED;
        row->settled_by_office = (char *)(uintptr_t)HEADQUARTERS_OWNER;
        row->has_settled_ms = true;
        row->settled_ms = admission->received_ms;
    }
    row->has_erased = row->erased = true;
    for (size_t i = 0; i < row->n_candidates; i++)
        row->candidates[i]->entry->has_value = false;
    row->has_chosen_value = false;
    row->note = erased;
    journal_put(admission, row, &former);
}

static bool journal_field(const struct entering *entering, const Hopnhat__Op *op,
                          const Hopnhat__FieldDefinition *definition)
{
    struct admission *admission = entering->admission;
    const Hopnhat__Record *record = entering->record;
    const Hopnhat__Field *field = record_field(record, definition->number);
    bool concurrent =
        fold_concurrent(catalog_type(admission->hub->catalog, record->type), record, definition);
    Hopnhat__Resolution *resolution = journal_unsettled(admission, record, definition->number);
    struct journal_former former = {.there = false};
    if (!resolution && !concurrent)
        return true;
    if (concurrent && definition->policy == HOPNHAT__MERGE_POLICY__TEXT &&
        !texts_note(admission, record, definition->number, entering->error))
        return false;
    if (!resolution)
        return journal_open(admission, record, definition, entering->deleted, entering->change,
                            entering->error);
    former = journal_former(resolution);
    if (concurrent && !add_candidates(admission, resolution, field, entering->change, entering->error))
        return false;
    if (!concurrent)
        settle(entering, resolution, op);
    if (!journal_set_chosen(admission, resolution, record, definition, entering->error))
        return false;
    journal_put(admission, resolution, &former);
    return true;
}

/* The record was deleted or came back: what is open in it waits, or is open again. */
static bool journal_again(const struct entering *entering)
{
    struct admission *admission = entering->admission;
    const Hopnhat__Record *record = entering->record;
    for (size_t i = 0; i < record->n_fields; i++) {
        const Hopnhat__FieldDefinition *definition =
            single_field(admission->hub->catalog, record->type, record->fields[i]->number);
        Hopnhat__Resolution *row =
            definition ? journal_unsettled(admission, record, record->fields[i]->number) : NULL;
        if (!row)
            continue;
        struct journal_former former = journal_former(row);
        row->state = journal_state_under((Hopnhat__MergePolicy)row->policy, entering->deleted);
        journal_put(admission, row, &former);
        if (!entering->deleted && definition->policy == HOPNHAT__MERGE_POLICY__TEXT &&
            !texts_note(admission, record, definition->number, entering->error))
            return false;
    }
    return true;
}

bool journal_after(struct admission *admission, const Hopnhat__Record *record, const struct change *change,
                   size_t edit, const struct journal_view *before, struct error *error)
{
    struct entering entering = {.admission = admission,
                                .record = record,
                                .change = change,
                                .edit = change->body->edits[edit],
                                .error = error};
    if (!journal_deleted(admission->hub->catalog, record, admission->work, &entering.deleted, error))
        return false;
    for (size_t i = 0; i < entering.edit->n_ops; i++) {
        const Hopnhat__Op *op = entering.edit->ops[i];
        const Hopnhat__Field *field = record_field(record, op->field);
        if (!before->concurrent[i] && !(field && field->n_entries > 1))
            continue;
        const Hopnhat__FieldDefinition *definition =
            single_field(admission->hub->catalog, record->type, op->field);
        if (definition && !journal_field(&entering, op, definition))
            return false;
    }
    return entering.deleted == before->deleted || journal_again(&entering);
}
