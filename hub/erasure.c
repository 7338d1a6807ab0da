#include "hub/erasure.h"

#include "base/defect.h"
#include "hub/erasure_parts.h"
#include "hub/headquarters.h"
#include "hub/place.h"
#include "hub/purge.h"
#include "hub/session.h"
#include "model/erasure.h"
#include "model/fold.h"
#include "store/key.h"

#include <stdio.h>

enum { ERASING_ARENA_BYTES = 64 * 1024 * 1024, MOST_REASON_BYTES = 1000 };

Hopnhat__Record *hub_erasure(const struct hub *hub, struct transaction *transaction, uint32_t type,
                             const uint8_t id[RECORD_ID_BYTES], struct arena *arena)
{
    uint8_t erasure[RECORD_ID_BYTES];
    if (!hub->erasures || type < FIRST_CATALOG_TYPE)
        return NULL;
    erasure_record_id(type, id, erasure);
    return hub_record(transaction, HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE, erasure, arena);
}

/* --- what comes later --- */

bool erasure_clean(struct admission *admission, struct change *clean, struct bytes *stored, bool *unasked,
                   struct error *error)
{
    struct arena *arena = &admission->arena;
    bool any = false, *takes = NULL;
    *unasked = false;
    for (size_t i = 0; i < clean->body->n_edits; i++) {
        const Hopnhat__Edit *edit = clean->body->edits[i];
        const Hopnhat__Record *erasure =
            hub_erasure(admission->hub, &admission->transaction, edit->type, edit->record.data, arena);
        *unasked = *unasked || !erasure_explains(erasure, clean, i);
        if (!erasure)
            continue;
        if (!takes && !(takes = arena_alloc(arena, clean->op_count * sizeof *takes)))
            return out_of_memory(error);
        any = erasure_mark(erasure, clean, i, takes) || any;
    }
    return !any || DEFECT(ERASED_COMES_LATE) ||
           (change_erase(clean, takes, arena, stored, error) &&
            change_unpack(clean, clean->dot, *stored, arena, error));
}

/* --- carrying it out --- */

static bool is_counter(const struct taking *taking, uint32_t field)
{
    const struct catalog_type *type = catalog_type(taking->admission->hub->catalog, taking->type);
    const Hopnhat__FieldDefinition *definition = type ? type_field(type, field) : NULL;
    return definition && definition->policy == HOPNHAT__MERGE_POLICY__SUM;
}

static bool add_to_entry(Hopnhat__Entry *total, struct decimal number, struct arena *arena,
                         struct error *error)
{
    struct decimal sum;
    char text[DECIMAL_TEXT_BYTES];
    if (!decimal_parse(entry_value(total), &sum, error) || !decimal_add(sum, number, &sum, error))
        return false;
    total->value.len = decimal_format(sum, text);
    total->value.data = arena_copy(arena, text, total->value.len);
    return total->value.data || out_of_memory(error);
}

/* An increment goes out of the counter's sum. In whose total it is by now nobody knows, and it is no matter.
 */
static bool take_increment(void *context, const Hopnhat__Op *op, struct bytes value, struct error *error)
{
    struct taking *taking = context;
    const Hopnhat__Field *field = taking->record ? record_field(taking->record, op->field) : NULL;
    struct decimal gone;
    return !field || field->n_entries == 0 ||
           (decimal_parse(value, &gone, error) &&
            add_to_entry(field->entries[0], decimal_negate(gone), taking->arena, error));
}

/* The totals put by who had not been told go. What they still come to was added by others, who had, and goes
 * into another total; where there is none, one of them stays. */
static bool take_totals(struct taking *taking, Hopnhat__Field *field, struct arena *step, struct error *error)
{
    struct decimal rest = {0}, one;
    Hopnhat__Entry *last = NULL;
    for (size_t i = 0; i < field->n_entries;) {
        bool goes;
        arena_reset(step);
        if (!erasing_takes_entry(taking, entry_id_of(field->entries[i]), &goes, step, error))
            return false;
        if (!goes) {
            i++;
            continue;
        }
        last = field->entries[i];
        if (!decimal_parse(entry_value(last), &one, error) || !decimal_add(rest, one, &rest, error))
            return false;
        bag_take(field, entry_id_of(last));
    }
    if (decimal_compare(rest, (struct decimal){0}) == 0)
        return true;
    if (field->n_entries)
        return add_to_entry(field->entries[0], rest, taking->arena, error);
    return decimal_parse(entry_value(last), &one, error) &&
           decimal_add(rest, decimal_negate(one), &rest, error) &&
           add_to_entry(last, rest, taking->arena, error) && bag_put(taking->arena, field, last, error);
}

