/* What must hold when everything has synced. */
#include "world.h"

#include "agent/mirror.h"
#include "hub/admission.h"
#include "hub/history.h"
#include "hub/registry.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

#include <xxhash.h>

/* Everything about an entry that both sides must agree on. */
static bool same_entry(const Hopnhat__Entry *a, const Hopnhat__Entry *b)
{
    return entry_id_compare(entry_id_of(a), entry_id_of(b)) == 0 && a->time == b->time &&
           a->rank == b->rank && bytes_equal(entry_value(a), entry_value(b));
}

static const Hopnhat__Field *next_field(const Hopnhat__Record *record, size_t *place)
{
    while (*place < record->n_fields && record->fields[*place]->n_entries == 0)
        ++*place;
    return *place < record->n_fields ? record->fields[(*place)++] : NULL;
}

static bool same_bags(const Hopnhat__Record *a, const Hopnhat__Record *b)
{
    size_t i = 0, j = 0;
    for (;;) {
        const Hopnhat__Field *left = next_field(a, &i), *right = next_field(b, &j);
        if (!left || !right)
            return left == right;
        if (left->number != right->number || left->n_entries != right->n_entries)
            return false;
        for (size_t k = 0; k < left->n_entries; k++)
            if (!same_entry(left->entries[k], right->entries[k]))
                return false;
    }
}

/* The digest of a group, computed here from its definition and without the program's own sum. */
static struct digest naive_digest(const Hopnhat__Record *record)
{
    struct digest sum = {0, 0};
    for (size_t i = 0; i < record->n_fields; i++)
        for (size_t j = 0; j < record->fields[i]->n_entries; j++) {
            const Hopnhat__Entry *entry = record->fields[i]->entries[j];
            uint8_t text[56 + 4096];
            size_t size = entry->has_value ? entry->value.len : 0;
            put_u32_le(text, record->type);
            memcpy(text + 4, record->id.data, 16);
            put_u32_le(text + 20, record->fields[i]->number);
            put_u64_le(text + 24, entry->replica);
            put_u64_le(text + 32, entry->seq);
            put_u32_le(text + 40, entry->index);
            put_u64_le(text + 44, entry->time);
            put_u32_le(text + 52, entry->rank);
            if (size && size <= 4096)
                memcpy(text + 56, entry->value.data, size);
            XXH128_hash_t hash = size <= 4096 ? XXH3_128bits(text, 56 + size) : (XXH128_hash_t){0, 0};
            digest_add(&sum, &(struct digest){hash.low64, hash.high64});
        }
    return sum;
}

struct comparison {
    struct world *world;
    struct arena arena;
    struct transaction hub, agents[AGENTS];
    uint64_t expected[AGENTS];
    struct {
        char name[LIMIT_GROUP_NAME_BYTES + 1];
        struct digest digest;
    } groups[16];
    size_t group_count;
};

static void sum_group(struct comparison *comparison, const Hopnhat__Record *record)
{
    size_t i = 0;
    struct digest digest = naive_digest(record);
    if (record->type == HOPNHAT__BUILT_IN_TYPE__TYPE_CATALOG) /* its body is longer than the room above */
        digest = digest_record(record);
    while (i < comparison->group_count && strcmp(comparison->groups[i].name, record->group) != 0)
        i++;
    if (i == comparison->group_count && i < 16)
        memcpy(comparison->groups[comparison->group_count++].name, record->group, strlen(record->group) + 1);
    if (i < 16)
        digest_add(&comparison->groups[i].digest, &digest);
}

static void compare_record(struct comparison *comparison, const Hopnhat__Record *record)
{
    struct world *world = comparison->world;
    for (size_t i = 0; i < AGENTS; i++) {
        const struct installation *installation = registry_installation(world->hub, world->nodes[i].key);
        const struct office *office = installation ? registry_office(world->hub, installation->office) : NULL;
        if (!office || !office_is_in(office, bytes_of_string(record->group)))
            continue;
        comparison->expected[i]++;
        const Hopnhat__Record *mirrored =
            mirror_get(&comparison->agents[i], record->type, record->id.data, &comparison->arena);
        if (!mirrored || !same_bags(record, mirrored))
            world_fail(world, "the mirror of %s differs from the hub in %02x%02x… (%s)", office->code,
                       record->id.data[0], record->id.data[1], mirrored ? "content" : "not there");
    }
}

