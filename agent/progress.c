#include "agent/progress.h"

#include "store/key.h"

enum { LOOKED_AT = 1000 };

/* The bytes of the log's changes that are not acknowledged. */
static uint64_t bytes_pending(struct transaction *transaction, const struct own_log *log)
{
    uint64_t bytes = 0, pending = log->head - log->acknowledged, looked_at = 0;
    struct cursor cursor;
    struct key key, prefix;
    key_dot(&key, log->replica, log->acknowledged + 1);
    key_number(&prefix, log->replica);
    cursor_open(&cursor, transaction, AGENT_LOG);
    for (bool here = pending && cursor_seek(&cursor, key_bytes(&key));
         here && looked_at < LOOKED_AT && cursor_within(&cursor, key_bytes(&prefix));
         here = cursor_next(&cursor)) {
        bytes += cursor.value.size;
        looked_at++;
    }
    cursor_close(&cursor);
    return looked_at ? bytes * pending / looked_at : 0;
}

/* -1: not known. */
static int64_t seconds_for(uint64_t bytes, uint64_t bytes_per_second)
{
    if (bytes == 0)
        return 0;
    return bytes_per_second ? (int64_t)(bytes / bytes_per_second + 1) : -1;
}

/* As the link was measured, but no faster than the office lets it be used. 0: not known. */
static uint64_t bounded(uint64_t bytes_per_second, uint64_t limit, const struct packing *packing)
{
    const uint64_t most = limit_content_bytes(limit, packing);
    return limit && most < bytes_per_second ? most : bytes_per_second;
}

/* What was imported, and of a catch-up what does not fit one part, waits for the hours. */
static const char *waits_for(const struct agent *agent, uint64_t records_to_come)
{
    uint64_t behind = agent->at_head ? 0 : records_to_come;
    bool present = false;
    for (size_t i = 0; i < agent->log_count; i++) {
        const struct own_log *log = &agent->logs[i];
        uint64_t gone = log->urgent > log->acknowledged ? log->urgent : log->acknowledged;
        bool last = i + 1 == agent->log_count;
        behind += last ? 0 : log->head - gone;
        present = last && log->head > gone;
    }
    if (agent->limits.metered)
        return behind || present || !agent->at_head ? "metered" : "";
    return agent->limits.bulk_waits && behind ? "hours" : "";
}

bool agent_progress(struct agent *agent, struct agent_progress *progress, struct error *error)
{
    struct transaction transaction;
    const struct agent_pace *pace = &agent->pace;
    *progress = (struct agent_progress){.records_to_come = agent->at_head ? 0 : pace->records_to_come,
                                        .waits_for = ""};
    if (!agent_read(agent, &transaction, error))
        return false;
    for (size_t i = 0; i < agent->log_count; i++)
        progress->bytes_to_send += bytes_pending(&transaction, &agent->logs[i]);
    bool sound = transaction_is_sound(&transaction, error);
    transaction_abort(&transaction);
    int64_t up = seconds_for(progress->bytes_to_send, bounded(pace->up_bytes_per_second,
                                                              agent->limits.up_bytes_per_second, &pace->up));
    int64_t down =
        seconds_for(progress->records_to_come * pace->record_bytes,
                    bounded(pace->down_bytes_per_second, agent->limits.down_bytes_per_second, &pace->down));
    progress->seconds_to_go = up < 0 || down < 0 || !agent->hub_online ? -1 : up > down ? up : down;
    progress->waits_for = waits_for(agent, progress->records_to_come);
    if (*progress->waits_for)
        progress->seconds_to_go = -1;
    return sound;
}

bool agent_progress_status(struct agent *agent, json_t *status, struct error *error)
{
    struct agent_progress now;
    if (!agent_progress(agent, &now, error))
        return false;
    json_t *seconds = now.seconds_to_go < 0 ? json_null() : json_integer(now.seconds_to_go);
    if (json_object_set_new(status, "bytes_to_send", json_integer((json_int_t)now.bytes_to_send)) != 0 ||
        json_object_set_new(status, "records_to_come", json_integer((json_int_t)now.records_to_come)) != 0 ||
        json_object_set_new(status, "seconds_to_go", seconds) != 0 ||
        json_object_set_new(status, "waits_for", json_string(now.waits_for)) != 0)
        return out_of_memory(error);
    return true;
}
