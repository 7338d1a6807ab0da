#include "store/views.h"

#include "base/log.h"
#include "model/fold.h"
#include "store/directory.h"
#include "store/meta.h"
#include "store/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

enum { VIEWS_FORMAT = 1 };

static const char *const DATABASES[VIEW_DATABASES] = {
    [VIEW_META] = "meta",   [VIEW_CONTRIBUTION] = "contribution",
    [VIEW_INDEX] = "index", [VIEW_WORDS] = "words",
    [VIEW_COUNT] = "count",
};

/* The file beside the views that says that not all of them may be on the disk. */
static const char UNSYNCED[] = "unsynced";

static bool path_in(char path[4096], const char *directory, const char *name)
{
    return snprintf(path, 4096, "%s/%s", directory, name) < 4096;
}

static void remove_file(const char *directory, const char *name)
{
    char path[4096];
    if (path_in(path, directory, name))
        unlink(path);
}

static bool has_file(const char *directory, const char *name)
{
    char path[4096];
    return path_in(path, directory, name) && access(path, F_OK) == 0;
}

static struct environment *open_or_make(const char *directory, uint64_t map_bytes, struct error *error)
{
    struct environment *environment = NULL;
    if (has_file(directory, UNSYNCED))
        error_set(error, ERROR_STORE, "they were not written to the end");
    else
        environment = environment_open(directory, DATABASES, VIEW_DATABASES, map_bytes, error);
    if (environment || error->code == ERROR_FULL || error->code == ERROR_MEMORY)
        return environment;
    log_warning("the views in %s are made anew: %s", directory, error->text);
    remove_file(directory, "data.mdb");
    remove_file(directory, "lock.mdb");
    remove_file(directory, UNSYNCED); /* last: the others are gone if it is */
    return environment_open(directory, DATABASES, VIEW_DATABASES, map_bytes, error);
}

static bool load_progress(struct views *views, struct error *error)
{
    struct transaction transaction;
    struct views_state state;
    if (!transaction_begin(&transaction, views->environment, false, error))
        return false;
    if (views_load_state(&transaction, &state)) {
        views->position = state.position;
        views->target = state.target;
        views->skipped = state.skipped;
    }
    transaction_abort(&transaction);
    return true;
}

struct views *views_open(const char *directory, uint64_t map_bytes, const struct record_source *source,
                         struct error *error)
{
    struct views *views = calloc(1, sizeof *views);
    if (!views) {
        out_of_memory(error);
        return NULL;
    }
    views->source = *source;
    views->directory = strdup(directory);
    if (!views->directory)
        out_of_memory(error);
    else
        views->environment = open_or_make(directory, map_bytes, error);
    if (views->environment && load_progress(views, error))
        return views;
    views_close(views);
    return NULL;
}

void views_close(struct views *views)
{
    struct error error;
    if (!views)
        return;
    views_sync(views, &error);
    environment_close(views->environment);
    free(views->directory);
    free(views);
}

bool views_unsynced(struct views *views)
{
    char path[4096];
    struct error error;
    if (views->unsynced || !path_in(path, views->directory, UNSYNCED))
        return views->unsynced;
    int mark = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (mark < 0)
        return false;
    close(mark);
    views->unsynced = directory_sync(views->directory, &error);
    return views->unsynced;
}

bool views_sync(struct views *views, struct error *error)
{
    if (!views->unsynced)
        return true;
    if (!environment_sync(views->environment, error))
        return false;
    remove_file(views->directory, UNSYNCED);
    views->unsynced = false;
    return true;
}

uint64_t views_lag(const struct views *views, uint64_t rev)
{
    uint64_t position = views->position, target = views->target;
    uint64_t from = position > target ? position : target;
    return rev > from ? rev - from : 0;
}

bool views_verify(const char *directory, struct verify *verify, struct error *error)
{
    struct transaction transaction;
    struct environment *environment = environment_open_reading(directory, DATABASES, VIEW_DATABASES, error);
    if (!environment)
        return error->code == ERROR_NOT_FOUND;
    bool done = transaction_begin(&transaction, environment, false, error);
    if (done)
        verify_databases(verify, &transaction, DATABASES, VIEW_DATABASES);
    transaction_abort(&transaction);
    environment_close(environment);
    return done;
}

/* Each piece is hashed under the hash of all before it. */
static void mix(XXH128_hash_t *hash, const void *data, size_t size)
{
    *hash = XXH3_128bits_withSeed(data, size, hash->low64 ^ size);
}

static void mix_field(XXH128_hash_t *hash, const Hopnhat__FieldDefinition *field)
{
    const uint32_t numbers[] = {field->number, (uint32_t)field->kind, (uint32_t)field->policy,
                                field->indexed != 0, field->retired != 0};
    mix(hash, numbers, sizeof numbers);
    mix(hash, field->unit ? field->unit : "", field->unit ? strlen(field->unit) : 0);
    for (size_t i = 0; i < field->n_choices; i++)
        mix(hash, field->choices[i]->name, strlen(field->choices[i]->name));
}

void views_shape(const struct catalog *catalog, const struct collation *collation,
                 uint8_t shape[VIEWS_SHAPE_BYTES])
{
    XXH128_hash_t hash = {0};
    XXH128_canonical_t canonical;
    const uint64_t versions[] = {VIEWS_FORMAT, collation_version(collation)};
    mix(&hash, versions, sizeof versions);
    for (size_t i = 0; i < catalog_type_count(catalog); i++) {
        const Hopnhat__TypeDefinition *type = type_definition(catalog_type_at(catalog, i));
        const uint32_t numbers[] = {type->number, (uint32_t)type->deletion};
        mix(&hash, numbers, sizeof numbers);
        for (size_t j = 0; j < type->n_fields; j++)
            mix_field(&hash, type->fields[j]);
    }
    XXH128_canonicalFromHash(&canonical, hash);
    memcpy(shape, canonical.digest, VIEWS_SHAPE_BYTES);
}

bool views_load_state(struct transaction *transaction, struct views_state *state)
{
    *state = (struct views_state){
        .identity = meta_number(transaction, VIEW_META, "identity", 0),
        .position = meta_number(transaction, VIEW_META, "position", 0),
        .target = meta_number(transaction, VIEW_META, "target", 0),
        .skipped = meta_number(transaction, VIEW_META, "skipped", 0),
    };
    return meta_bytes(transaction, VIEW_META, "shape", state->shape, sizeof state->shape);
}

void views_save_state(struct transaction *transaction, const struct views_state *state)
{
    meta_put_number(transaction, VIEW_META, "identity", state->identity);
    meta_put_number(transaction, VIEW_META, "position", state->position);
    meta_put_number(transaction, VIEW_META, "target", state->target);
    meta_put_number(transaction, VIEW_META, "skipped", state->skipped);
    meta_put_bytes(transaction, VIEW_META, "shape", state->shape, sizeof state->shape);
}

bool views_count(struct views *views, uint32_t type, uint64_t *count, struct error *error)
{
    struct transaction transaction;
    struct bytes value;
    uint8_t key[4];
    put_u32_be(key, type);
    if (!transaction_begin(&transaction, views->environment, false, error))
        return false;
    bool found = transaction_get(&transaction, VIEW_COUNT, bytes_of(key, sizeof key), &value);
    *count = found && value.size == 8 ? get_u64_be(value.data) : 0;
    transaction_abort(&transaction);
    return true;
}
