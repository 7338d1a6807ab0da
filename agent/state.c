#include "agent/state.h"

#include "agent/erasure.h"
#include "agent/in_force.h"
#include "agent/mirror.h"
#include "agent/stored.h"
#include "base/defect.h"
#include "base/log.h"
#include "model/change.h"
#include "store/lock.h"
#include "store/rewrite.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCRATCH_BYTES = LIMIT_MESSAGE_ARENA_BYTES };

const char *const agent_databases[AGENT_DATABASES] = {
    [AGENT_META] = "meta",       [AGENT_LOG] = "log",           [AGENT_MIRROR] = "mirror",
    [AGENT_DRAFT] = "draft",     [AGENT_REFUSED] = "refused",   [AGENT_DIGEST] = "digest",
    [AGENT_CURSOR] = "cursor",   [AGENT_OWNLOG] = "ownlog",     [AGENT_CHANGED] = "changed",
    [AGENT_PLACE] = "place",     [AGENT_CONFLICT] = "conflict", [AGENT_CATALOG] = "catalog",
    [AGENT_CUSTODY] = "custody", [AGENT_IMPORT] = "import",     [AGENT_OUTVOTED] = "outvoted",
    [AGENT_ACCOUNT] = "account", [AGENT_AUDIT] = "audit",       [AGENT_PIECE] = "piece",
};

const struct format agent_format = {.program = "hopnhat-agent", .meta = AGENT_META};

static struct environment *open_store(const char *directory, const char *path,
                                      const struct agent_options *options, struct error *error)
{
    const struct rewrite rewrite = {
        .data = directory,
        .names = agent_databases,
        .name_count = AGENT_DATABASES,
        .meta = AGENT_META,
        .map_bytes = options->map_bytes ? options->map_bytes : AGENT_DEFAULT_MAP_BYTES,
    };
    struct environment *environment =
        environment_open(path, rewrite.names, rewrite.name_count, rewrite.map_bytes, error);
    if (!environment || format_bring_forward(environment, &agent_format, error))
        return environment ? rewrite_if_due(environment, &rewrite, error) : NULL;
    environment_close(environment);
    return NULL;
}

static struct agent *open_files(const char *directory, const struct agent_options *options, bool make,
                                struct error *error)
{
    char path[4096];
    struct agent *agent = calloc(1, sizeof *agent);
    if (!agent) {
        out_of_memory(error);
        return NULL;
    }
    agent->lock = -1;
    agent->entropy = options->entropy;
    agent->directory = strdup(directory);
    arena_init(&agent->office_arena, LIMIT_RECORD_BYTES);
    arena_init(&agent->scratch, SCRATCH_BYTES);
    if (!agent->directory || snprintf(path, sizeof path, "%s/store", directory) >= (int)sizeof path)
        error_set(error, ERROR_USAGE, "the name of the data directory is too long");
    else if (!make && !environment_is_there(path)) /* and nothing is made that join would take for one */
        stored_no_agent(directory, error);
    else if (!options->take_lock || (agent->lock = lock_take(directory, make, error)) >= 0)
        agent->environment = open_store(directory, path, options, error);
    if (agent->environment)
        return agent;
    agent_close(agent);
    return NULL;
}

void agent_close(struct agent *agent)
{
    if (!agent)
        return;
    environment_close(agent->environment);
    lock_release(agent->lock);
    catalog_free(agent->catalog);
    catalog_free(agent->former_catalog);
    if (agent->certificate)
        hopnhat__certificate__free_unpacked(agent->certificate, NULL);
    arena_release(&agent->office_arena);
    arena_release(&agent->scratch);
    keys_wipe(&agent->link_keys, sizeof agent->link_keys);
    keys_wipe(&agent->signing_keys, sizeof agent->signing_keys);
    keys_wipe(&agent->next_link_keys, sizeof agent->next_link_keys);
    keys_wipe(&agent->next_signing_keys, sizeof agent->next_signing_keys);
    free(agent->hub_address);
    free(agent->directory);
    free(agent->logs);
    free(agent->places);
    free(agent);
}

bool agent_reload(struct agent *agent, struct error *error)
{
    struct transaction transaction;
    agent->stale = true;
    agent->settled = false;
    if (!transaction_begin(&transaction, agent->environment, false, error))
        return false;
    agent->stale = !stored_load(agent, &transaction, error);
    if (transaction.failed && !agent->stale) {
        *error = transaction.error;
        agent->stale = true;
    }
    transaction_abort(&transaction);
    return !agent->stale;
}

