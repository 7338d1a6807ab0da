#include "agent/backups.h"

#include "agent/service.h"
#include "api/wall.h"
#include "base/hex.h"
#include "store/meta.h"
#include "store/recovery_key.h"

void agent_backups_status(struct agent *agent, json_t *status)
{
    struct transaction transaction;
    struct error ignored;
    struct arena arena;
    if (!agent_read(agent, &transaction, &ignored))
        return;
    arena_init(&arena, 4096);
    uint64_t ms = meta_number(&transaction, AGENT_META, "last_backup_ms", 0);
    transaction_abort(&transaction);
    json_object_set_new(status, "last_backup", ms ? json_string(wall_text(ms, &arena)) : json_null());
    arena_release(&arena);
}

json_t *agent_handle_backup(struct api_call *call, struct error *error)
{
    struct agent_service *service = call->records->context;
    struct transaction transaction;
    json_int_t made_ms = json_integer_value(json_object_get(call->body, "made_ms"));
    if (made_ms <= 0) {
        error_set(error, ERROR_INPUT, "made_ms: when was the backup made?");
        return NULL;
    }
    if (!agent_begin(service->agent, &transaction, error))
        return NULL;
    meta_put_number(&transaction, AGENT_META, "last_backup_ms", (uint64_t)made_ms);
    return agent_commit(service->agent, &transaction, error) ? json_object() : NULL;
}

json_t *agent_handle_recovery_key(struct api_call *call, struct error *error)
{
    struct agent_service *service = call->records->context;
    struct transaction transaction;
    uint8_t key[RECOVERY_KEY_BYTES];
    const char *text = api_body_string(call, "public", error);
    if (!text || strlen(text) != 2 * RECOVERY_KEY_BYTES || !hex_decode(text, 2 * RECOVERY_KEY_BYTES, key)) {
        error_set(error, ERROR_INPUT, "public: a key has %d hexadecimal digits", 2 * RECOVERY_KEY_BYTES);
        return NULL;
    }
    if (!agent_begin(service->agent, &transaction, error))
        return NULL;
    meta_put_bytes(&transaction, AGENT_META, "recovery_key", key, sizeof key);
    return agent_commit(service->agent, &transaction, error) ? json_object() : NULL;
}
