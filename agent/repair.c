#include "agent/repair.h"

#include "agent/draft.h"
#include "agent/log.h"
#include "agent/mirror.h"
#include "agent/reauthor.h"
#include "api/wall.h"
#include "base/defect.h"
#include "store/audit.h"
#include "store/key.h"
#include "store/rows.h"
#include "store/salvage.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct repair {
    struct agent *agent;
    struct transaction transaction;
    void (*told)(void *context, const char *text);
    void *context;
    struct error *error;
};

static void __attribute__((format(printf, 2, 3))) tell(struct repair *repair, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    repair->told(repair->context, text);
}

/* What an agent is, and cannot get from anybody. */
static bool is_vital(unsigned database)
{
    return database == AGENT_META || database == AGENT_OWNLOG || database == AGENT_CATALOG;
}

/* What follows from other rows. */
static bool is_derived(unsigned database)
{
    return database == AGENT_DIGEST || database == AGENT_CHANGED || database == AGENT_PLACE ||
           database == AGENT_CONFLICT;
}

static bool take_over(struct repair *repair, struct environment *from, struct environment *to)
{
    for (unsigned i = 0; i < AGENT_DATABASES; i++) {
        uint64_t lost;
        if (is_derived(i))
            continue;
        if (!salvage_database(from, to, i, &lost, repair->error))
            return false;
        if (lost && is_vital(i))
            return error_set(
                repair->error, ERROR_CORRUPT,
                "the store cannot be mended: \"%s\" is damaged; restore the newest backup, or join anew",
                agent_databases[i]);
        if (lost && i == AGENT_AUDIT && !audit_mend(to, i, lost, wall_now_ms(), repair->error))
            return false;
        if (lost)
            tell(repair, "%" PRIu64 " damaged rows of \"%s\" were left out", lost, agent_databases[i]);
    }
    return true;
}

static bool copy_rows(struct repair *repair, const char *damaged, const char *fresh)
{
    char path[4096];
    struct environment *to = NULL, *from = environment_open_reading(damaged, agent_databases, AGENT_DATABASES,
                                                                    repair->error);
    if (from && snprintf(path, sizeof path, "%s/store", fresh) < (int)sizeof path)
        to = environment_open(path, agent_databases, AGENT_DATABASES, AGENT_DEFAULT_MAP_BYTES, repair->error);
    bool done = to && take_over(repair, from, to);
    environment_close(from);
    environment_close(to);
    return done;
}

static bool is_kept(struct repair *repair, const struct own_log *log, uint64_t seq)
{
    struct key key;
    struct bytes row;
    key_dot(&key, log->replica, seq);
    return transaction_get(&repair->transaction, AGENT_LOG, key_bytes(&key), &row);
}

/* Acknowledged changes that are damaged count as trimmed, with what is before the first whole one after them,
 * whose link is known. */
static bool trim_damaged(struct repair *repair, struct own_log *log)
{
    uint64_t last = log->acknowledged;
    while (last > log->trimmed && is_kept(repair, log, last))
        last--;
    if (last == log->trimmed)
        return true;
    uint64_t to = last < log->head ? last + 1 : last;
    if (to > log->acknowledged || (to != log->head && !is_kept(repair, log, to)))
        return error_set(
            repair->error, ERROR_CORRUPT,
            "the store cannot be mended: the last acknowledged change of a log is damaged; restore "
            "the newest backup, or join anew");
    tell(repair,
         "log %016" PRIx64 ": changes up to %" PRIu64
         " are damaged here; headquarters has them, and they count "
         "as trimmed",
         log->replica, last);
    if (!log_link(&repair->transaction, log, to, log->trimmed_link, &repair->agent->scratch))
        return false;
    log->trimmed = to;
    log->dirty = true;
    return true;
}

/* Changes that headquarters does not have: those that are damaged are lost. *common: the last one before the
 * first of them; the head where there is none. */
static void find_lost(struct repair *repair, const struct own_log *log, uint64_t *common)
{
    Hopnhat__Refusal refusal = HOPNHAT__REFUSAL__INIT;
    static char why[] = "it was damaged here before it reached headquarters, and is lost";
    struct key key;
    *common = log->head;
    for (uint64_t seq = log->acknowledged + 1; seq <= log->head; seq++) {
        if (is_kept(repair, log, seq))
            continue;
        tell(repair, "log %016" PRIx64 ": change %" PRIu64 " had not reached headquarters, and is lost",
             log->replica, seq);
        if (*common == log->head)
            *common = seq - 1;
        refusal.replica = log->replica; /* so that it is not looked for when the others are authored again */
        refusal.seq = seq;
        refusal.text = why;
        key_dot(&key, log->replica, seq);
        row_put(&repair->transaction, AGENT_REFUSED, key_bytes(&key), &refusal.base);
    }
}

