#include "api/import.h"
#include "base/text.h"
#include "net/loop.h"

#include <stdio.h>

bool import_is_about_input(const struct error *error)
{
    return error->code == ERROR_INPUT || error->code == ERROR_LIMIT || error->code == ERROR_REFUSED ||
           error->code == ERROR_NOT_FOUND;
}

bool import_may_go_on(struct error *error)
{
    return !loop_stop_waits() ||
           error_set(error, ERROR_UNAVAILABLE, "the service is being stopped: nothing has been changed");
}

void import_problem_add(struct import_problem *problem, const char *field, const char *reason)
{
    size_t used = strlen(problem->reason), name = field ? strlen(field) : 0;
    /* errors of values begin with the field's name, which stands for itself here */
    if (name && strncmp(reason, field, name) == 0 && strncmp(reason + name, ": ", 2) == 0)
        reason += name + 2;
    if (used == 0) {
        problem->field = field;
        snprintf(problem->reason, sizeof problem->reason, "%s", reason);
    } else {
        snprintf(problem->reason + used, sizeof problem->reason - used, "; %s%s%s", field ? field : "",
                 field ? ": " : "", reason);
    }
}

/* A reason may have been cut within a letter: it is made text again. */
static void mend(char *text)
{
    for (size_t size = strlen(text); size > 0 && !text_is_utf8(bytes_of_string(text)); size--)
        text[size - 1] = '\0';
}

static bool reject(struct import *import, size_t line, struct import_problem *problem, struct error *error)
{
    mend(problem->reason);
    json_t *row = json_pack("{s:I, s:s?, s:s}", "line", (json_int_t)line, "field", problem->field, "reason",
                            problem->reason);
    return (row && json_array_append_new(import->rejected, row) == 0) || out_of_memory(error);
}

static size_t used_cells(const struct list_row *row)
{
    size_t count = row->count;
    while (count > 0 && text_trim(row->cells[count - 1]).size == 0)
        count--;
    return count;
}

bool import_is_shaped(const struct import *import, const struct list_row *row)
{
    return row->count >= import->head.count && used_cells(row) <= import->head.count && !row->too_wide;
}

static void check_shape(const struct import *import, const struct list_row *row,
                        struct import_problem *problem)
{
    char reason[160];
    if (row->unclosed)
        import_problem_add(problem, NULL, "a quote in it is not closed where it should be");
    if (row->unclosed || import_is_shaped(import, row))
        return;
    snprintf(reason, sizeof reason, "%s%zu cells, and the list has %zu columns",
             row->too_wide ? "more than " : "", row->count, import->head.count);
    import_problem_add(problem, NULL, reason);
}

static bool is_assigned(const struct assignment_list *list, uint32_t field)
{
    const struct assignment *assignment = assignment_of_field(list, field);
    return assignment && assignment->count;
}

static void check_required(const struct import *import, const struct assignment_list *list,
                           struct import_problem *problem)
{
    const Hopnhat__TypeDefinition *type = type_definition(import->type);
    for (size_t i = 0; i < type->n_fields; i++)
        if (type->fields[i]->required && !type->fields[i]->retired &&
            !is_assigned(list, type->fields[i]->number))
            import_problem_add(problem, type->fields[i]->name, "is required");
}

enum { GROUP = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, OWNER = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER };

/* What the daemon takes for a group or an owner that the row does not name: the same for all rows, but for
 * those that name an owner. */
static bool find_defaults(struct import *import, const struct assignment_list *list, const char **group,
                          struct error *error)
{
    const struct records *records = import->call->records;
    const struct assignment *owner = assignment_of_field(list, OWNER);
    const Hopnhat__TypeDefinition *type = type_definition(import->type);
    bool wants_group = !assignment_of_field(list, GROUP);
    if (owner) {
        const char *text = arena_string(&import->edits, owner->values[0].data, owner->values[0].size);
        return text ? !wants_group ||
                          records->defaults(import->context, type, text, &import->edits, group, NULL, error)
                    : out_of_memory(error);
    }
    if ((!import->owner || (wants_group && !import->group)) &&
        !records->defaults(import->context, type, NULL, import->call->arena,
                           wants_group ? &import->group : NULL, &import->owner, error))
        return false;
    *group = import->group;
    return true;
}

/* Adds group and owner where the row names none. */
static bool complete(struct import *import, struct assignment_list *list, struct import_problem *problem,
                     struct error *error)
{
    const char *group = NULL;
    if (!find_defaults(import, list, &group, error)) {
        import_problem_add(problem, NULL, error->text);
        return import_is_about_input(error);
    }
    return (assignment_of_field(list, GROUP) ||
            assignment_add(list, import->type, GROUP, group, &import->edits, error)) &&
           (assignment_of_field(list, OWNER) ||
            assignment_add(list, import->type, OWNER, import->owner, &import->edits, error));
}

/* Makes the edit and asks whether it would be taken. Problems are noted. False: memory, the store. */
static bool make_edit(struct import *import, const struct list_row *row, const struct import_target *target,
                      struct new_edit *edit, struct import_problem *problem, struct error *error)
{
    struct assignment_list list;
    const Hopnhat__Record *before = target->before;
    if (!import_read_values(import, row, before, &list, problem, error))
        return false;
    if (!before && !*problem->reason) {
        check_required(import, &list, problem);
        if (!*problem->reason && !complete(import, &list, problem, error))
            return false;
    }
    if (*problem->reason)
        return true;
    if (!before)
        before = record_new(&import->edits, type_definition(import->type)->number, target->id);
    if (!before)
        return out_of_memory(error);
    if (edit_make(import->type, before, list.items, list.count, &import->edits, edit, error) &&
        (edit->op_count == 0 || (owner_is_known(import->call->records, edit, true, &import->edits, error) &&
                                 import->bulk->check(import->context, edit, target->before, error))))
        return true;
    import_problem_add(problem, NULL, error->text);
    return import_is_about_input(error);
}

static bool take(struct import *import, const struct list_row *row, struct import_problem *problem,
                 struct error *error)
{
    struct import_target target;
    struct new_edit edit = {0};
    if (!import_find_target(import, row, &target, problem, error))
        return false;
    if (target.repeats)
        import->unchanged++;
    if (target.repeats || *problem->reason)
        return true;
    if (!make_edit(import, row, &target, &edit, problem, error))
        return false;
    if (*problem->reason)
        return true;
    import_target_taken(import, row, &target);
    if (edit.op_count == 0)
        import->unchanged++;
    else if (target.before)
        import->changed++;
    else
        import->added++;
    return edit.op_count == 0 || import_batch_add(import, &edit, target.before, error);
}

bool import_row(struct import *import, const struct list_row *row, struct error *error)
{
    struct import_problem problem = {0};
    if (import->batch_count == 0)
        arena_reset(&import->edits);
    else if (import->edits.used_bytes > IMPORT_ARENA_FLUSH_BYTES && !import_batch_flush(import, error))
        return false;
    if (list_is_blank(row))
        return true;
    if (list_is_total(row, &import->row))
        return json_array_append_new(import->totals, json_integer((json_int_t)row->line)) == 0 ||
               out_of_memory(error);
    if (++import->rows > LIMIT_IMPORT_ROWS)
        return error_set(error, ERROR_LIMIT, "line %zu: more than %d rows in one list", row->line,
                         LIMIT_IMPORT_ROWS);
    check_shape(import, row, &problem);
    if (!*problem.reason && !take(import, row, &problem, error))
        return false;
    return !*problem.reason || reject(import, row->line, &problem, error);
}
