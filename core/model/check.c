#include "model/check.h"

#include "base/limits.h"
#include "model/fold.h"
#include "model/value.h"

enum { FIRST_CATALOG_NUMBER = 16 }; /* of types and fields; below are those of the system */

struct check {
    const struct catalog *catalog;
    const struct change *change;
    size_t edit;
    const Hopnhat__Record *before;
    const struct office *office; /* NULL: the hub itself */
    const struct catalog_type *type;
    struct bytes owner;
    bool is_new;
    struct error *error;
};

static const Hopnhat__Edit *edit_of(const struct check *check)
{
    return check->change->body->edits[check->edit];
}

static struct bytes value_at(const struct check *check, size_t op)
{
    return change_value(check->change, check->change->first_op[check->edit] + op);
}

/* Whether the edit was made under this catalog. Who wrote under another one could not know that this one
 * requires a field, reads a set as one value or has no more new records of a type: that is taken as it was
 * right there. Built-in types are the same in all. */
static bool knew_catalog(const struct check *check)
{
    return type_definition(check->type)->number < FIRST_CATALOG_NUMBER ||
           check->change->body->catalog == catalog_tag(check->catalog);
}

/* The value that the edit puts into a system field; empty where it does not. */
static struct bytes value_put(const struct change *change, size_t edit, uint32_t field)
{
    const Hopnhat__Edit *ops = change->body->edits[edit];
    for (size_t i = 0; i < ops->n_ops; i++)
        if (ops->ops[i]->field == field && ops->ops[i]->kind == HOPNHAT__OP_KIND__PUT)
            return change_value(change, change->first_op[edit] + i);
    return bytes_of(NULL, 0);
}

/* Whether the edit makes the record: it puts the group, and none is known. */
static bool makes(const struct change *change, size_t edit, const Hopnhat__Record *before)
{
    return value_put(change, edit, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP).size &&
           (!before || fold_group(before).size == 0);
}

/* Whose the record is: as its maker says, or as it stands; nobody's where it is not there. */
static struct bytes owner_of(const struct change *change, size_t edit, const Hopnhat__Record *before)
{
    if (makes(change, edit, before))
        return value_put(change, edit, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER);
    return before ? fold_owner(before) : bytes_of(NULL, 0);
}

static bool is_owner(const struct check *check)
{
    return bytes_equal(check->owner, bytes_of_string(check->office->code));
}

static bool rule_allows(const struct check *check, Hopnhat__WriteRule rule)
{
    if (!check->office)
        return true;
    switch (rule) {
    case HOPNHAT__WRITE_RULE__WRITE_ANY:
        return true;
    case HOPNHAT__WRITE_RULE__WRITE_OWNER_OR_HEADQUARTERS:
        return is_owner(check) || check->office->headquarters;
    case HOPNHAT__WRITE_RULE__WRITE_OWNER:
        return is_owner(check);
    case HOPNHAT__WRITE_RULE__WRITE_HEADQUARTERS:
        return check->office->headquarters;
    default:
        return false;
    }
}

/* Who may move a record that is there to another group, or give it away: its owner and headquarters; of what
 * headquarters writes, headquarters alone. Nobody owns a record that is not there yet. */
static bool may_place(const struct check *check)
{
    bool ours = type_definition(check->type)->write == HOPNHAT__WRITE_RULE__WRITE_HEADQUARTERS;
    return rule_allows(check, ours ? HOPNHAT__WRITE_RULE__WRITE_HEADQUARTERS
                                   : HOPNHAT__WRITE_RULE__WRITE_OWNER_OR_HEADQUARTERS);
}

