#include "agent/trim.h"

#include "agent/log.h"
#include "base/defect.h"
#include "store/key.h"
#include "store/rows.h"

#include <stdlib.h>
#include <uthash.h>

enum { TRIM_ROWS = 2000 };

/* A change that is needed still. */
struct needed {
    struct dot dot;
    UT_hash_handle hh;
};

struct trim {
    struct agent *agent;
    struct transaction transaction;
    struct needed *needed;
    size_t left; /* rows that may be removed now */
};

static uint64_t target(const struct own_log *log)
{
    return DEFECT(TRIM_BY_ACK) ? log->acknowledged : log->safe;
}

static bool is_due(const struct agent *agent)
{
    for (size_t i = 0; i < agent->log_count; i++)
        if (agent->logs[i].trimmed < target(&agent->logs[i]))
            return true;
    return false;
}

static bool has_drafts(struct agent *agent, bool *drafts, struct error *error)
{
    struct transaction transaction;
    if (!agent_read(agent, &transaction, error))
        return false;
    *drafts = transaction_count(&transaction, AGENT_DRAFT) > 0;
    transaction_abort(&transaction);
    return true;
}

/* The changes whose values people may want back. */
static void find_needed(struct trim *trim)
{
    struct cursor cursor;
    struct needed *one;
    cursor_open(&cursor, &trim->transaction, AGENT_OUTVOTED);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        arena_reset(&trim->agent->scratch);
        const Hopnhat__Outvoted *row = row_unpack(&trim->transaction, cursor.value,
                                                  &hopnhat__outvoted__descriptor, &trim->agent->scratch);
        if (!row)
            break;
        struct dot dot = {row->replica, row->seq};
        HASH_FIND(hh, trim->needed, &dot, sizeof dot, one);
        if (one)
            continue;
        if (!(one = calloc(1, sizeof *one))) {
            agent_fail_memory(&trim->transaction);
            break;
        }
        one->dot = dot;
        HASH_ADD(hh, trim->needed, dot, sizeof one->dot, one);
    }
    cursor_close(&cursor);
}

static bool is_needed(struct trim *trim, struct dot dot)
{
    const struct needed *one;
    HASH_FIND(hh, trim->needed, &dot, sizeof dot, one);
    return one || log_is_refused(&trim->transaction, dot);
}

static void trim_log(struct trim *trim, struct own_log *log)
{
    struct key key;
    uint64_t to = target(log);
    if (to - log->trimmed > trim->left)
        to = log->trimmed + trim->left;
    arena_reset(&trim->agent->scratch);
    if (!log_link(&trim->transaction, log, to, log->trimmed_link, &trim->agent->scratch))
        return;
    for (uint64_t seq = log->trimmed + 1; seq <= to; seq++) {
        struct dot dot = {log->replica, seq};
        key_dot(&key, dot.replica, dot.seq);
        if (!is_needed(trim, dot))
            transaction_delete(&trim->transaction, AGENT_LOG, key_bytes(&key));
    }
    trim->left -= (size_t)(to - log->trimmed);
    log->trimmed = to;
    log->dirty = true;
}

bool agent_trim(struct agent *agent, struct error *error)
{
    struct trim trim = {.agent = agent, .left = TRIM_ROWS};
    struct needed *one, *next;
    bool drafts = false;
    if (!is_due(agent))
        return true;
    if (!has_drafts(agent, &drafts, error) || drafts)
        return drafts;
    if (!agent_begin(agent, &trim.transaction, error))
        return false;
    find_needed(&trim);
    for (size_t i = 0; i < agent->log_count && !trim.transaction.failed; i++)
        if (agent->logs[i].trimmed < target(&agent->logs[i]))
            trim_log(&trim, &agent->logs[i]);
    HASH_ITER(hh, trim.needed, one, next)
    {
        HASH_DEL(trim.needed, one);
        free(one);
    }
    return agent_commit(agent, &trim.transaction, error);
}
