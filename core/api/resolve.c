#include "api/handlers.h"

#include "api/assignment.h"
#include "api/candidate.h"
#include "model/value.h"

/* What the request settles on: `take` or `value`. */
static bool read_settlement(struct api_call *call, const struct catalog_type *type,
                            const Hopnhat__Record *shown, const Hopnhat__FieldDefinition *definition,
                            struct assignment_list *list, struct error *error)
{
    const json_t *take = json_object_get(call->body, "take");
    struct candidate *candidates;
    size_t count;
    bool open;
    if (!candidates_find(type, shown, definition, call->arena, &candidates, &count, &open, error))
        return false;
    if (!open)
        return error_set(error, ERROR_INPUT, "%s is not in open conflict; `set` writes it", definition->name);
    error->code = ERROR_NONE;
    const char *value = api_body_string(call, "value", error);
    if (error->code != ERROR_NONE)
        return false;
    if (!take == !value)
        return error_set(error, ERROR_INPUT, "give one of take and value");
    if (!value) {
        json_int_t number = json_is_integer(take) ? json_integer_value(take) : 0;
        if (number < 1 || (uint64_t)number > count)
            return error_set(error, ERROR_INPUT,
                             "take: give a number from 1 to %zu, as `conflicts` shows them", count);
        return candidate_take(type, shown, definition, candidates[number - 1].entry, call->arena, list,
                              error);
    }
    struct bytes *parsed = arena_alloc(call->arena, sizeof *parsed);
    list->items = arena_alloc(call->arena, sizeof *list->items);
    if (!parsed || !list->items)
        return out_of_memory(error);
    if (!value_parse(call->arena, definition, value, parsed, error))
        return false;
    list->items[list->count++] =
        (struct assignment){.definition = definition, .kind = ASSIGN_SET, .values = parsed, .count = 1};
    return true;
}

json_t *handle_resolve(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"field", "take", "value", "note", "author", "token", NULL};
    struct assignment_list list = {0};
    struct shown shown;
    struct new_edit edit;
    const struct catalog_type *type = call_type(call, error);
    if (!type || !api_body_keys(call, keys, error))
        return NULL;
    const char *name = json_string_value(json_object_get(call->body, "field"));
    if (!name) {
        error_set(error, ERROR_INPUT, "field: name the field to settle");
        return NULL;
    }
    const Hopnhat__FieldDefinition *definition = field_known(type, name, error);
    const Hopnhat__Record *record = definition ? call_record(call, type, error) : NULL;
    if (!record || !call_shown(call, record, &shown, error))
        return NULL;
    const Hopnhat__Record *seen = record_as_shown(record, &shown, call->arena);
    if (!seen) {
        out_of_memory(error);
        return NULL;
    }
    if (!read_settlement(call, type, seen, definition, &list, error) ||
        !edit_make(type, seen, list.items, list.count, call->arena, &edit, error))
        return NULL;
    error->code = ERROR_NONE;
    edit.note = api_body_string(call, "note", error);
    if (error->code != ERROR_NONE)
        return NULL;
    return call_write(call, &edit, error);
}
