/* What the hub merged out of several texts, seen without any merge: every paragraph is written once only, so
 * one that stands in a text and not in the merged one must come from a text that all of them superseded, and
 * somebody must have taken it out. */
#include "world.h"

#include "hub/admission.h"
#include "store/key.h"
#include "store/rows.h"

enum { TEXT_FIELD = 26, MOST_TEXTS = 4000 };

struct text {
    struct entry_id id;
    struct bytes value;
    struct entry_list superseded;
    bool merged, erased;
    bool *from; /* by text: it comes from that one, or is it */
};

struct texts {
    struct world *world;
    struct arena arena;
    struct transaction transaction;
    struct text *all;
    size_t count;
};

static bool add_ops(struct texts *texts, const struct change *change)
{
    for (size_t i = 0; i < change->body->n_edits; i++)
        for (size_t j = 0; j < change->body->edits[i]->n_ops && texts->count < MOST_TEXTS; j++) {
            const Hopnhat__Op *op = change->body->edits[i]->ops[j];
            if (change->body->edits[i]->type != TYPE_THING || op->field != TEXT_FIELD)
                continue;
            struct text *text = &texts->all[texts->count++];
            text->id = (struct entry_id){change->dot, (uint32_t)(change->first_op[i] + j)};
            text->value = change_value(change, text->id.index);
            text->merged = op->merged;
            text->erased = change_is_erased(change, text->id.index);
            text->superseded.count = op_superseded_count(op);
            text->superseded.ids =
                arena_alloc(&texts->arena, text->superseded.count * sizeof *text->superseded.ids);
            if (!text->superseded.ids)
                return false;
            for (size_t k = 0; k < text->superseded.count; k++)
                text->superseded.ids[k] = op_superseded(change, op, k);
        }
    return true;
}

static bool read_texts(struct texts *texts)
{
    struct cursor cursor;
    bool read = true;
    cursor_open(&cursor, &texts->transaction, HUB_LOG);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more && read; more = cursor_next(&cursor)) {
        struct dot dot = {get_u64_be(cursor.key.data), get_u64_be(cursor.key.data + 8)};
        struct change change;
        struct error error;
        const Hopnhat__LogRow *row =
            row_unpack(&texts->transaction, cursor.value, &hopnhat__log_row__descriptor, &texts->arena);
        read =
            row &&
            change_unpack(&change, dot, bytes_of(row->logged.data, row->logged.len), &texts->arena, &error) &&
            add_ops(texts, &change);
    }
    cursor_close(&cursor);
    return read;
}

/* Notes what the text comes from. False: not all of it is in the log (any more), so nothing can be said. */
static bool follow(struct texts *texts, struct text *from, const struct text *text)
{
    size_t place = (size_t)(text - texts->all);
    if (from->from[place])
        return true;
    from->from[place] = true;
    for (size_t i = 0; i < text->superseded.count; i++) {
        size_t j = 0;
        while (j < texts->count && entry_id_compare(texts->all[j].id, text->superseded.ids[i]) != 0)
            j++;
        if (j == texts->count || !follow(texts, from, &texts->all[j]))
            return false;
    }
    return true;
}

static struct text *follow_id(struct texts *texts, struct entry_id id)
{
    for (size_t i = 0; i < texts->count; i++) {
        struct text *text = &texts->all[i];
        if (entry_id_compare(text->id, id) != 0)
            continue;
        if (!text->from)
            text->from = arena_alloc(&texts->arena, texts->count * sizeof *text->from);
        return text->from && follow(texts, text, text) ? text : NULL;
    }
    return NULL;
}

static bool has(struct bytes text, struct bytes paragraph)
{
    for (size_t at = 0, end; text.size && at <= text.size; at = end + 1) {
        for (end = at; end < text.size && text.data[end] != '\n';)
            end++;
        if (bytes_equal(bytes_of(text.data + at, end - at), paragraph))
            return true;
    }
    return false;
}

