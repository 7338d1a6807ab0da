#include "hub/state.h"

#include "hub/backups.h"
#include "hub/catalogs.h"
#include "hub/headquarters.h"
#include "hub/intake.h"
#include "hub/registry.h"
#include "hub/text_merge.h"
#include "hub/urgent.h"
#include "store/lock.h"
#include "store/meta.h"
#include "store/rewrite.h"

#include <stdio.h>
#include <stdlib.h>

const char *const hub_databases[HUB_DATABASES] = {
    [HUB_META] = "meta",
    [HUB_LOG] = "log",
    [HUB_RECORD] = "record",
    [HUB_FEED] = "feed",
    [HUB_DIGEST] = "digest",
    [HUB_REPLICA] = "replica",
    [HUB_INSTALLATION] = "installation",
    [HUB_ENROLMENT] = "enrolment",
    [HUB_CONFLICT] = "conflict",
    [HUB_CONFLICT_STATE] = "conflict_state",
    [HUB_QUARANTINE] = "quarantine",
    [HUB_SIGNATURE] = "signature",
    [HUB_CATALOG] = "catalog",
    [HUB_BACKUP] = "backup",
    [HUB_IMPORT] = "import",
    [HUB_CARRIED] = "carried",
    [HUB_PURGED] = "purged",
    [HUB_ACCOUNT] = "account",
    [HUB_AUDIT] = "audit",
    [HUB_URGENT] = "urgent",
    [HUB_PIECE] = "piece",
};

/* Format 2: custody has keys of its own. */
static bool draw_custody_keys(struct transaction *transaction, struct error *error)
{
    struct link_keys keys;
    (void)error;
    if (!meta_bytes(transaction, HUB_META, "custody_keys", &keys, sizeof keys)) {
        link_keys_generate(&keys);
        meta_put_bytes(transaction, HUB_META, "custody_keys", &keys, sizeof keys);
    }
    keys_wipe(&keys, sizeof keys);
    return true;
}

static format_step *const steps[] = {draw_custody_keys};

const struct format hub_format = {
    .program = "hopnhat-hub", .meta = HUB_META, .steps = steps, .step_count = sizeof steps / sizeof *steps};

static struct environment *open_store(const char *directory, const char *path,
                                      const struct hub_options *options, struct error *error)
{
    const struct rewrite rewrite = {
        .data = directory,
        .names = hub_databases,
        .name_count = HUB_DATABASES,
        .meta = HUB_META,
        .map_bytes = options->map_bytes ? options->map_bytes : HUB_DEFAULT_MAP_BYTES,
    };
    struct environment *environment =
        environment_open(path, rewrite.names, rewrite.name_count, rewrite.map_bytes, error);
    if (!environment || format_bring_forward(environment, &hub_format, error))
        return environment ? rewrite_if_due(environment, &rewrite, error) : NULL;
    environment_close(environment);
    return NULL;
}

static bool no_hub(const char *directory, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND,
                     "there is no hub in %s: make one with hopnhat-hub init, or, where one was made, "
                     "restore the newest backup",
                     directory);
}

static struct hub *open_files(const char *directory, const struct hub_options *options, bool make,
                              struct error *error)
{
    char path[4096];
    struct hub *hub = calloc(1, sizeof *hub);
    if (!hub) {
        out_of_memory(error);
        return NULL;
    }
    hub->lock = -1;
    hub->entropy = options->entropy;
    hub->steady = options->steady;
    hub->merges_texts = text_merge_start(error);
    hub->directory = strdup(directory);
    hub->catalog = catalog_empty(error);
    if (!hub->merges_texts)
        ; /* *error says why */
    else if (!hub->directory || !hub->catalog ||
             snprintf(path, sizeof path, "%s/store", directory) >= (int)sizeof path)
        error_set(error, ERROR_MEMORY, "out of memory, or the name of the data directory is too long");
    else if (!make && !environment_is_there(path))
        no_hub(directory, error); /* and nothing is made that init would take for one */
    else if (!options->take_lock || (hub->lock = lock_take(directory, make, error)) >= 0)
        hub->environment = open_store(directory, path, options, error);
    if (hub->environment)
        return hub;
    hub_close(hub);
    return NULL;
}

