#include "hub/service.h"

#include "base/limits.h"
#include "hub/headquarters.h"
#include "hub/source.h"
#include "model/bag.h"
#include "model/catalog_change.h"
#include "model/catalog_yaml.h"

/* A fresh catalog on its way through the checks. */
struct judgement {
    struct api_call *call;
    json_t *notes;
    struct bytes packed;
    struct catalog_errors errors;
    struct error error; /* of the store, while uses were counted */
};

enum { COUNT_ARENA_BYTES = 256 * 1024 * 1024 };

/* Records counted on the way. */
struct counting {
    const struct catalog_use *use;
    struct arena arena;
    uint64_t found;
};

static bool count_record(void *user, const Hopnhat__Record *record)
{
    struct counting *counting = user;
    arena_reset(&counting->arena);
    counting->found += counting->use->holds(counting->use, record, &counting->arena);
    return true;
}

static uint64_t count_uses(void *context, const struct catalog_use *use)
{
    struct judgement *judgement = context;
    const struct hub_service *service = judgement->call->records->context;
    const struct record_source source = hub_source(service->hub->environment);
    struct counting counting = {.use = use};
    struct transaction snapshot;
    if (!transaction_begin(&snapshot, source.environment, false, &judgement->error))
        return 0;
    arena_init(&counting.arena, COUNT_ARENA_BYTES);
    source.scan(&snapshot, type_definition(use->type)->number, NULL, count_record, &counting,
                &judgement->error);
    arena_release(&counting.arena);
    transaction_abort(&snapshot);
    return counting.found;
}

static void take_note(void *context, const char *text)
{
    struct judgement *judgement = context;
    json_array_append_new(judgement->notes, json_string(text));
}

/* Puts the catalog in the body's `yaml` through all checks. NULL on error; what is wrong with the catalog is
 * no error of the call. */
static struct judgement *judge(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"yaml", "file", "author", NULL};
    const struct hub_service *service = call->records->context;
    struct judgement *judgement = arena_alloc(call->arena, sizeof *judgement);
    if (!judgement) {
        out_of_memory(error);
        return NULL;
    }
    if (!api_body_keys(call, keys, error))
        return NULL;
    const char *yaml = json_string_value(json_object_get(call->body, "yaml"));
    const char *file = json_string_value(json_object_get(call->body, "file"));
    if (!yaml || strlen(yaml) > LIMIT_CATALOG_BYTES) {
        error_set(error, ERROR_INPUT, "yaml: give the catalog's text, at most %d bytes", LIMIT_CATALOG_BYTES);
        return NULL;
    }
    judgement->call = call;
    judgement->notes = json_array();
    const struct catalog_before before = {
        .catalog = service->hub->catalog, .count = count_uses, .context = judgement, .note = take_note};
    catalog_from_yaml_after(&before, bytes_of_string(yaml), file ? file : "catalog", call->arena,
                            &judgement->packed, &judgement->errors);
    if (judgement->error.code == ERROR_NONE && judgement->notes)
        return judgement;
    json_decref(judgement->notes);
    *error = judgement->error;
    if (error->code == ERROR_NONE)
        out_of_memory(error);
    return NULL;
}

/* {"errors":[{"line","text"}], "more", "notes":[…], "applied", "version": of what is in force}; takes the
 * notes. */
static json_t *judgement_json(struct judgement *judgement, bool applied, struct error *error)
{
    const struct hub_service *service = judgement->call->records->context;
    json_t *errors = json_array();
    for (size_t i = 0; errors && i < judgement->errors.count; i++)
        json_array_append_new(errors, json_pack("{s:i, s:s}", "line", (int)judgement->errors.list[i].line,
                                                "text", judgement->errors.list[i].text));
    json_t *json = json_pack("{s:o, s:i, s:o, s:b, s:i}", "errors", errors, "more",
                             (int)judgement->errors.more, "notes", judgement->notes, "applied", applied,
                             "version", (int)catalog_version(service->hub->catalog));
    if (!json)
        out_of_memory(error);
    return json;
}

json_t *handle_catalog_check(struct api_call *call, struct error *error)
{
    struct judgement *judgement = judge(call, error);
    return judgement ? judgement_json(judgement, false, error) : NULL;
}

json_t *handle_catalog_apply(struct api_call *call, struct error *error)
{
    struct hub_service *service = call->records->context;
    const char *author;
    struct judgement *judgement = api_author(call, &author, error) ? judge(call, error) : NULL;
    if (!judgement)
        return NULL;
    if (judgement->errors.count)
        return judgement_json(judgement, false, error);
    if (!headquarters_apply_catalog(service->hub, judgement->packed, author, call->wall_ms, error)) {
        json_decref(judgement->notes);
        return NULL;
    }
    return judgement_json(judgement, true, error);
}
