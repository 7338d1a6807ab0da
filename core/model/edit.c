#include "model/edit.h"

#include "base/defect.h"
#include "model/decimal.h"

static bool was_shown(const Hopnhat__Entry *entry, const struct shown *shown)
{
    if (DEFECT(SEEN_IS_ALL))
        return true;
    return entry->has_rev && entry->rev <= shown->rev;
}

Hopnhat__Record *record_as_shown(const Hopnhat__Record *record, const struct shown *shown,
                                 struct arena *arena)
{
    Hopnhat__Record *copy = record_copy(arena, record);
    for (size_t i = 0; copy && i < copy->n_fields; i++) {
        Hopnhat__Field *field = copy->fields[i];
        size_t kept = 0;
        for (size_t j = 0; j < field->n_entries; j++)
            if (was_shown(field->entries[j], shown))
                field->entries[kept++] = field->entries[j];
        field->n_entries = kept;
    }
    return copy;
}

bool edit_sums_were_shown(const Hopnhat__Record *record, const struct shown *shown,
                          const struct assignment *assignments, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const Hopnhat__FieldDefinition *definition = assignments[i].definition;
        const Hopnhat__Field *field = record_field(record, definition->number);
        if (definition->policy != HOPNHAT__MERGE_POLICY__SUM || assignments[i].kind != ASSIGN_SET)
            continue;
        for (size_t j = 0; field && j < field->n_entries; j++)
            if (!was_shown(field->entries[j], shown))
                return error_set(error, ERROR_REFUSED,
                                 "%s: somebody has added to it since you saw it: look at it again, or say "
                                 "how much to add (%s+=…)",
                                 definition->name, definition->name);
    }
    return true;
}

/* The edit under construction. */
struct maker {
    const struct catalog_type *type;
    const Hopnhat__Record *shown;
    struct arena *arena;
    struct new_edit *edit;
    size_t capacity;
    struct error *error;
};

static struct new_op *add_op(struct maker *maker, uint32_t field, Hopnhat__OpKind kind, struct bytes value)
{
    struct new_edit *edit = maker->edit;
    if (edit->op_count == maker->capacity) {
        size_t capacity = maker->capacity ? 2 * maker->capacity : 16;
        struct new_op *grown = arena_alloc(maker->arena, capacity * sizeof *grown);
        if (!grown) {
            out_of_memory(maker->error);
            return NULL;
        }
        if (edit->op_count)
            memcpy(grown, edit->ops, edit->op_count * sizeof *grown);
        edit->ops = grown;
        maker->capacity = capacity;
    }
    edit->ops[edit->op_count] = (struct new_op){.field = field, .kind = kind, .value = value};
    return &edit->ops[edit->op_count++];
}

/* Names the shown entries of the op's field: all of them, or with `only` those of that value. They are
 * counted before there is room made for them: a bag may be dropped value by value. */
static bool supersede(struct maker *maker, struct new_op *op, const struct bytes *only)
{
    const Hopnhat__Field *field = record_field(maker->shown, op->field);
    size_t shown = field ? field->n_entries : 0, count = 0;
    for (size_t i = 0; i < shown; i++)
        count += !only || bytes_equal(entry_value(field->entries[i]), *only);
    op->superseded.ids = arena_alloc(maker->arena, count * sizeof *op->superseded.ids);
    if (!op->superseded.ids)
        return out_of_memory(maker->error);
    for (size_t i = 0; i < shown; i++)
        if (!only || bytes_equal(entry_value(field->entries[i]), *only))
            op->superseded.ids[op->superseded.count++] = entry_id_of(field->entries[i]);
    return true;
}

/* A register: one entry in the place of all that was shown. */
static bool put_register(struct maker *maker, uint32_t field, struct bytes value)
{
    struct new_op *op = add_op(maker, field, HOPNHAT__OP_KIND__PUT, value);
    return op && supersede(maker, op, DEFECT(PUT_KEEPS_OTHERS) ? &value : NULL);
}

static bool drop_value(struct maker *maker, uint32_t field, struct bytes value)
{
    struct new_op *op = add_op(maker, field, HOPNHAT__OP_KIND__DROP, bytes_of(NULL, 0));
    if (!op || !supersede(maker, op, &value))
        return false;
    if (op->superseded.count == 0)
        maker->edit->op_count--; /* nothing of that value was shown */
    return true;
}

static bool add_member(struct maker *maker, uint32_t field, struct bytes value)
{
    const Hopnhat__Field *bag = record_field(maker->shown, field);
    for (size_t i = 0; bag && i < bag->n_entries; i++)
        if (bytes_equal(entry_value(bag->entries[i]), value))
            return true;
    return add_op(maker, field, HOPNHAT__OP_KIND__PUT, value) != NULL;
}

