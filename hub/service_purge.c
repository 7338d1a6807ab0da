#include "hub/service.h"

#include "hub/purge.h"

enum { DAY_MS = 24 * 3600 * 1000, MOST_DAYS = 100 * 366, STEP_ROWS = 10000 };

/* A number of days under the key, or what is the rule now. */
static bool read_days(struct api_call *call, const char *key, uint64_t *ms, struct error *error)
{
    const json_t *days = json_object_get(call->body, key);
    if (!days)
        return true;
    if (!json_is_integer(days) || json_integer_value(days) < 0 || json_integer_value(days) > MOST_DAYS)
        return error_set(error, ERROR_INPUT, "%s: give a number of days, %d at most", key, MOST_DAYS);
    *ms = (uint64_t)json_integer_value(days) * DAY_MS;
    return true;
}

json_t *handle_purge(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"purge_after_days", "retire_after_days", "author", NULL};
    struct hub *hub = ((struct hub_service *)call->records->context)->hub;
    struct purge_rules rules;
    struct purge_pass pass = {0};
    if (!api_body_keys(call, keys, error) || !purge_rules_load(hub, &rules, error) ||
        !read_days(call, keys[0], &rules.purge_after_ms, error) ||
        !read_days(call, keys[1], &rules.retire_after_ms, error) || !purge_rules_save(hub, &rules, error))
        return NULL;
    do {
        if (!purge_step(hub, &rules, call->wall_ms, STEP_ROWS, &pass, error))
            return NULL;
    } while (pass.under_way);
    json_t *json = json_pack("{s:I, s:I, s:I, s:I, s:I}", "purged", (json_int_t)pass.purged, "retired",
                             (json_int_t)pass.retired, "forgotten", (json_int_t)pass.forgotten,
                             "purge_after_days", (json_int_t)(rules.purge_after_ms / DAY_MS),
                             "retire_after_days", (json_int_t)(rules.retire_after_ms / DAY_MS));
    if (!json)
        out_of_memory(error);
    return json;
}