/* Those who had been told named the erasure in this field, perhaps before it came here. */
static void forget_names(const Hopnhat__Record *erasure, Hopnhat__Field *field)
{
    const Hopnhat__Field *all = record_field(erasure, ERASURE_FIELDS);
    for (size_t i = 0; all && i < all->n_entries; i++)
        absent_take(field, entry_id_of(all->entries[i]));
}

static bool take_values(struct taking *taking, Hopnhat__Field *field, struct arena *step, struct error *error)
{
    for (size_t i = 0; i < field->n_entries;) {
        bool goes;
        arena_reset(step);
        if (!erasing_takes_entry(taking, entry_id_of(field->entries[i]), &goes, step, error))
            return false;
        if (goes)
            bag_take(field, entry_id_of(field->entries[i]));
        else
            i++;
    }
    return true;
}

/* Takes out of the bags what was written by who had not been told of the erasure. */
static bool take_entries(struct taking *taking, struct error *error)
{
    Hopnhat__Record *record = taking->record;
    struct arena step;
    bool done = true;
    arena_init(&step, ERASING_ARENA_BYTES);
    for (size_t i = 0; i < record->n_fields && done; i++) {
        Hopnhat__Field *field = record->fields[i];
        if (!erasure_covers(taking->erasure, field->number))
            continue;
        done = is_counter(taking, field->number) ? take_totals(taking, field, &step, error)
                                                 : take_values(taking, field, &step, error);
        forget_names(taking->erasure, field);
        field->has_changed = true;
        field->changed = taking->admission->hub->rev + 1;
    }
    arena_release(&step);
    return done;
}

static bool carry_out(struct taking *taking, struct error *error)
{
    struct admission *admission = taking->admission;
    struct place before;
    if (taking->record)
        before = place_before(taking->record);
    if (!erasing_take_logged(taking, take_increment, error))
        return false;
    if (taking->record && /* placed anew also where nothing went: who looks at it from now on has been told */
        (!take_entries(taking, error) || !place_altered(admission->hub, &admission->transaction,
                                                        taking->record, &before, taking->arena, error)))
        return false;
    return erasing_take_journal(taking, error) && erasing_take_imports(taking, error);
}

bool erasure_take(struct admission *admission, const Hopnhat__Record *erasure, struct error *error)
{
    struct arena arena;
    struct taking taking = {.admission = admission, .erasure = erasure, .arena = &arena};
    admission->hub->erasures = true;
    if (!erasure_target(erasure, &taking.type, taking.id))
        return true;
    arena_init(&arena, ERASING_ARENA_BYTES);
    taking.record = hub_record(&admission->transaction, taking.type, taking.id, &arena);
    bool done = carry_out(&taking, error);
    arena_release(&arena);
    rewrite_plan(&admission->transaction, HUB_META);
    session_forget_seed_keys(admission->hub);
    return done;
}

/* --- writing it --- */

static bool check(const struct hub *hub, const struct erasing *erasing, struct error *error)
{
    const struct catalog_type *type = catalog_type(hub->catalog, erasing->type);
    if (!type || erasing->type < FIRST_CATALOG_TYPE)
        return error_set(error, ERROR_INPUT, "records of this type cannot be erased");
    if (!erasing->reason || !*erasing->reason || strlen(erasing->reason) > MOST_REASON_BYTES)
        return error_set(error, ERROR_INPUT, "an erasure needs a reason, of at most %d bytes",
                         MOST_REASON_BYTES);
    for (size_t i = 0; i < erasing->field_count; i++)
        if (erasing->fields[i] < FIRST_CATALOG_TYPE || !type_field(type, erasing->fields[i]))
            return error_set(error, ERROR_INPUT, "field number %u cannot be erased", erasing->fields[i]);
    return true;
}