struct agent *agent_open(const char *directory, const struct agent_options *options, struct error *error)
{
    struct agent *agent = open_files(directory, options, false, error);
    if (agent && !agent_reload(agent, error)) {
        agent_close(agent);
        return NULL;
    }
    return agent;
}

bool agent_read(struct agent *agent, struct transaction *transaction, struct error *error)
{
    return transaction_begin(transaction, agent->environment, false, error);
}

bool agent_begin(struct agent *agent, struct transaction *transaction, struct error *error)
{
    if (agent->stale && !agent_reload(agent, error))
        return false;
    return transaction_begin(transaction, agent->environment, true, error);
}

/* Nothing of the transaction is stored: memory goes back to what the store says. */
static void go_back(struct agent *agent)
{
    struct error error;
    if (agent->former_catalog) {
        catalog_free(agent->catalog);
        agent->catalog = agent->former_catalog;
        agent->former_catalog = NULL;
    }
    agent->office_dirty = agent->erasures_came = false;
    if (!agent_reload(agent, &error))
        log_error("the store cannot be read: %s", error.text);
}

bool agent_commit(struct agent *agent, struct transaction *transaction, struct error *error)
{
    if (agent->former_catalog)
        mirror_rebuild_conflicts(agent, transaction);
    if (agent->office_dirty || agent->former_catalog)
        in_force_read_office(agent, transaction);
    if (agent->erasures_came)
        erasure_clean_logs(agent, transaction);
    stored_save(agent, transaction);
    if (!transaction_commit(transaction, error)) {
        go_back(agent);
        return false;
    }
    catalog_free(agent->former_catalog);
    agent->former_catalog = NULL;
    agent->office_dirty = agent->erasures_came = false;
    return true;
}

void agent_abort(struct agent *agent, struct transaction *transaction)
{
    transaction_abort(transaction);
    go_back(agent);
}

void agent_fail_memory(struct transaction *transaction)
{
    struct error error;
    out_of_memory(&error);
    transaction_fail(transaction, &error);
}

/* Where the log of a replica is. */
struct log_place {
    uint64_t replica;
    size_t place;
};

static int compare_places(const void *a, const void *b)
{
    const struct log_place *left = a, *right = b;
    return (left->replica > right->replica) - (left->replica < right->replica);
}

bool agent_index_logs(struct agent *agent)
{
    struct log_place *places = malloc((agent->log_count + 1) * sizeof *places);
    if (!places)
        return false;
    for (size_t i = 0; i < agent->log_count; i++)
        places[i] = (struct log_place){agent->logs[i].replica, i};
    qsort(places, agent->log_count, sizeof *places, compare_places);
    free(agent->places);
    agent->places = places;
    return true;
}

struct own_log *agent_log(const struct agent *agent, uint64_t replica)
{
    const struct log_place wanted = {.replica = replica}, *found;
    if (agent->log_count == 0)
        return NULL;
    found = bsearch(&wanted, agent->places, agent->log_count, sizeof wanted, compare_places);
    return found ? &agent->logs[found->place] : NULL;
}