void hub_close(struct hub *hub)
{
    if (!hub)
        return;
    if (hub->merges_texts)
        text_merge_end();
    intake_clear(hub);
    registry_clear(hub);
    catalog_free(hub->catalog);
    environment_close(hub->environment);
    lock_release(hub->lock);
    keys_wipe(&hub->link_keys, sizeof hub->link_keys);
    keys_wipe(&hub->next_link_keys, sizeof hub->next_link_keys);
    keys_wipe(&hub->signing_keys, sizeof hub->signing_keys);
    keys_wipe(&hub->custody_keys, sizeof hub->custody_keys);
    free(hub->directory);
    free(hub);
}

static bool lost(const struct hub *hub, const char *what, struct error *error)
{
    return error_set(error, ERROR_CORRUPT, "the store in %s has lost %s: restore the newest backup",
                     hub->directory, what);
}

/* Whether a hub was made in the store; ERROR_CORRUPT where one was, and its mark is gone. */
static bool was_made(struct hub *hub, struct transaction *transaction, bool *made, struct error *error)
{
    *made = meta_number(transaction, HUB_META, "format", 0) != 0;
    return *made || transaction_count(transaction, HUB_AUDIT) == 0 || lost(hub, "its format", error);
}

static bool load_identity(struct hub *hub, struct transaction *transaction, struct error *error)
{
    bool made;
    if (!was_made(hub, transaction, &made, error))
        return false;
    if (!made)
        return no_hub(hub->directory, error);
    hub->epoch = meta_number(transaction, HUB_META, "epoch", 0);
    hub->own_replica = meta_number(transaction, HUB_META, "replica", 0);
    hub->rev = meta_number(transaction, HUB_META, "rev", 0);
    hub->urgent_rev = urgent_last(transaction);
    hub->forgotten_at = meta_number(transaction, HUB_META, "forgotten_at", 0);
    hub->clock.last = meta_number(transaction, HUB_META, "clock", 0);
    hub->conflicts_open = meta_number(transaction, HUB_META, "conflicts_open", 0);
    hub->quarantined = meta_number(transaction, HUB_META, "quarantined", 0);
    hub->has_next_link_keys =
        meta_bytes(transaction, HUB_META, "next_link_keys", &hub->next_link_keys, sizeof hub->next_link_keys);
    if (!meta_bytes(transaction, HUB_META, "link_keys", &hub->link_keys, sizeof hub->link_keys) ||
        !meta_bytes(transaction, HUB_META, "signing_keys", &hub->signing_keys, sizeof hub->signing_keys) ||
        !meta_bytes(transaction, HUB_META, "custody_keys", &hub->custody_keys, sizeof hub->custody_keys))
        return lost(hub, "its keys", error);
    hub->custody.stale = true;
    hub->custody.awaited = meta_number(transaction, HUB_META, "custody_awaited", 0) != 0;
    return true;
}

bool hub_reload(struct hub *hub, struct error *error)
{
    struct transaction transaction;
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return false;
    bool loaded = load_identity(hub, &transaction, error) && catalogs_load(hub, &transaction, error) &&
                  registry_load(hub, &transaction, error) && backups_load(hub, &transaction, error);
    transaction_abort(&transaction);
    return loaded;
}

struct hub *hub_open(const char *directory, const struct hub_options *options, struct error *error)
{
    struct hub *hub = open_files(directory, options, false, error);
    if (hub && !hub_reload(hub, error)) {
        hub_close(hub);
        return NULL;
    }
    return hub;
}

