#include "store/report.h"

#include "model/fold.h"

#include <stdlib.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { SCRATCH_BYTES = 512 * 1024 * 1024 };

/* A row in the making, found by its values. */
struct group {
    struct report_row row;
    struct sort_key *keys; /* one for each value */
    struct bytes name;     /* the values, each with its length before it */
    UT_hash_handle hh;
};

struct report_run {
    struct query *query;
    const struct report_query *request;
    struct report *report;
    struct arena *arena;
    struct arena scratch; /* of one record */
    struct group *groups; /* by name */
    size_t count;
    bool failed;
    struct error *error;
};

/* The values of one record, by group. */
struct combination {
    struct bytes *values[LIMIT_REPORT_GROUPS];
    size_t counts[LIMIT_REPORT_GROUPS];
    struct bytes chosen[LIMIT_REPORT_GROUPS]; /* one of each */
};

static bool name_of(struct report_run *run, const struct combination *combination, struct bytes *name)
{
    size_t size = 0;
    for (size_t i = 0; i < run->request->group_count; i++)
        size += 4 + combination->chosen[i].size;
    uint8_t *data = arena_alloc(&run->scratch, size), *at = data;
    if (!data)
        return out_of_memory(run->error);
    for (size_t i = 0; i < run->request->group_count; i++) {
        put_u32_be(at, (uint32_t)combination->chosen[i].size);
        if (combination->chosen[i].size)
            memcpy(at + 4, combination->chosen[i].data, combination->chosen[i].size);
        at += 4 + combination->chosen[i].size;
    }
    *name = bytes_of(data, size);
    return true;
}

/* Copies the values and makes their keys. */
static bool fill_group(struct report_run *run, const struct combination *combination, struct group *group)
{
    size_t count = run->request->group_count;
    group->row.values = arena_alloc(run->arena, count * sizeof *group->row.values);
    group->keys = arena_alloc(run->arena, count * sizeof *group->keys);
    if (!group->row.values || !group->keys)
        return out_of_memory(run->error);
    for (size_t i = 0; i < count; i++) {
        struct bytes value = combination->chosen[i];
        const Hopnhat__FieldDefinition *definition = path_definition(&run->request->groups[i]);
        group->row.values[i] = bytes_of(arena_copy(run->arena, value.data, value.size), value.size);
        if (!group->row.values[i].data)
            return out_of_memory(run->error);
        if (!sort_key_make(run->query->querier->collation, definition, value, &group->keys[i], run->error))
            return false;
    }
    return true;
}

static struct group *new_group(struct report_run *run, const struct combination *combination,
                               struct bytes name)
{
    struct group *group = arena_alloc(run->arena, sizeof *group);
    uint8_t *copy = arena_copy(run->arena, name.data, name.size);
    if (!group || !copy) {
        out_of_memory(run->error);
        return NULL;
    }
    group->name = bytes_of(copy, name.size);
    if (!fill_group(run, combination, group))
        return NULL;
    HASH_ADD_KEYPTR(hh, run->groups, group->name.data, group->name.size, group);
    if (!group->hh.tbl) {
        out_of_memory(run->error);
        return NULL;
    }
    run->count++;
    return group;
}

static struct group *find_group(struct report_run *run, const struct combination *combination)
{
    struct bytes name = {0};
    struct group *group = NULL;
    if (!name_of(run, combination, &name))
        return NULL;
    HASH_FIND(hh, run->groups, name.data, name.size, group);
    if (group)
        return group;
    if (run->count < LIMIT_REPORT_ROWS)
        return new_group(run, combination, name);
    error_set(run->error, ERROR_LIMIT, "report: more than %d rows; group by something with fewer values",
              LIMIT_REPORT_ROWS);
    return NULL;
}

static bool add_to_row(struct report_run *run, struct report_row *row, struct decimal amount)
{
    row->count++;
    return decimal_add(row->sum, amount, &row->sum, run->error) || error_prefix(run->error, "report");
}

/* Counts the record in the row of every combination of its values, from group number `place` on. */
static bool add_combinations(struct report_run *run, struct combination *combination, size_t place,
                             struct decimal amount)
{
    if (place == run->request->group_count) {
        struct group *group = find_group(run, combination);
        return group && add_to_row(run, &group->row, amount);
    }
    for (size_t i = 0; i < combination->counts[place] || i == 0; i++) {
        combination->chosen[place] =
            combination->counts[place] ? combination->values[place][i] : bytes_of(NULL, 0);
        if (!add_combinations(run, combination, place + 1, amount))
            return false;
    }
    return true;
}