static bool contains(const struct assignment *assignment, struct bytes value)
{
    for (size_t i = 0; i < assignment->count; i++)
        if (bytes_equal(assignment->values[i], value))
            return true;
    return false;
}

/* Whether the value at `place` is one of those before it, so that it has been dealt with. */
static bool stands_before(const struct bytes *values, size_t place)
{
    for (size_t i = 0; i < place; i++)
        if (bytes_equal(values[i], values[place]))
            return true;
    return false;
}

/* Makes a set exactly the given one. */
static bool set_members(struct maker *maker, const struct assignment *assignment)
{
    uint32_t number = assignment->definition->number;
    struct reading reading;
    if (!fold_field(maker->type, maker->shown, assignment->definition, maker->arena, &reading, maker->error))
        return false;
    for (size_t i = 0; i < reading.count; i++)
        if (!stands_before(reading.values, i) && !contains(assignment, reading.values[i]) &&
            !drop_value(maker, number, reading.values[i]))
            return false;
    for (size_t i = 0; i < assignment->count; i++)
        if (assignment->values[i].size && !stands_before(assignment->values, i) &&
            !add_member(maker, number, assignment->values[i]))
            return false;
    return true;
}

static bool assign_many(struct maker *maker, const struct assignment *assignment)
{
    uint32_t number = assignment->definition->number;
    bool thread = assignment->definition->policy == HOPNHAT__MERGE_POLICY__THREAD;
    if (assignment->kind == ASSIGN_SET && thread && assignment->count)
        return error_set(maker->error, ERROR_INPUT, "%s: a thread is added to (%s+=…), not set",
                         assignment->definition->name, assignment->definition->name);
    if (assignment->kind == ASSIGN_SET)
        return set_members(maker, assignment);
    for (size_t i = 0; i < assignment->count; i++) {
        struct bytes value = assignment->values[i];
        if (value.size == 0)
            return error_set(maker->error, ERROR_INPUT, "%s: an empty value", assignment->definition->name);
        if (!thread && stands_before(assignment->values, i))
            continue;
        bool done = assignment->kind == ASSIGN_REMOVE ? drop_value(maker, number, value)
                    : thread ? add_op(maker, number, HOPNHAT__OP_KIND__PUT, value) != NULL
                             : add_member(maker, number, value);
        if (!done)
            return false;
    }
    return true;
}

/* A counter carries its increment; to set it is to add what is missing. */
static bool assign_counter(struct maker *maker, const struct assignment *assignment)
{
    struct decimal increment = {0}, shown = {0};
    struct reading reading;
    char text[DECIMAL_TEXT_BYTES];
    if (assignment->count > 1)
        return error_set(maker->error, ERROR_INPUT, "%s takes one value", assignment->definition->name);
    if (assignment->count && assignment->values[0].size &&
        !decimal_parse(assignment->values[0], &increment, maker->error))
        return error_prefix(maker->error, "%s", assignment->definition->name);
    if (assignment->kind == ASSIGN_REMOVE)
        increment = decimal_negate(increment);
    if (assignment->kind == ASSIGN_SET) {
        if (!fold_field(maker->type, maker->shown, assignment->definition, maker->arena, &reading,
                        maker->error))
            return false;
        if (reading.count && !decimal_parse(reading.values[0], &shown, maker->error))
            return false;
        if (!decimal_add(increment, decimal_negate(shown), &increment, maker->error))
            return false;
    }
    if (decimal_compare(increment, (struct decimal){0}) == 0)
        return true;
    size_t size = decimal_format(increment, text);
    const uint8_t *copy = arena_copy(maker->arena, text, size);
    if (!copy)
        return out_of_memory(maker->error);
    struct new_op *op =
        add_op(maker, assignment->definition->number, HOPNHAT__OP_KIND__ADD, bytes_of(copy, size));
    return op && supersede(maker, op, NULL);
}

/* Whether the shown bag is just this value, so that writing it again says nothing. */
static bool is_just(const struct maker *maker, uint32_t number, struct bytes value)
{
    const Hopnhat__Field *field = record_field(maker->shown, number);
    if (!field || field->n_entries == 0)
        return value.size == 0;
    return field->n_entries == 1 && bytes_equal(entry_value(field->entries[0]), value);
}

static const struct assignment *assignment_of(const struct assignment *assignments, size_t count,
                                              uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (assignments[i].definition->number == number)
            return &assignments[i];
    return NULL;
}

static struct bytes register_value(const struct assignment *assignment)
{
    return assignment->count ? assignment->values[0] : bytes_of(NULL, 0);
}

