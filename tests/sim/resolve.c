/* People settle conflicts: they take one of the values, or write another one. */
#include "people.h"

#include "api/candidate.h"

static bool add_value(struct world *world, const Hopnhat__FieldDefinition *definition, struct arena *arena,
                      struct assignment_list *list)
{
    struct bytes *value = arena_alloc(arena, sizeof *value);
    list->items = arena_alloc(arena, sizeof *list->items);
    if (!value || !list->items)
        return world_fail(world, "out of memory");
    *value = bytes_of_string(wish_word(world, arena));
    list->items[list->count++] = (struct assignment){
        .definition = definition, .kind = ASSIGN_SET, .values = value, .count = value->size ? 1 : 0};
    return true;
}

/* Settles the field, if it is open. */
static bool settle_field(struct world *world, const struct catalog_type *type, const Hopnhat__Record *shown,
                         const Hopnhat__FieldDefinition *definition, struct arena *arena,
                         struct new_edit *edit)
{
    struct assignment_list list = {0};
    struct candidate *candidates;
    struct error error;
    size_t count;
    bool open, take = world_chance(world, 60);
    if (!candidates_find(type, shown, definition, arena, &candidates, &count, &open, &error))
        return world_fail(world, "cannot list what stands side by side: %s", error.text);
    if (!open)
        return false;
    const Hopnhat__Entry *taken = candidates[world_random(world, count)].entry;
    if (take ? !candidate_take(type, shown, definition, taken, arena, &list, &error)
             : !add_value(world, definition, arena, &list))
        return world_fail(world, "cannot take a value: %s", error.text);
    if (!edit_make(type, shown, list.items, list.count, arena, edit, &error))
        return world_fail(world, "cannot settle a conflict: %s", error.text);
    if (take)
        truth_taken(world, shown, definition->number, entry_value(taken));
    edit->note = arena_format(arena, "settled %llu", (unsigned long long)world->steps);
    return edit->op_count > 0;
}

bool resolve_make(struct world *world, const struct catalog_type *type, const Hopnhat__Record *shown,
                  struct arena *arena, struct new_edit *edit, uint32_t *field)
{
    const Hopnhat__TypeDefinition *definition = type_definition(type);
    size_t first = world_random(world, definition->n_fields);
    for (size_t i = 0; i < definition->n_fields && !world->failure[0]; i++) {
        const Hopnhat__FieldDefinition *one = definition->fields[(first + i) % definition->n_fields];
        *field = one->number;
        if (settle_field(world, type, shown, one, arena, edit))
            return true;
    }
    return false;
}

bool resolve_is_open(struct world *world, const struct catalog_type *type, const Hopnhat__Record *record,
                     uint32_t field, struct arena *arena)
{
    struct reading reading;
    struct error error;
    if (!fold_field(type, record, type_field(type, field), arena, &reading, &error))
        return world_fail(world, "cannot read a record: %s", error.text);
    return reading.open;
}

void resolve_note(struct world *world, const char *office, const struct new_edit *edit, uint32_t field)
{
    for (size_t i = 0; i < edit->op_count; i++)
        if (edit->ops[i].field == field && edit->ops[i].kind == HOPNHAT__OP_KIND__PUT)
            truth_settled(world, office, edit->note, edit->ops[i].value);
}
