/* What people want to write. */
#include "people.h"

#include "model/fold.h"

uint32_t type_of_key(size_t key)
{
    return key == KEYS - 1 ? TYPE_PAPER : TYPE_THING;
}

void wish(struct wishes *wishes, uint32_t field, enum assignment_kind kind, const char *value)
{
    struct bytes *bytes = arena_alloc(wishes->arena, sizeof *bytes);
    const Hopnhat__FieldDefinition *definition = type_field(wishes->type, field);
    if (!bytes || !definition)
        return;
    for (size_t i = 0; i < wishes->count; i++)
        if (wishes->list[i].definition == definition)
            return;
    *bytes = bytes_of_string(value);
    wishes->list[wishes->count++] = (struct assignment){
        .definition = definition, .kind = kind, .values = bytes, .count = value[0] ? 1 : 0};
}

const char *wish_word(struct world *world, struct arena *arena)
{
    static const char *const letters[] = {"a", "b", "c", "d"};
    if (world_chance(world, 5))
        return "";
    return arena_format(arena, "%s%llu.%u", letters[world_random(world, 4)], (unsigned long long)world->steps,
                        world->words++);
}

/* The text with one paragraph altered, put in or taken out. Each paragraph is written once only. */
static const char *rewrite(struct world *world, struct bytes text, struct arena *arena)
{
    size_t count = 1, at = 0;
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == '\n';
    size_t place = world_random(world, count);
    unsigned what = (unsigned)world_random(world, count > 8 ? 2 : 4);
    for (; place && at < text.size; at++)
        place -= text.data[at] == '\n';
    const uint8_t *end = at < text.size ? memchr(text.data + at, '\n', text.size - at) : NULL;
    size_t size = end ? (size_t)(end - (text.data + at)) : text.size - at;
    int before = (int)at, after = (int)(text.size - at - size);
    const char *head = text.size ? (const char *)text.data : "", *tail = head + at + size,
               *fresh = wish_word(world, arena);
    if (!*fresh)
        fresh = arena_format(arena, "e%llu.%u", (unsigned long long)world->steps, world->words++);
    if (text.size == 0)
        return arena_format(arena, "%s1\n%s2\n%s3\n%s4\n%s5", fresh, fresh, fresh, fresh, fresh);
    if (what == 0 && after) /* the paragraph goes, with its line feed */
        return arena_format(arena, "%.*s%.*s", before, head, after - 1, tail + 1);
    if (what == 3) /* one more behind it */
        return arena_format(arena, "%.*s\n%s%.*s", (int)(at + size), head, fresh, after, tail);
    return arena_format(arena, "%.*s%s%.*s", before, head, fresh, after, tail);
}

/* Alters a text as it is shown. */
static void wish_text(struct world *world, struct wishes *wishes, uint32_t field,
                      const Hopnhat__Record *shown)
{
    struct reading reading;
    struct error error;
    if (!fold_field(wishes->type, shown, type_field(wishes->type, field), wishes->arena, &reading, &error))
        world_fail(world, "a text cannot be read: %s", error.text);
    else
        wish(wishes, field, ASSIGN_SET,
             rewrite(world, reading.count ? reading.values[0] : bytes_of(NULL, 0), wishes->arena));
}

/* `shown` is what the writer looks at. */
void wish_anything(struct world *world, struct wishes *wishes, const Hopnhat__Record *shown)
{
    static const char *const members[] = {"p", "q", "r"};
    bool thing = type_definition(wishes->type)->number == TYPE_THING;
    uint32_t field = 16 + (uint32_t)world_random(world, thing ? 16 : 2);
    const char *member = members[world_random(world, 3)];
    switch (thing ? field : 16) {
    case 26:
    case 30:
    case 31: /* more often than others: most texts have nothing beside them */
        wish_text(world, wishes, 26, shown);
        break;
    case 27:
        wish(wishes, field, ASSIGN_SET, world_chance(world, 50) ? "true" : "");
        break;
    case 19:
        wish(wishes, field, world_chance(world, 50) ? ASSIGN_ADD : ASSIGN_REMOVE, member);
        break;
    case 20:
        wish(wishes, field, ASSIGN_ADD, world_chance(world, 50) ? "1" : "2.5");
        break;
    case 21:
        wish(wishes, field, ASSIGN_ADD,
             arena_format(wishes->arena, "post %llu", (unsigned long long)world->steps));
        break;
    case 24:
        wish(wishes, field, ASSIGN_SET,
             arena_format(wishes->arena, "%llu", (unsigned long long)world_random(world, 90)));
        break;
    default:
        wish(wishes, field, ASSIGN_SET, wish_word(world, wishes->arena));
    }
}

const char *edit_told(const struct new_edit *edit, struct arena *arena)
{
    static const char *const signs[] = {
        [HOPNHAT__OP_KIND__PUT] = "=", [HOPNHAT__OP_KIND__DROP] = "-", [HOPNHAT__OP_KIND__ADD] = "+"};
    const char *told = "";
    for (size_t i = 0; i < edit->op_count; i++) {
        const struct new_op *op = &edit->ops[i];
        if (op->field == HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED) /* a tombstone is not to be read */
            told = arena_format(arena, "%s deleted%s", told, signs[op->kind]);
        else
            told = arena_format(arena, "%s %u%s%.*s", told, op->field, signs[op->kind], (int)op->value.size,
                                op->value.size ? (const char *)op->value.data : "");
        if (!told)
            return " …";
    }
    for (char *at = (char *)(uintptr_t)told; *at; at++)
        if (*at == '\n')
            *at = '/';
    return told;
}