/* Writes all fields of a unit: those not assigned as they read. Done once, at the unit's first assigned
 * field. */
static bool assign_unit(struct maker *maker, const Hopnhat__FieldDefinition *const *members,
                        size_t member_count, const struct assignment *assignments, size_t count,
                        const struct assignment *at)
{
    struct bytes *values = arena_alloc(maker->arena, member_count * sizeof *values);
    bool alters = false;
    if (!values)
        return out_of_memory(maker->error);
    for (size_t i = 0; i < member_count; i++) {
        const struct assignment *given = assignment_of(assignments, count, members[i]->number);
        if (given && given < at)
            return true;
        struct reading reading;
        if (!fold_field(maker->type, maker->shown, members[i], maker->arena, &reading, maker->error))
            return false;
        values[i] = given ? register_value(given) : reading.count ? reading.values[0] : bytes_of(NULL, 0);
        alters = alters || !is_just(maker, members[i]->number, values[i]);
    }
    for (size_t i = 0; alters && i < member_count; i++)
        if (!put_register(maker, members[i]->number, values[i]))
            return false;
    return true;
}

static bool assign(struct maker *maker, const struct assignment *assignments, size_t count, size_t place)
{
    const struct assignment *assignment = &assignments[place];
    const Hopnhat__FieldDefinition *definition = assignment->definition;
    size_t members = 0;
    if (definition->policy == HOPNHAT__MERGE_POLICY__UNION ||
        definition->policy == HOPNHAT__MERGE_POLICY__THREAD)
        return assign_many(maker, assignment);
    if (definition->policy == HOPNHAT__MERGE_POLICY__SUM)
        return assign_counter(maker, assignment);
    if (assignment->kind != ASSIGN_SET)
        return error_set(maker->error, ERROR_INPUT, "%s holds one value: use %s=…", definition->name,
                         definition->name);
    if (assignment->count > 1)
        return error_set(maker->error, ERROR_INPUT, "%s takes one value", definition->name);
    if (definition->unit) {
        const Hopnhat__FieldDefinition *const *unit = type_unit(maker->type, definition, &members);
        if (members > 1)
            return assign_unit(maker, unit, members, assignments, count, assignment);
    }
    struct bytes value = register_value(assignment);
    return is_just(maker, definition->number, value) || put_register(maker, definition->number, value);
}

/* A write supersedes the tombstones that its author saw. One of what was there already says only that the
 * record is to be there. */
static bool restore(struct maker *maker)
{
    const uint32_t number = HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED;
    const Hopnhat__Field *field = record_field(maker->shown, number);
    bool deleted;
    if (!field || field->n_entries == 0)
        return true;
    if (!fold_deleted(maker->type, maker->shown, maker->arena, &deleted, NULL, maker->error))
        return false;
    if (!deleted && maker->edit->op_count == 0)
        return true;
    struct new_op *op = add_op(maker, number, HOPNHAT__OP_KIND__DROP, bytes_of(NULL, 0));
    return op && supersede(maker, op, NULL);
}

static void start(struct maker *maker, struct new_edit *edit)
{
    *edit = (struct new_edit){.type = maker->shown->type};
    memcpy(edit->record, maker->shown->id.data, RECORD_ID_BYTES);
    maker->edit = edit;
}

bool edit_make(const struct catalog_type *type, const Hopnhat__Record *shown,
               const struct assignment *assignments, size_t count, struct arena *arena, struct new_edit *edit,
               struct error *error)
{
    struct maker maker = {.type = type, .shown = shown, .arena = arena, .error = error};
    start(&maker, edit);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++)
            if (assignments[j].definition == assignments[i].definition &&
                (assignments[j].kind == ASSIGN_SET || assignments[i].kind == ASSIGN_SET))
                return error_set(error, ERROR_INPUT, "%s is given twice", assignments[i].definition->name);
        if (!assign(&maker, assignments, count, i))
            return false;
    }
    return count == 0 || restore(&maker);
}

bool edit_make_restoration(const struct catalog_type *type, const Hopnhat__Record *shown, struct arena *arena,
                           struct new_edit *edit, struct error *error)
{
    struct maker maker = {.type = type, .shown = shown, .arena = arena, .error = error};
    start(&maker, edit);
    return restore(&maker);
}

bool edit_make_deletion(const Hopnhat__Record *shown, struct arena *arena, struct new_edit *edit,
                        struct error *error)
{
    struct maker maker = {.shown = shown, .arena = arena, .error = error};
    struct bytes tombstone;
    start(&maker, edit);
    return tombstone_pack(shown, arena, &tombstone, error) &&
           put_register(&maker, HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED, tombstone);
}