/* What the record adds to the sum: nothing where it has no number. */
static bool read_amount(struct report_run *run, const Hopnhat__Record *record, struct decimal *amount)
{
    struct reading reading;
    struct error unsound;
    *amount = (struct decimal){0};
    if (!run->request->sum)
        return true;
    if (!fold_field(run->request->type, record, run->request->sum, &run->scratch, &reading, run->error))
        return false;
    if (reading.count && !decimal_parse(reading.values[0], amount, &unsound))
        *amount = (struct decimal){0};
    return true;
}

static bool take_record(struct report_run *run, const Hopnhat__Record *record)
{
    const struct report_query *request = run->request;
    struct combination combination = {0};
    struct decimal amount;
    bool wanted;
    if (!conditions_hold(request->conditions, request->condition_count, false, request->type,
                         &run->query->paths, record, &run->scratch, &wanted, run->error))
        return false;
    if (!wanted)
        return true;
    for (size_t i = 0; i < request->group_count; i++)
        if (!path_values(&request->groups[i], &run->query->paths, record, &run->scratch,
                         &combination.values[i], &combination.counts[i], run->error))
            return false;
    return read_amount(run, record, &amount) && add_to_row(run, &run->report->total, amount) &&
           (request->group_count == 0 || add_combinations(run, &combination, 0, amount));
}

static bool visit(void *user, const Hopnhat__Record *record)
{
    struct report_run *run = user;
    const atomic_bool *stop = run->query->querier->stop;
    arena_reset(&run->scratch);
    if (stop && atomic_load(stop))
        run->failed = !error_set(run->error, ERROR_UNAVAILABLE, "the daemon is stopping");
    else
        run->failed = !take_record(run, record);
    return !run->failed;
}

static int in_order(const void *a, const void *b, void *user)
{
    const struct report_run *run = user;
    const struct group *left = *(const struct group *const *)a, *right = *(const struct group *const *)b;
    for (size_t i = 0; i < run->request->group_count; i++) {
        const Hopnhat__FieldDefinition *definition = path_definition(&run->request->groups[i]);
        int order = sort_key_compare(&left->keys[i], &right->keys[i]);
        if (order == 0 && left->keys[i].cut)
            order = sort_compare_values(run->query->querier->collation, definition, left->row.values[i],
                                        right->row.values[i]);
        if (order == 0)
            order = bytes_compare(left->row.values[i], right->row.values[i]);
        if (order)
            return order;
    }
    return 0;
}

static bool sort_rows(struct report_run *run)
{
    size_t count = 0;
    struct group **sorted = malloc((run->count + 1) * sizeof(struct group *));
    run->report->rows = arena_alloc(run->arena, run->count * sizeof *run->report->rows);
    if (!sorted || !run->report->rows) {
        free(sorted);
        return out_of_memory(run->error);
    }
    for (struct group *group = run->groups; group; group = group->hh.next)
        sorted[count++] = group;
    qsort_r(sorted, count, sizeof *sorted, in_order, run);
    for (size_t i = 0; i < count; i++)
        run->report->rows[i] = sorted[i]->row;
    run->report->row_count = count;
    free(sorted);
    return true;
}

static bool check_sum(const struct report_query *request, struct error *error)
{
    const Hopnhat__FieldDefinition *sum = request->sum;
    if (!sum)
        return true;
    if (sum->kind != HOPNHAT__VALUE_KIND__KIND_DECIMAL && sum->kind != HOPNHAT__VALUE_KIND__KIND_INTEGER)
        return error_set(error, ERROR_INPUT, "sum: %s is no number", sum->name);
    if (sum->policy == HOPNHAT__MERGE_POLICY__UNION || sum->policy == HOPNHAT__MERGE_POLICY__THREAD)
        return error_set(error, ERROR_INPUT, "sum: %s has several values in one record", sum->name);
    return true;
}

bool query_report(struct query *query, const struct report_query *request, struct arena *arena,
                  struct report *report, struct error *error)
{
    struct report_run run = {
        .query = query, .request = request, .report = report, .arena = arena, .error = error};
    uint32_t type = type_definition(request->type)->number;
    *report = (struct report){0};
    if (!check_sum(request, error))
        return false;
    if (request->group_count > LIMIT_REPORT_GROUPS)
        return error_set(error, ERROR_LIMIT, "report: more than %d groups", LIMIT_REPORT_GROUPS);
    arena_init(&run.scratch, SCRATCH_BYTES);
    bool done = query->querier->source->scan(&query->store, type, NULL, visit, &run, error) && !run.failed &&
                sort_rows(&run);
    HASH_CLEAR(hh, run.groups);
    arena_release(&run.scratch);
    return done && transaction_is_sound(&query->store, error);
}