static bool refuse_rights(const struct check *check, const char *field)
{
    const char *type = type_definition(check->type)->name;
    if (check->is_new && !is_owner(check) &&
        type_definition(check->type)->write != HOPNHAT__WRITE_RULE__WRITE_HEADQUARTERS)
        return error_set(check->error, ERROR_REFUSED,
                         "owner: what office %s makes is its own; it can be given to %.*s once it is there",
                         check->office->code, (int)(check->owner.size > 60 ? 60 : check->owner.size),
                         (const char *)check->owner.data);
    if (!field)
        return error_set(check->error, ERROR_REFUSED, "office %s may not make a new %s", check->office->code,
                         type);
    return error_set(check->error, ERROR_REFUSED, "office %s may not write the field %s of this %s",
                     check->office->code, field, type);
}

/* Whether records of the type hold personal data and are not meant for everyone. */
static bool is_confidential(const Hopnhat__TypeDefinition *type)
{
    for (size_t i = 0; i < type->n_fields; i++)
        if (type->fields[i]->personal)
            return type->audience != HOPNHAT__AUDIENCE__AUDIENCE_EVERYONE;
    return false;
}

/* Group: only into one that the writer is in, and moved only by the owner or headquarters. */
static bool check_group(const struct check *check, struct bytes value)
{
    if (!group_is_sound(value))
        return error_set(check->error, ERROR_INPUT,
                         "group: \"%.*s\" is no group; give everyone, cluster:…, network:… or office:…",
                         (int)(value.size > 80 ? 80 : value.size), (const char *)value.data);
    if (bytes_equal(value, bytes_of_string(GROUP_EVERYONE)) && is_confidential(type_definition(check->type)))
        return error_set(check->error, ERROR_REFUSED,
                         "group: a %s holds personal data and is not for everyone",
                         type_definition(check->type)->name);
    if (!check->office)
        return true;
    if (!office_is_in(check->office, value))
        return error_set(check->error, ERROR_REFUSED, "office %s is not in the group %.*s",
                         check->office->code, (int)value.size, (const char *)value.data);
    return check->is_new || may_place(check) || refuse_rights(check, "group");
}

static bool check_owner(const struct check *check, struct bytes value)
{
    bool may = check->is_new ? !check->office || check->office->headquarters ||
                                   bytes_equal(value, bytes_of_string(check->office->code))
                             : may_place(check);
    if (!may)
        return refuse_rights(check, "owner");
    return office_code_is_sound(value) ||
           error_set(check->error, ERROR_INPUT, "owner: \"%.*s\" is no office's code",
                     (int)(value.size > 80 ? 80 : value.size), (const char *)value.data);
}

static bool policy_knows(const struct check *check, const Hopnhat__FieldDefinition *definition,
                         Hopnhat__OpKind kind)
{
    bool counter = definition->policy == HOPNHAT__MERGE_POLICY__SUM;
    switch (kind) {
    case HOPNHAT__OP_KIND__ADD:
        return counter;
    case HOPNHAT__OP_KIND__DROP:
        if (definition->number < FIRST_CATALOG_NUMBER)
            return definition->number == HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED;
        return !counter && (!fold_reads_one(definition->policy) || !knew_catalog(check));
    default:
        return !counter;
    }
}

/* Whether the field holds the value as it stands. A unit is written whole, and what its author left as it was
 * is not to be refused because the catalog has been narrowed since. */
static bool is_left_as_is(const struct check *check, const Hopnhat__FieldDefinition *definition,
                          struct bytes value)
{
    const Hopnhat__Field *field =
        check->before && definition->unit ? record_field(check->before, definition->number) : NULL;
    for (size_t i = 0; field && i < field->n_entries; i++)
        if (bytes_equal(entry_value(field->entries[i]), value))
            return true;
    return false;
}

static bool check_value(const struct check *check, const Hopnhat__FieldDefinition *definition,
                        Hopnhat__OpKind kind, struct bytes value)
{
    if (definition->number == HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED)
        return tombstone_check(value, check->error);
    if (definition->number == HOPNHAT__SYSTEM_FIELD__SYSTEM_PURGED && value.size)
        return error_set(check->error, ERROR_INPUT, "a purge has no value");
    if (is_left_as_is(check, definition, value))
        return true;
    if (definition->required && kind == HOPNHAT__OP_KIND__PUT && value.size == 0 && knew_catalog(check))
        return error_set(check->error, ERROR_INPUT, "%s is required and cannot be cleared", definition->name);
    if (kind == HOPNHAT__OP_KIND__ADD && value.size == 0)
        return error_set(check->error, ERROR_INPUT, "%s: how much is added?", definition->name);
    return value_check(definition, value, check->error);
}