/* An op that puts the value over what says the same (`all`: over everything). */
static bool put_over(const Hopnhat__Record *before, uint32_t number, const char *value, bool all,
                     struct new_op *op, struct arena *arena)
{
    const Hopnhat__Field *field = before ? record_field(before, number) : NULL;
    char *copy = arena_string(arena, value, strlen(value));
    *op = (struct new_op){.field = number, .value = bytes_of(copy, strlen(value))};
    op->superseded.ids = arena_alloc(arena, (field ? field->n_entries : 0) * sizeof(struct entry_id));
    if (!copy || !op->superseded.ids)
        return false;
    for (size_t i = 0; field && i < field->n_entries; i++)
        if (all || bytes_equal(entry_value(field->entries[i]), op->value))
            op->superseded.ids[op->superseded.count++] = entry_id_of(field->entries[i]);
    return true;
}

/* An op for the field, and for those of its unit: they were written together. */
static bool put_unit(const struct catalog_type *type, uint32_t field, const Hopnhat__Record *before,
                     struct new_edit *edit, struct arena *arena)
{
    const Hopnhat__FieldDefinition *one = type_field(type, field);
    size_t count = 1;
    const Hopnhat__FieldDefinition *const *unit = type_unit(type, one, &count);
    bool made = true;
    for (size_t i = 0; i < (unit ? count : 1) && made; i++) {
        char number[12];
        bool there = false;
        snprintf(number, sizeof number, "%u", unit ? unit[i]->number : field);
        for (size_t j = 0; j < edit->op_count; j++)
            there = there || bytes_equal(edit->ops[j].value, bytes_of_string(number));
        if (!there)
            made = put_over(before, ERASURE_FIELDS, number, false, &edit->ops[edit->op_count++], arena);
    }
    return made;
}

static bool make_edit(const struct hub *hub, const struct erasing *erasing, const Hopnhat__Record *before,
                      struct arena *arena, struct new_edit *edit)
{
    char target[ERASURE_TARGET_TEXT_BYTES];
    const struct catalog_type *type = catalog_type(hub->catalog, erasing->type);
    size_t most = type_definition(type)->n_fields + 5;
    erasure_record_id(erasing->type, erasing->record, edit->record);
    erasure_target_text(erasing->type, erasing->record, target);
    edit->type = HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE;
    edit->ops = arena_alloc(arena, most * sizeof *edit->ops);
    bool made = edit->ops != NULL;
    for (size_t i = 0; i < erasing->field_count && made; i++)
        made = put_unit(type, erasing->fields[i], before, edit, arena);
    if (made && erasing->field_count == 0)
        made = put_over(before, ERASURE_FIELDS, ERASURE_ALL, false, &edit->ops[edit->op_count++], arena);
    /* the rest again each time: a restored hub may have lost the erasure before, and not this one */
    return made &&
           put_over(before, ERASURE_REASON, erasing->reason, true, &edit->ops[edit->op_count++], arena) &&
           put_over(before, ERASURE_TARGET, target, true, &edit->ops[edit->op_count++], arena) &&
           put_over(before, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, GROUP_EVERYONE, true,
                    &edit->ops[edit->op_count++], arena) &&
           put_over(before, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, HEADQUARTERS_OWNER, true,
                    &edit->ops[edit->op_count++], arena);
}

/* What was erased of the record before, and whether there is anything to erase. */
static bool look_up(struct hub *hub, const struct erasing *erasing, struct arena *arena,
                    const Hopnhat__Record **before, struct error *error)
{
    struct transaction transaction;
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return false;
    *before = hub_erasure(hub, &transaction, erasing->type, erasing->record, arena);
    bool there = *before || hub_record(&transaction, erasing->type, erasing->record, arena) ||
                 purge_last(hub, &transaction, erasing->type, erasing->record).seq;
    if (transaction.failed)
        *error = transaction.error;
    else if (!there)
        error_set(error, ERROR_NOT_FOUND, "there is no such record");
    there = there && !transaction.failed;
    transaction_abort(&transaction);
    return there;
}

bool erasure_write(struct hub *hub, const struct erasing *erasing, uint64_t wall_ms, struct error *error)
{
    struct arena arena;
    struct new_edit edit = {0};
    const Hopnhat__Record *before;
    if (!check(hub, erasing, error))
        return false;
    arena_init(&arena, ERASING_ARENA_BYTES);
    bool done = look_up(hub, erasing, &arena, &before, error) &&
                (make_edit(hub, erasing, before, &arena, &edit) || out_of_memory(error)) &&
                headquarters_write(hub, &edit, 1, erasing->author, wall_ms, error);
    arena_release(&arena);
    return done;
}
