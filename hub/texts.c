#include "hub/texts.h"

#include "base/log.h"
#include "hub/headquarters.h"
#include "hub/text_base.h"
#include "hub/text_merge.h"
#include "model/fold.h"

#include <stdlib.h>

enum { TEXT_ARENA_BYTES = 256 * 1024 * 1024 };

/* A field in which different texts stand. */
struct text_place {
    uint32_t type, field;
    uint8_t record[RECORD_ID_BYTES];
};

/* One such field while it is merged. */
struct merging {
    struct admission *admission;
    const Hopnhat__Record *record;
    const Hopnhat__Field *field;
    const Hopnhat__Entry *texts[LIMIT_TEXT_VALUES]; /* one for each value, as they were written */
    size_t count;
    struct arena *arena;
    struct error *error;
};

bool texts_note(struct admission *admission, const Hopnhat__Record *record, uint32_t field,
                struct error *error)
{
    struct text_place place = {.type = record->type, .field = field};
    memcpy(place.record, record->id.data, RECORD_ID_BYTES);
    if (admission->text_count == LIMIT_TEXTS_PER_TURN)
        return true;
    for (size_t i = 0; i < admission->text_count; i++)
        if (memcmp(&admission->texts[i], &place, sizeof place) == 0)
            return true;
    if (admission->text_count == admission->text_capacity) {
        size_t capacity = admission->text_capacity ? 2 * admission->text_capacity : 16;
        struct text_place *grown = realloc(admission->texts, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory(error);
        admission->texts = grown;
        admission->text_capacity = capacity;
    }
    admission->texts[admission->text_count++] = place;
    return true;
}

void texts_forget(struct admission *admission)
{
    free(admission->texts);
    admission->texts = NULL;
    admission->text_count = admission->text_capacity = 0;
}

static bool is_earlier(const Hopnhat__Entry *a, const Hopnhat__Entry *b)
{
    return a->time != b->time ? a->time < b->time : entry_id_compare(entry_id_of(a), entry_id_of(b)) < 0;
}

/* Lists the different texts, the earlier first. False where there are too few, or too many to try. */
static bool list_texts(struct merging *merging)
{
    merging->count = 0;
    for (size_t i = 0; i < merging->field->n_entries; i++) {
        const Hopnhat__Entry *entry = merging->field->entries[i];
        size_t place = 0;
        while (place < merging->count && !bytes_equal(entry_value(merging->texts[place]), entry_value(entry)))
            place++;
        if (place < merging->count || !entry->has_value)
            continue;
        if (merging->count == LIMIT_TEXT_VALUES)
            return false;
        for (place = merging->count++; place && is_earlier(entry, merging->texts[place - 1]); place--)
            merging->texts[place] = merging->texts[place - 1];
        merging->texts[place] = entry;
    }
    return merging->count > 1;
}

/* What the two make together; *text stays as it was where they make nothing. */
static bool merge_pair(const struct merging *merging, const Hopnhat__Entry *left, const Hopnhat__Entry *right,
                       struct bytes *text, bool *clean)
{
    struct text_base base;
    *clean = false;
    if (!text_base_find(&merging->admission->transaction, left, right, merging->arena, &base, merging->error))
        return false;
    if (base.found == TEXT_BASE_NONE)
        return true;
    if (base.found == TEXT_BASE_DECIDED) {
        *text = entry_value(base.decision);
        return *clean = true;
    }
    return text_merge(base.text, entry_value(left), entry_value(right), merging->arena, text, clean,
                      merging->error);
}

/* Writes the text over all entries that hold one of the two. */
static bool write_text(const struct merging *merging, const Hopnhat__Entry *left, const Hopnhat__Entry *right,
                       struct bytes text)
{
    struct admission *admission = merging->admission;
    struct new_op op = {.field = merging->field->number, .value = text, .merged = true};
    struct new_edit edit = {.type = merging->record->type, .ops = &op, .op_count = 1};
    memcpy(edit.record, merging->record->id.data, RECORD_ID_BYTES);
    op.superseded.ids = arena_alloc(merging->arena, merging->field->n_entries * sizeof *op.superseded.ids);
    if (!op.superseded.ids)
        return out_of_memory(merging->error);
    for (size_t i = 0; i < merging->field->n_entries; i++) {
        struct bytes value = entry_value(merging->field->entries[i]);
        if (bytes_equal(value, entry_value(left)) || bytes_equal(value, entry_value(right)))
            op.superseded.ids[op.superseded.count++] = entry_id_of(merging->field->entries[i]);
    }
    if (!headquarters_check(admission->hub, &edit, merging->record, merging->error))
        return false;
    if (headquarters_write_in(admission->hub, admission, &edit, 1, NULL, NULL, merging->error))
        return true;
    enum error_code code = merging->error->code;
    if (code != ERROR_REFUSED && code != ERROR_INPUT && code != ERROR_LIMIT) /* it broke off half-way */
        transaction_fail(&admission->transaction, merging->error);
    return false;
}

/* Merges the first two that make a text. *merged: there were such. */
static bool merge_some(const struct merging *merging, bool *merged)
{
    *merged = false;
    for (size_t i = 0; i < merging->count; i++)
        for (size_t j = i + 1; j < merging->count; j++) {
            struct bytes text;
            if (!merge_pair(merging, merging->texts[i], merging->texts[j], &text, merged))
                return false;
            if (*merged)
                return write_text(merging, merging->texts[i], merging->texts[j], text);
        }
    return true;
}

/* Reads the field and merges two of its texts. *merged: there may be more to do. */
static bool merge_place(struct admission *admission, const struct text_place *place, struct arena *arena,
                        bool *merged, struct error *error)
{
    struct merging merging = {.admission = admission, .arena = arena, .error = error};
    const struct catalog_type *type = catalog_type(admission->hub->catalog, place->type);
    const Hopnhat__FieldDefinition *definition = type ? type_field(type, place->field) : NULL;
    bool deleted;
    *merged = false;
    merging.record = hub_record(&admission->transaction, place->type, place->record, arena);
    merging.field = merging.record ? record_field(merging.record, place->field) : NULL;
    if (!merging.field || !definition || definition->policy != HOPNHAT__MERGE_POLICY__TEXT ||
        !list_texts(&merging))
        return true;
    return fold_deleted(type, merging.record, arena, &deleted, NULL, error) &&
           (deleted || merge_some(&merging, merged));
}

bool texts_merge(struct admission *admission, struct error *error)
{
    struct arena arena;
    arena_init(&arena, TEXT_ARENA_BYTES);
    for (size_t i = 0; i < admission->text_count && !admission->transaction.failed; i++) {
        bool merged = true;
        while (merged && !admission->transaction.failed) {
            arena_reset(&arena);
            if (!merge_place(admission, &admission->texts[i], &arena, &merged, error)) {
                log_error("texts that a person can settle were not merged: %s", error->text);
                merged = false;
            }
        }
    }
    arena_release(&arena);
    texts_forget(admission);
    return transaction_is_sound(&admission->transaction, error);
}