/* Nobody can say any more what the value was; whether it was to be erased is the hub's to know. */
static bool check_erased(const struct check *check, const Hopnhat__FieldDefinition *definition)
{
    return definition->number >= FIRST_CATALOG_NUMBER ||
           error_set(check->error, ERROR_INPUT, "%s: this field cannot be erased", definition->name);
}

static bool check_op(const struct check *check, size_t place, Hopnhat__RefusalReason *reason)
{
    const Hopnhat__Op *op = edit_of(check)->ops[place];
    const Hopnhat__FieldDefinition *definition = type_field(check->type, op->field);
    struct bytes value = value_at(check, place);
    *reason = HOPNHAT__REFUSAL_REASON__REFUSED_CATALOG;
    if (!definition)
        return error_set(check->error, ERROR_INPUT, "the type %s has no field number %u",
                         type_definition(check->type)->name, op->field);
    if (!policy_knows(check, definition, op->kind))
        return error_set(check->error, ERROR_INPUT, "%s: not an operation of this field's policy",
                         definition->name);
    if (change_is_erased(check->change, check->change->first_op[check->edit] + place)
            ? !check_erased(check, definition)
            : !check_value(check, definition, op->kind, value))
        return false;
    *reason = HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS;
    if (op->merged && check->office)
        return error_set(check->error, ERROR_REFUSED, "%s: texts are merged by the hub alone",
                         definition->name);
    if (op->field == HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP)
        return check_group(check, value);
    if (op->field == HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER)
        return check_owner(check, value);
    if (op->field == HOPNHAT__SYSTEM_FIELD__SYSTEM_PURGED && check->office)
        return refuse_rights(check, definition->name);
    Hopnhat__WriteRule rule = definition->has_write ? definition->write : type_definition(check->type)->write;
    return rule_allows(check, rule) || refuse_rights(check, definition->name);
}

static bool has_value(const struct check *check, uint32_t field)
{
    const Hopnhat__Edit *edit = edit_of(check);
    for (size_t i = 0; i < edit->n_ops; i++)
        if (edit->ops[i]->field == field &&
            (value_at(check, i).size ||
             change_is_erased(check->change, check->change->first_op[check->edit] + i)))
            return true;
    return false;
}

/* Dates in their order, as far as this edit writes both: those of a unit are always written together. */
static bool check_order(const struct check *check)
{
    const Hopnhat__Edit *edit = edit_of(check);
    for (size_t i = 0; i < edit->n_ops; i++) {
        const Hopnhat__FieldDefinition *field = type_field(check->type, edit->ops[i]->field);
        if (!field || !field->not_before)
            continue;
        for (size_t j = 0; j < edit->n_ops; j++) {
            const Hopnhat__FieldDefinition *other = type_field(check->type, edit->ops[j]->field);
            if (other && strcmp(other->name, field->not_before) == 0 &&
                !value_check_order(field, value_at(check, i), other, value_at(check, j), check->error))
                return false;
        }
    }
    return true;
}

/* A new record has a group, an owner and every required field. */
static bool check_new(const struct check *check)
{
    const Hopnhat__TypeDefinition *type = type_definition(check->type);
    if (!has_value(check, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER))
        return error_set(check->error, ERROR_INPUT, "a new %s needs an owner", type->name);
    if (!knew_catalog(check))
        return true;
    if (type->retired)
        return error_set(check->error, ERROR_INPUT, "the type %s is retired: no new records", type->name);
    for (size_t i = 0; i < type->n_fields; i++)
        if (type->fields[i]->required && !type->fields[i]->retired &&
            !has_value(check, type->fields[i]->number))
            return error_set(check->error, ERROR_INPUT, "%s is required", type->fields[i]->name);
    return true;
}

