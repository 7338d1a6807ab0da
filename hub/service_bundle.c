#include "api/commands_bundle.h"
#include "api/wall.h"
#include "hub/bundle.h"
#include "hub/service.h"

json_t *hub_handle_bundle_export(struct api_call *call, struct error *error)
{
    struct hub_service *service = call->records->context;
    struct hub_bundle bundle;
    struct bytes file;
    const char *office = api_body_string(call, "office", error);
    if (!office) {
        error_set(error, ERROR_INPUT, "office: for which office is the bundle?");
        return NULL;
    }
    if (!hub_bundle_export(service->hub, office, call->wall_ms, call->arena, &file, &bundle, error))
        return NULL;
    json_t *answer = json_pack("{s:s, s:s, s:I, s:b}", "office", bundle.office, "answers",
                               wall_text(bundle.made_ms, call->arena), "records", (json_int_t)bundle.records,
                               "more", (int)bundle.more);
    if (answer && api_file_add(answer, file, call->arena))
        return answer;
    json_decref(answer);
    out_of_memory(error);
    return NULL;
}

json_t *hub_handle_bundle_import(struct api_call *call, struct error *error)
{
    struct hub_service *service = call->records->context;
    struct hub_bundle bundle;
    struct bytes file;
    if (!api_file_content(call, &file, error) ||
        !hub_bundle_import(service->hub, file, call->wall_ms, &bundle, error))
        return NULL;
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "office", bundle.office, "made",
                     wall_text(bundle.made_ms, call->arena), "changes", (json_int_t)bundle.changes, "added",
                     (json_int_t)bundle.added, "refused", (json_int_t)bundle.refused, "waits",
                     (int)bundle.waits);
}