static void put_new_numbers(struct hub *hub, struct transaction *transaction)
{
    hub->epoch = entropy_number(&hub->entropy);
    hub->own_replica = entropy_number(&hub->entropy);
    meta_put_number(transaction, HUB_META, "epoch", hub->epoch);
    meta_put_number(transaction, HUB_META, "replica", hub->own_replica);
}

static bool draw_keys(struct hub *hub, struct error *error)
{
    hub->entropy.fill(hub->entropy.context, hub->link_keys.secret_key, sizeof hub->link_keys.secret_key);
    uint8_t seed[SIGNING_SEED_BYTES];
    hub->entropy.fill(hub->entropy.context, seed, sizeof seed);
    signing_keys_from_seed(&hub->signing_keys, seed);
    keys_wipe(seed, sizeof seed);
    hub->entropy.fill(hub->entropy.context, hub->custody_keys.secret_key,
                      sizeof hub->custody_keys.secret_key);
    return link_keys_from_secret(&hub->custody_keys, error) && link_keys_from_secret(&hub->link_keys, error);
}

static bool write_identity(struct hub *hub, struct error *error)
{
    struct transaction transaction;
    bool made;
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    if (!was_made(hub, &transaction, &made, error) || made) {
        transaction_abort(&transaction);
        return made ? error_set(error, ERROR_INPUT, "there is a hub in %s already", hub->directory) : false;
    }
    for (unsigned i = 0; i < HUB_DATABASES; i++)
        transaction_clear(&transaction, i); /* what an init that was cut short has left */
    put_new_numbers(hub, &transaction);
    meta_put_bytes(&transaction, HUB_META, "link_keys", &hub->link_keys, sizeof hub->link_keys);
    meta_put_bytes(&transaction, HUB_META, "signing_keys", &hub->signing_keys, sizeof hub->signing_keys);
    meta_put_bytes(&transaction, HUB_META, "custody_keys", &hub->custody_keys, sizeof hub->custody_keys);
    return transaction_commit(&transaction, error);
}

/* Written last: without it there is no hub yet, and init may begin again. */
static bool mark_made(struct hub *hub, const char *actor, uint64_t wall_ms, struct error *error)
{
    struct transaction transaction;
    const struct audit_act act = {.actor = actor, .act = "init", .wall_ms = wall_ms};
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    meta_put_number(&transaction, HUB_META, "format", format_present(&hub_format));
    audit_append(&transaction, HUB_AUDIT, actor ? &act : NULL);
    return transaction_commit(&transaction, error);
}

bool hub_init(const char *directory, const struct hub_options *options, struct bytes catalog,
              uint64_t wall_ms, struct error *error)
{
    struct hub *hub = open_files(directory, options, true, error);
    if (!hub)
        return false;
    bool made = draw_keys(hub, error) && write_identity(hub, error) &&
                headquarters_apply_catalog(hub, catalog, NULL, wall_ms, error) &&
                mark_made(hub, options->actor, wall_ms, error);
    hub_close(hub);
    return made;
}

bool hub_mark_restored(struct hub *hub, const char *file, const struct audit_act *act, struct error *error)
{
    struct transaction transaction;
    struct arena arena;
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    backups_note_origin(hub, &transaction, file, &arena);
    arena_release(&arena);
    put_new_numbers(hub, &transaction);
    meta_put_number(&transaction, HUB_META, "restored", 1);
    meta_put_number(&transaction, HUB_META, "custody_awaited", 1);
    transaction_clear(&transaction, HUB_ENROLMENT);
    audit_append(&transaction, HUB_AUDIT, act);
    return transaction_commit(&transaction, error) && hub_reload(hub, error);
}

bool hub_was_restored(struct hub *hub)
{
    struct transaction transaction;
    struct error error;
    if (!transaction_begin(&transaction, hub->environment, false, &error))
        return false;
    bool restored = meta_number(&transaction, HUB_META, "restored", 0) != 0;
    transaction_abort(&transaction);
    return restored;
}