/* All changes of the record merged again, as its history lists them, are the record. */
static void check_history(struct comparison *comparison, const Hopnhat__Record *record)
{
    const struct history_span all = {.as_of_ms = UINT64_MAX, .until_rev = UINT64_MAX};
    struct error error;
    const Hopnhat__Record *again = history_replay(&comparison->hub, record, &all, &comparison->arena, &error);
    if (!again || !same_bags(record, again))
        world_fail(comparison->world, "the history of %02x%02x… merged again is not the record (%s)",
                   record->id.data[0], record->id.data[1], again ? "content" : error.text);
}

static void compare_all(struct comparison *comparison)
{
    struct world *world = comparison->world;
    struct cursor cursor;
    cursor_open(&cursor, &comparison->hub, HUB_RECORD);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor)) {
        const Hopnhat__Record *record =
            row_unpack(&comparison->hub, cursor.value, &hopnhat__record__descriptor, &comparison->arena);
        if (!record || !record->group)
            continue;
        if (!bytes_equal(fold_group(record), bytes_of_string(record->group)))
            world_fail(world, "a record stands in another group than its field reads");
        compare_record(comparison, record);
        check_history(comparison, record);
        sum_group(comparison, record);
    }
    cursor_close(&cursor);
    for (size_t i = 0; i < AGENTS; i++)
        if (transaction_count(&comparison->agents[i], AGENT_MIRROR) != comparison->expected[i])
            world_fail(world, "agent %c mirrors %llu records and should %llu", (char)('a' + i),
                       (unsigned long long)transaction_count(&comparison->agents[i], AGENT_MIRROR),
                       (unsigned long long)comparison->expected[i]);
    for (size_t i = 0; i < comparison->group_count; i++) {
        struct group_state *group = registry_group(world->hub, bytes_of_string(comparison->groups[i].name));
        if (!group || !digest_equal(&group->digest, &comparison->groups[i].digest))
            world_fail(world, "the hub's digest of %s is not that of its records",
                       comparison->groups[i].name);
    }
}

static void check_mirrors(struct world *world)
{
    struct comparison comparison = {.world = world};
    struct error error;
    arena_init(&comparison.arena, LIMIT_MESSAGE_ARENA_BYTES);
    if (!transaction_begin(&comparison.hub, world->hub->environment, false, &error))
        world_fail(world, "%s", error.text);
    for (size_t i = 0; i < AGENTS; i++)
        if (!agent_read(world->nodes[i].agent, &comparison.agents[i], &error))
            world_fail(world, "%s", error.text);
    if (!world->failure[0])
        compare_all(&comparison);
    transaction_abort(&comparison.hub);
    for (size_t i = 0; i < AGENTS; i++)
        transaction_abort(&comparison.agents[i]);
    arena_release(&comparison.arena);
}

static void check_status(struct world *world)
{
    for (size_t i = 0; i < AGENTS; i++) {
        struct agent_status status;
        struct error error;
        if (!agent_status(world->nodes[i].agent, &status, &error))
            world_fail(world, "status: %s", error.text);
        else if (status.drafts || status.pending || !status.digests_equal)
            world_fail(world, "agent %c: %llu drafts, %llu pending left over", (char)('a' + i),
                       (unsigned long long)status.drafts, (unsigned long long)status.pending);
        else if (status.digest_mismatches)
            world_fail(world, "agent %c found %llu digests that differ", (char)('a' + i),
                       (unsigned long long)status.digest_mismatches);
    }
}

void world_check(struct world *world)
{
    if (world->failure[0])
        return;
    check_mirrors(world);
    check_status(world);
    check_truth(world);
    check_custody(world);
    check_forgotten(world);
    check_oracle(world);
    check_texts(world);
    check_journal(world);
    check_told(world);
}

void check_pulls(struct world *world)
{
    for (const struct hub_session *session = world->hub->sessions; session; session = session->hh.next) {
        const struct feed_state *state = &session->confirmed;
        for (const struct sent_part *part = session->sent; part; part = part->next)
            state = &part->after;
        const struct installation *installation = registry_installation(world->hub, session->key);
        const struct feed_reader reader = {
            .office = installation ? registry_office(world->hub, installation->office) : NULL,
            .logs = session->logs,
            .log_count = session->log_count,
        };
        if (session->pull_count && reader.office &&
            feed_has_news(world->hub, &reader, state, session->pulls[0].scope))
            world_fail(world, "the hub holds a Pull of office %s although there is news for it",
                       installation->office);
    }
}