struct own_log *agent_new_log(struct agent *agent)
{
    uint64_t number = agent->log_count ? agent_present_log(agent)->number + 1 : 1, replica;
    struct own_log *grown = realloc(agent->logs, (agent->log_count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    agent->logs = grown;
    do
        replica = entropy_number(&agent->entropy);
    while (agent_log(agent, replica)); /* a dot never names two changes */
    struct own_log *log = &agent->logs[agent->log_count++];
    *log = (struct own_log){.number = number, .replica = replica, .dirty = true};
    chain_start(replica, log->link);
    if (agent_index_logs(agent))
        return log;
    agent->log_count--;
    return NULL;
}

uint64_t agent_store_name(const struct agent *agent)
{
    const struct own_log *log = agent_present_log(agent);
    while (log->continues && log > agent->logs)
        log--;
    return log->replica;
}

enum { MOST_UNDER_WAY = LIMIT_LOGS_PER_AGENT / 4 };

bool agent_pass(struct agent *agent)
{
    size_t under_way = 0;
    for (size_t i = 0; i < agent->log_count; i++)
        under_way += agent->logs[i].safe < agent->logs[i].head;
    if (under_way >= MOST_UNDER_WAY)
        return true;
    struct own_log *log = agent_new_log(agent);
    if (log)
        log->continues = true;
    return log != NULL;
}

bool agent_mark_urgent(struct agent *agent, struct error *error)
{
    struct transaction transaction;
    if (!agent_begin(agent, &transaction, error))
        return false;
    for (size_t i = 0; i < agent->log_count; i++) {
        struct own_log *log = &agent->logs[i];
        log->dirty = log->dirty || log->urgent < log->head;
        log->urgent = log->head;
    }
    return agent_commit(agent, &transaction, error);
}

struct agent_group *agent_group(struct agent *agent, const char *name, bool make)
{
    for (size_t i = 0; i < agent->group_count; i++)
        if (strcmp(agent->groups[i].name, name) == 0)
            return &agent->groups[i];
    if (!make || agent->group_count == AGENT_GROUPS || strlen(name) > LIMIT_GROUP_NAME_BYTES)
        return NULL;
    struct agent_group *group = &agent->groups[agent->group_count++];
    *group = (struct agent_group){.dirty = true};
    memcpy(group->name, name, strlen(name));
    return group;
}

static bool take_identity(struct agent *agent, const struct agent_identity *identity, uint64_t wall_ms,
                          struct error *error)
{
    const Hopnhat__Joined *joined = identity->joined;
    if (joined->hub_signing_key.len != SIGNING_KEY_BYTES ||
        strlen(identity->office) > LIMIT_OFFICE_CODE_BYTES)
        return error_set(error, ERROR_CORRUPT, "the hub's answer to the join is not well formed");
    memcpy(agent->office_code, identity->office, strlen(identity->office) + 1);
    memcpy(agent->hub_key, identity->hub_key, LINK_KEY_BYTES);
    memcpy(agent->hub_signing_key, joined->hub_signing_key.data, SIGNING_KEY_BYTES);
    agent->link_keys = *identity->link_keys;
    agent->signing_keys = *identity->signing_keys;
    agent->hub_address = strdup(identity->hub_address);
    agent->catalog = catalog_empty(error);
    if (!agent->catalog)
        return false;
    agent->epoch = joined->epoch;
    agent->last_contact_ms = wall_ms;
    clock_contact(&agent->clock, wall_ms, wall_ms, joined->time);
    if (!agent->hub_address || !agent_new_log(agent))
        return out_of_memory(error);
    return true;
}

static bool put_identity(struct agent *agent, const Hopnhat__Joined *joined, struct transaction *transaction,
                         struct arena *arena, struct error *error)
{
    size_t size = hopnhat__certificate__get_packed_size(joined->certificate);
    uint8_t *packed = arena_alloc(arena, size);
    if (!packed)
        return out_of_memory(error);
    hopnhat__certificate__pack(joined->certificate, packed);
    stored_save_identity(agent, transaction, bytes_of(packed, size));
    for (size_t i = 0; i < joined->n_records; i++)
        if (joined->records[i]->id.len == 16)
            mirror_put(agent, transaction, joined->records[i], NULL, arena);
    return true;
}

bool agent_create(const char *directory, const struct agent_options *options,
                  const struct agent_identity *identity, uint64_t wall_ms, struct error *error)
{
    struct transaction transaction;
    struct arena arena;
    const struct audit_act act = {
        .actor = options->actor, .act = "join", .detail = identity->hub_address, .wall_ms = wall_ms};
    struct agent *agent = open_files(directory, options, true, error);
    if (!agent || !transaction_begin(&transaction, agent->environment, true, error)) {
        agent_close(agent);
        return false;
    }
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool made = false, is;
    if (!stored_is_agent(agent, &transaction, &is, error))
        ; /* *error says what it has lost */
    else if (is)
        error_set(error, ERROR_INPUT, "there is an agent in %s already", directory);
    else if (take_identity(agent, identity, wall_ms, error) &&
             put_identity(agent, identity->joined, &transaction, &arena, error)) {
        audit_append(&transaction, AGENT_AUDIT, options->actor ? &act : NULL);
        made = agent_commit(agent, &transaction, error);
    }
    transaction_abort(&transaction);
    arena_release(&arena);
    agent_close(agent);
    return made;
}

bool agent_restored(struct agent *agent, const struct audit_act *act, struct error *error)
{
    struct transaction transaction;
    if (!agent_begin(agent, &transaction, error))
        return false;
    audit_append(&transaction, AGENT_AUDIT, act);
    if (DEFECT(DOT_TWICE) || agent_new_log(agent))
        return agent_commit(agent, &transaction, error);
    agent_abort(agent, &transaction);
    return out_of_memory(error);
}
