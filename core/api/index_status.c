#include "api/index_status.h"

#include "api/record_json.h"

bool index_status_add(json_t *status, struct follow *follow, uint64_t rev, struct error *error)
{
    struct follow_status now;
    if (!follow)
        return true;
    follow_status(follow, &now);
    uint64_t behind = rev > now.position ? rev - now.position : 0;
    json_t *members = json_pack("{s:I, s:b, s:I, s:o}", "index_behind", (json_int_t)behind, "index_building",
                                now.building, "index_skipped", (json_int_t)now.skipped, "index_trouble",
                                bytes_json(bytes_of_string(now.trouble ? now.error.text : "")));
    bool done = members && json_object_update(status, members) == 0;
    json_decref(members);
    return done || out_of_memory(error);
}