static bool check_visible(const struct check *check)
{
    struct bytes group = check->before ? fold_group(check->before) : bytes_of(NULL, 0);
    if (!check->office || group.size == 0 || office_is_in(check->office, group))
        return true;
    return error_set(check->error, ERROR_REFUSED, "office %s is not in the group of this %s",
                     check->office->code, type_definition(check->type)->name);
}

/* How many values the op's field would hold after the edit. */
static size_t values_after(const struct check *check, uint32_t number)
{
    const Hopnhat__Edit *edit = edit_of(check);
    const Hopnhat__Field *field = check->before ? record_field(check->before, number) : NULL;
    size_t count = field ? field->n_entries : 0, gone = 0;
    for (size_t i = 0; i < edit->n_ops; i++) {
        const Hopnhat__Op *op = edit->ops[i];
        if (op->field != number)
            continue;
        for (size_t j = 0; field && j < op_superseded_count(op); j++)
            gone += bag_find(field, op_superseded(check->change, op, j)) != NULL;
        count += op->kind == HOPNHAT__OP_KIND__PUT;
    }
    return count - (gone < count ? gone : count);
}

/* A set or a thread that is full is told by its name; the merge would only know its number. */
static bool check_room(const struct check *check)
{
    const Hopnhat__Edit *edit = edit_of(check);
    for (size_t i = 0; i < edit->n_ops; i++) {
        const uint32_t number = edit->ops[i]->field;
        const Hopnhat__Field *field = check->before ? record_field(check->before, number) : NULL;
        if ((field ? field->n_entries : 0) + edit->n_ops <= LIMIT_ENTRIES_PER_FIELD ||
            values_after(check, number) <= LIMIT_ENTRIES_PER_FIELD)
            continue;
        return error_set(
            check->error, ERROR_LIMIT,
            "%s is full: it would hold more than %d values; remove some first, or go on in another "
            "%s",
            type_field(check->type, number)->name, LIMIT_ENTRIES_PER_FIELD,
            type_definition(check->type)->name);
    }
    return true;
}

bool check_edit(const struct catalog *catalog, const struct change *change, size_t edit,
                const Hopnhat__Record *before, const struct writer *writer, Hopnhat__RefusalReason *reason,
                struct error *error)
{
    struct check check = {
        .catalog = catalog,
        .change = change,
        .edit = edit,
        .before = before,
        .office = writer->office,
        .type = catalog_type(catalog, change->body->edits[edit]->type),
        .error = error,
    };
    *reason = HOPNHAT__REFUSAL_REASON__REFUSED_CATALOG;
    if (!check.type)
        return error_set(error, ERROR_INPUT, "the catalog has no type number %u",
                         change->body->edits[edit]->type);
    check.is_new = makes(change, edit, before);
    check.owner = owner_of(change, edit, before);
    if (check.is_new && !check_new(&check))
        return false;
    *reason = HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS;
    if (check.is_new && !rule_allows(&check, type_definition(check.type)->write))
        return refuse_rights(&check, NULL);
    if (!check_visible(&check))
        return false;
    for (size_t i = 0; i < edit_of(&check)->n_ops; i++)
        if (!check_op(&check, i, reason))
            return false;
    *reason = HOPNHAT__REFUSAL_REASON__REFUSED_LIMIT;
    if (!check_room(&check))
        return false;
    *reason = HOPNHAT__REFUSAL_REASON__REFUSED_CATALOG;
    return check_order(&check);
}

uint32_t check_rank(const struct change *change, size_t edit, const Hopnhat__Record *before,
                    const struct writer *writer)
{
    if (!writer->office || writer->office->headquarters)
        return HOPNHAT__RANK__RANK_HEADQUARTERS;
    return bytes_equal(owner_of(change, edit, before), bytes_of_string(writer->office->code))
               ? HOPNHAT__RANK__RANK_OWNER
               : HOPNHAT__RANK__RANK_OTHER;
}