/* Whether a text that both come from has the paragraph. */
static bool both_had(const struct texts *texts, const struct text *a, const struct text *b,
                     struct bytes paragraph)
{
    for (size_t i = 0; i < texts->count; i++)
        if (a->from[i] && b->from[i] && has(texts->all[i].value, paragraph))
            return true;
    return false;
}

/* What is in `text` is in the merged one too, or the other one took it out. */
static void check_kept(struct texts *texts, const struct text *merged, const struct text *text,
                       const struct text *other)
{
    for (size_t at = 0, end; text->value.size && at <= text->value.size; at = end + 1) {
        for (end = at; end < text->value.size && text->value.data[end] != '\n';)
            end++;
        struct bytes paragraph = bytes_of(text->value.data + at, end - at);
        if (has(merged->value, paragraph))
            continue;
        if (has(other->value, paragraph) || !both_had(texts, text, other, paragraph))
            world_fail(texts->world, "the paragraph %.*s is not in the merged text %016llx:%llu",
                       (int)paragraph.size, (const char *)paragraph.data,
                       (unsigned long long)merged->id.dot.replica, (unsigned long long)merged->id.dot.seq);
    }
}

static void check_invented(struct texts *texts, const struct text *merged, const struct text *a,
                           const struct text *b)
{
    for (size_t at = 0, end; at <= merged->value.size; at = end + 1) {
        for (end = at; end < merged->value.size && merged->value.data[end] != '\n';)
            end++;
        struct bytes paragraph = bytes_of(merged->value.data + at, end - at);
        if (!has(a->value, paragraph) && !has(b->value, paragraph))
            world_fail(texts->world, "the paragraph %.*s of a merged text is nobody's", (int)paragraph.size,
                       (const char *)paragraph.data);
    }
}

/* Whether who wrote `text` had seen all that the merged text `other` was made of. */
static bool is_decided(const struct texts *texts, const struct text *text, const struct text *other)
{
    for (size_t i = 0; i < other->superseded.count; i++) {
        size_t j = 0;
        while (j < texts->count && entry_id_compare(texts->all[j].id, other->superseded.ids[i]) != 0)
            j++;
        if (j == texts->count || !text->from[j])
            return false;
    }
    return other->merged;
}

static void check_merged(struct texts *texts, const struct text *merged)
{
    const struct text *a = NULL, *b = NULL;
    for (size_t i = 0; i < merged->superseded.count; i++) {
        const struct text *one = follow_id(texts, merged->superseded.ids[i]);
        if (!one || one->erased || merged->erased)
            return; /* what it was made of cannot be told any more */
        if (!a)
            a = one;
        else if (!bytes_equal(one->value, a->value))
            b = one;
    }
    if (!a || !b) {
        world_fail(texts->world, "a text was merged that had nothing beside it");
        return;
    }
    if ((is_decided(texts, a, b) && bytes_equal(merged->value, a->value)) ||
        (is_decided(texts, b, a) && bytes_equal(merged->value, b->value))) {
        world_trace(texts->world, "decided: %.*s", (int)merged->value.size, (const char *)merged->value.data);
        return;
    }
    world_trace(texts->world, "merged: %.*s", (int)merged->value.size, (const char *)merged->value.data);
    check_kept(texts, merged, a, b);
    check_kept(texts, merged, b, a);
    check_invented(texts, merged, a, b);
}

void check_texts(struct world *world)
{
    struct texts texts = {.world = world};
    struct error error;
    arena_init(&texts.arena, (size_t)1 << 30);
    texts.all = arena_alloc(&texts.arena, MOST_TEXTS * sizeof *texts.all);
    if (!texts.all || !transaction_begin(&texts.transaction, world->hub->environment, false, &error)) {
        world_fail(world, "no memory for the texts");
    } else {
        if (read_texts(&texts))
            for (size_t i = 0; i < texts.count; i++)
                if (texts.all[i].merged)
                    check_merged(&texts, &texts.all[i]);
        transaction_abort(&texts.transaction);
    }
    arena_release(&texts.arena);
}
