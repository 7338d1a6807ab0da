#include "hub/journal_row.h"

#include "hub/registry.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

static bool out_of_memory(struct error *error)
{
    return error_set(error, ERROR_MEMORY, "out of memory");
}

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

const bool *journal_before(const struct catalog *catalog, const Hopnhat__Record *record,
                           const Hopnhat__Edit *edit, struct arena *arena)
{
    bool *concurrent = arena_alloc(arena, edit->n_ops * sizeof *concurrent);
    for (size_t i = 0; concurrent && record && i < edit->n_ops; i++) {
        const Hopnhat__Field *field = record_field(record, edit->ops[i]->field);
        concurrent[i] = field && field->n_entries > 1 && fold_distinct(field) > 1 &&
                        single_field(catalog, edit->type, field->number);
    }
    return concurrent;
}

/* type, record id, field, rev of the opening */
static void conflict_key(struct key *key, const Hopnhat__Record *record, uint32_t field, uint64_t rev)
{
    key_record(key, record->type, record->id.data);
    key_add_u32(key, field);
    key_add_u64(key, rev);
}

/* The field's unsettled Resolution; NULL where there is none. */
static Hopnhat__Resolution *find_unsettled(struct admission *admission, const Hopnhat__Record *record,
                                           uint32_t field)
{
    struct key key, prefix;
    struct cursor cursor;
    Hopnhat__Resolution *found = NULL;
    key_record(&prefix, record->type, record->id.data);
    key_add_u32(&prefix, field);
    conflict_key(&key, record, field, UINT64_MAX);
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

static Hopnhat__Candidate *new_candidate(struct admission *admission, Hopnhat__Entry *entry)
{
    Hopnhat__Candidate *candidate = arena_alloc(admission->work, sizeof *candidate);
    const struct replica *replica = registry_replica(admission->hub, entry->replica);
    const char *author = author_of(admission, entry);
    if (!candidate)
        return NULL;
    hopnhat__candidate__init(candidate);
    candidate->entry = entry;
    candidate->office =
        replica ? arena_string(admission->work, replica->office, strlen(replica->office)) : NULL;
    candidate->author = author ? arena_string(admission->work, author, strlen(author)) : NULL;
    return candidate;
}

/* Adds what the bag holds now to those that were listed before. */
static bool add_candidates(struct admission *admission, Hopnhat__Resolution *resolution,
                           const Hopnhat__Field *field, struct error *error)
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
        if (!(all[resolution->n_candidates] = new_candidate(admission, field->entries[i])))
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

Hopnhat__ResolutionState journal_state_under(Hopnhat__MergePolicy policy)
{
    bool person = policy == HOPNHAT__MERGE_POLICY__REVIEW || policy == HOPNHAT__MERGE_POLICY__TEXT;
    return person ? HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN
                  : HOPNHAT__RESOLUTION_STATE__RESOLUTION_BY_RULE;
}

static Hopnhat__Resolution *open_resolution(struct admission *admission, const Hopnhat__Record *record,
                                            const Hopnhat__FieldDefinition *definition)
{
    Hopnhat__Resolution *resolution = arena_alloc(admission->work, sizeof *resolution);
    if (!resolution)
        return NULL;
    hopnhat__resolution__init(resolution);
    resolution->type = record->type;
    resolution->record = record->id;
    resolution->field = definition->number;
    resolution->policy = definition->policy;
    resolution->opened_rev = record->rev;
    resolution->opened_ms = admission->received_ms;
    resolution->state = journal_state_under(definition->policy);
    if (resolution->state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN)
        admission->hub->conflicts_open++;
    return resolution;
}

bool journal_open(struct admission *admission, const Hopnhat__Record *record,
                  const Hopnhat__FieldDefinition *definition, struct error *error)
{
    struct key key;
    Hopnhat__Resolution *resolution = open_resolution(admission, record, definition);
    if (!resolution)
        return out_of_memory(error);
    if (!add_candidates(admission, resolution, record_field(record, definition->number), error) ||
        !journal_set_chosen(admission, resolution, record, definition, error))
        return false;
    conflict_key(&key, record, definition->number, resolution->opened_rev);
    row_put(&admission->transaction, HUB_CONFLICT, key_bytes(&key), &resolution->base);
    return true;
}

static void settle(struct admission *admission, Hopnhat__Resolution *resolution, const struct change *change)
{
    const struct replica *replica = registry_replica(admission->hub, change->dot.replica);
    if (resolution->state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN && admission->hub->conflicts_open)
        admission->hub->conflicts_open--;
    resolution->state = HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED;
    resolution->settled_by_office =
        replica ? arena_string(admission->work, replica->office, strlen(replica->office)) : NULL;
    resolution->settled_by_author = change->body->author;
    resolution->has_settled_ms = true;
    resolution->settled_ms = admission->received_ms;
}

static bool journal_field(struct admission *admission, const Hopnhat__Record *record,
                          const struct change *change, const Hopnhat__FieldDefinition *definition,
                          struct error *error)
{
    const Hopnhat__Field *field = record_field(record, definition->number);
    bool concurrent = field && fold_distinct(field) > 1;
    Hopnhat__Resolution *resolution = find_unsettled(admission, record, definition->number);
    struct key key;
    if (!resolution && !concurrent)
        return true;
    if (!resolution && !(resolution = open_resolution(admission, record, definition)))
        return out_of_memory(error);
    if (concurrent && !add_candidates(admission, resolution, field, error))
        return false;
    if (!concurrent)
        settle(admission, resolution, change);
    if (!journal_set_chosen(admission, resolution, record, definition, error))
        return false;
    conflict_key(&key, record, definition->number, resolution->opened_rev);
    row_put(&admission->transaction, HUB_CONFLICT, key_bytes(&key), &resolution->base);
    return true;
}

bool journal_after(struct admission *admission, const Hopnhat__Record *record, const struct change *change,
                   size_t edit, const bool *concurrent, struct error *error)
{
    const Hopnhat__Edit *ops = change->body->edits[edit];
    for (size_t i = 0; i < ops->n_ops; i++) {
        const Hopnhat__Field *field = record_field(record, ops->ops[i]->field);
        if (!concurrent[i] && !(field && field->n_entries > 1))
            continue;
        const Hopnhat__FieldDefinition *definition =
            single_field(admission->hub->catalog, ops->type, ops->ops[i]->field);
        if (definition && !journal_field(admission, record, change, definition, error))
            return false;
    }
    return true;
}
