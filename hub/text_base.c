#include "hub/text_base.h"

#include "base/defect.h"
#include "base/limits.h"
#include "hub/state.h"
#include "model/change.h"
#include "store/key.h"
#include "store/rows.h"

enum { OF_LEFT = 1, OF_RIGHT = 2, OF_BOTH = OF_LEFT | OF_RIGHT };

/* An entry that one of the two, or both, come from. */
struct ancestor {
    struct entry_id id;
    uint64_t time;
    unsigned of;
    bool followed; /* what it superseded has been added */
    struct bytes text;
    struct entry_list superseded;
};

/* The search: always on from the latest entry that has not been followed. */
struct search {
    struct transaction *transaction;
    struct arena *arena;
    struct ancestor *all;
    size_t count;
    const struct ancestor *found;
    bool lost; /* it cannot be told */
    struct error *error;
};

/* Fills in what the log says of the entry. Where it says nothing the search is lost. */
static bool read_entry(struct search *search, struct ancestor *ancestor)
{
    struct change change;
    struct error unreadable;
    struct key key;
    uint32_t index = ancestor->id.index;
    key_dot(&key, ancestor->id.dot.replica, ancestor->id.dot.seq);
    const Hopnhat__LogRow *row =
        row_get(search->transaction, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, search->arena);
    search->lost = !row ||
                   !change_unpack(&change, ancestor->id.dot, bytes_of(row->logged.data, row->logged.len),
                                  search->arena, &unreadable) ||
                   index >= change.op_count;
    if (search->lost)
        return search->arena->failure == ERROR_NONE || out_of_memory(search->error);
    size_t edit = change.body->n_edits - 1;
    while (change.first_op[edit] > index)
        edit--;
    const Hopnhat__Op *op = change.body->edits[edit]->ops[index - change.first_op[edit]];
    struct entry_list *list = &ancestor->superseded;
    ancestor->time = row->admitted;
    ancestor->text = change_value(&change, index);
    list->ids = arena_alloc(search->arena, op_superseded_count(op) * sizeof *list->ids);
    if (!list->ids)
        return out_of_memory(search->error);
    while (list->count < op_superseded_count(op)) {
        list->ids[list->count] = op_superseded(&change, op, list->count);
        list->count++;
    }
    for (size_t i = 0; i < change.logged->n_erased; i++)
        search->lost = search->lost || change.logged->erased[i] == index;
    return true;
}

static struct ancestor *find(const struct search *search, struct entry_id id)
{
    for (size_t i = 0; i < search->count; i++)
        if (entry_id_compare(search->all[i].id, id) == 0)
            return &search->all[i];
    return NULL;
}

/* Notes that the entry is what `of` come from. */
static bool add(struct search *search, struct entry_id id, unsigned of)
{
    struct ancestor *known = find(search, id);
    if (known) {
        known->of |= of;
        if (known->of == OF_BOTH &&
            known->followed) /* a clock went wrong: it is earlier than its successor */
            search->found = known;
        return true;
    }
    search->lost = search->lost || search->count == LIMIT_TEXT_ANCESTORS;
    if (search->lost)
        return true;
    search->all[search->count] = (struct ancestor){.id = id, .of = of};
    return read_entry(search, &search->all[search->count++]);
}

static struct ancestor *latest(const struct search *search)
{
    struct ancestor *best = NULL;
    for (size_t i = 0; i < search->count; i++) {
        struct ancestor *one = &search->all[i];
        if (!one->followed && (!best || one->time > best->time ||
                               (one->time == best->time && entry_id_compare(one->id, best->id) > 0)))
            best = one;
    }
    return best;
}

static bool run(struct search *search, struct entry_id left, struct entry_id right)
{
    struct ancestor *at;
    if (!add(search, left, OF_LEFT) || !add(search, right, OF_RIGHT))
        return false;
    while (!search->lost && !search->found && (at = latest(search))) {
        if (at->of == OF_BOTH || (DEFECT(TEXT_BASE_OF_ONE) && search->count > 2 && at > search->all + 1)) {
            search->found = at;
            return true;
        }
        at->followed = true;
        for (size_t i = 0; i < at->superseded.count && !search->lost; i++)
            if (!add(search, at->superseded.ids[i], at->of))
                return false;
    }
    return true;
}

/* Whether who wrote the other one saw all that the merged one was made of. */
static bool is_decided(const struct search *search, const Hopnhat__Entry *merged, const Hopnhat__Entry *other)
{
    const struct ancestor *from = find(search, entry_id_of(merged));
    if (!merged->merged || other->merged || !from || from->superseded.count == 0)
        return false;
    for (size_t i = 0; i < from->superseded.count; i++) {
        const struct ancestor *one = find(search, from->superseded.ids[i]);
        if (!one || one->of != OF_BOTH)
            return false;
    }
    return true;
}

bool text_base_find(struct transaction *transaction, const Hopnhat__Entry *left, const Hopnhat__Entry *right,
                    struct arena *arena, struct text_base *base, struct error *error)
{
    struct search search = {.transaction = transaction, .arena = arena, .error = error};
    *base = (struct text_base){.found = TEXT_BASE_NONE};
    search.all = arena_alloc(arena, LIMIT_TEXT_ANCESTORS * sizeof *search.all);
    if (!search.all)
        return out_of_memory(error);
    if (!run(&search, entry_id_of(left), entry_id_of(right)))
        return false;
    if (search.lost || !search.found || search.found < search.all + 2)
        return true; /* also where one of the two comes from the other: what is between has still to come */
    if (is_decided(&search, left, right) || is_decided(&search, right, left)) {
        base->found = TEXT_BASE_DECIDED;
        base->decision = left->merged ? right : left;
        return true;
    }
    base->found = TEXT_BASE_COMMON;
    base->text = search.found->text;
    return true;
}