/* Builds what follows from the mirror. */
static void rebuild(struct repair *repair)
{
    struct agent *agent = repair->agent;
    struct cursor cursor;
    for (size_t i = 0; i < agent->group_count && !DEFECT(REPAIR_TRUSTS_MIRROR); i++) {
        agent->groups[i].reconcile = agent->groups[i].listed;
        agent->groups[i].base = agent->groups[i].position = 0;
        agent->groups[i].dirty = true;
    }
    cursor_open(&cursor, &repair->transaction, AGENT_MIRROR);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        arena_reset(&agent->scratch);
        const Hopnhat__Record *record =
            row_unpack(&repair->transaction, cursor.value, &hopnhat__record__descriptor, &agent->scratch);
        struct agent_group *group = record && record->group ? agent_group(agent, record->group, true) : NULL;
        if (!group)
            continue;
        struct digest digest = digest_record(record);
        digest_add(&group->digest, &digest);
        group->dirty = true;
        const Hopnhat__Record *draft =
            draft_get(&repair->transaction, record->type, record->id.data, &agent->scratch);
        mirror_show(agent, &repair->transaction, record->type, record->id.data, draft ? draft : record,
                    &agent->scratch);
    }
    cursor_close(&cursor);
}

/* Drafts of records that are not mirrored (any more) are shown, too; then those that were damaged are made.
 */
static void rebuild_drafts(struct repair *repair)
{
    struct agent *agent = repair->agent;
    struct cursor cursor;
    struct bytes place;
    cursor_open(&cursor, &repair->transaction, AGENT_DRAFT);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        if (transaction_get(&repair->transaction, AGENT_PLACE, cursor.key, &place))
            continue;
        arena_reset(&agent->scratch);
        const uint8_t *key = cursor.key.data;
        uint32_t type = get_u32_be(key);
        mirror_show(agent, &repair->transaction, type, key + 4,
                    draft_get(&repair->transaction, type, key + 4, &agent->scratch), &agent->scratch);
    }
    cursor_close(&cursor);
    for (size_t i = 0; i < agent->log_count; i++)
        draft_pend_again(agent, &repair->transaction, agent->logs[i].replica, agent->logs[i].acknowledged + 1,
                         agent->logs[i].head);
}

static bool mend_logs(struct repair *repair, struct fork forks[LIMIT_LOGS_PER_AGENT], size_t *fork_count)
{
    struct agent *agent = repair->agent;
    for (size_t i = 0; i < agent->log_count; i++)
        if (!trim_damaged(repair, &agent->logs[i]))
            return false;
    rebuild_drafts(repair);
    for (size_t i = 0; i < agent->log_count; i++) {
        uint64_t common;
        find_lost(repair, &agent->logs[i], &common);
        if (common < agent->logs[i].head && *fork_count < LIMIT_LOGS_PER_AGENT)
            forks[(*fork_count)++] = (struct fork){agent->logs[i].replica, common};
    }
    draft_refresh_all(agent, &repair->transaction, NULL); /* without what is lost */
    return true;
}

static bool mend(struct repair *repair)
{
    struct fork forks[LIMIT_LOGS_PER_AGENT];
    size_t fork_count = 0;
    if (!agent_begin(repair->agent, &repair->transaction, repair->error))
        return false;
    rebuild(repair);
    if (!mend_logs(repair, forks, &fork_count)) {
        agent_abort(repair->agent, &repair->transaction);
        return false;
    }
    return agent_commit(repair->agent, &repair->transaction, repair->error) &&
           (fork_count == 0 || agent_reauthor(repair->agent, forks, fork_count, repair->error));
}

bool agent_repair(const char *damaged, const char *fresh, void (*told)(void *context, const char *text),
                  void *context, struct error *error)
{
    struct repair repair = {.told = told, .context = context, .error = error};
    const struct agent_options options = {.entropy = entropy_system()};
    if (!copy_rows(&repair, damaged, fresh))
        return false;
    repair.agent = agent_open(fresh, &options, error);
    bool done = repair.agent && mend(&repair);
    agent_close(repair.agent);
    return done;
}
