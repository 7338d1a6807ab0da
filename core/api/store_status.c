#include "api/store_status.h"

bool store_status_add(json_t *status, struct environment *environment, struct error *error)
{
    const struct environment_usage usage = environment_usage(environment);
    json_t *members = json_pack(
        "{s:I, s:I, s:I, s:I, s:I}", "store_used_bytes", (json_int_t)usage.used_bytes, "store_map_bytes",
        (json_int_t)usage.map_bytes, "oldest_reader", (json_int_t)usage.oldest_reader, "disk_free_bytes",
        (json_int_t)usage.disk_free_bytes, "disk_bytes", (json_int_t)usage.disk_bytes);
    bool done = members && json_object_update(status, members) == 0;
    json_decref(members);
    return done || out_of_memory(error);
}
