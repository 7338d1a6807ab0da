#include "agent/bundle.h"
#include "agent/service.h"
#include "api/commands_bundle.h"
#include "api/wall.h"

json_t *agent_handle_bundle_export(struct api_call *call, struct error *error)
{
    struct agent_service *service = call->records->context;
    struct agent_bundle bundle;
    struct bytes file;
    if (!agent_bundle_export(service->agent, call->wall_ms, call->arena, &file, &bundle, error))
        return NULL;
    json_t *answer = json_pack("{s:s, s:I, s:b}", "office", service->agent->office_code, "changes",
                               (json_int_t)bundle.changes, "more", (int)bundle.more);
    if (answer && api_file_add(answer, file, call->arena))
        return answer;
    json_decref(answer);
    out_of_memory(error);
    return NULL;
}

json_t *agent_handle_bundle_import(struct api_call *call, struct error *error)
{
    struct agent_service *service = call->records->context;
    struct agent_bundle bundle;
    struct bytes file;
    if (!api_file_content(call, &file, error) ||
        !agent_bundle_import(service->agent, file, call->wall_ms, &bundle, error))
        return NULL;
    return json_pack("{s:s, s:I, s:I, s:b}", "made", wall_text(bundle.made_ms, call->arena), "acknowledged",
                     (json_int_t)bundle.changes, "records", (json_int_t)bundle.records, "more",
                     (int)bundle.more);
}
