#include "hub/rotation.h"
#include "hub/service.h"

json_t *handle_rotate_keys(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"finish", "force", "author", NULL};
    struct hub_service *service = call->records->context;
    bool finish = json_is_true(json_object_get(call->body, "finish"));
    bool force = json_is_true(json_object_get(call->body, "force"));
    if (!api_body_keys(call, keys, error) ||
        !(finish ? rotation_finish(service->hub, force, error) : rotation_begin(service->hub, error)))
        return NULL;
    service->rekeyed = service->rekeyed || finish;
    struct hub_rotation state = rotation_state(service->hub);
    json_t *json = json_pack("{s:b, s:i, s:i}", "under_way", state.under_way, "heard",
                             state.under_way ? (int)state.heard : 0, "not_heard",
                             state.under_way ? (int)state.not_heard : 0);
    if (!json)
        out_of_memory(error);
    return json;
}
