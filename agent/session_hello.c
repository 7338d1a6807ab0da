/* The beginning of a session: Hello, Welcome, and what follows from them. */
#include "agent/draft.h"
#include "agent/feed_groups.h"
#include "agent/log.h"
#include "agent/new_keys.h"
#include "agent/reauthor.h"
#include "agent/session_state.h"

/* Whether changes of any log may be drafted still: only logs that are named are settled by the feed. */
static bool has_drafts(struct agent *agent)
{
    struct transaction transaction;
    struct error error;
    if (!agent_read(agent, &transaction, &error))
        return true;
    bool drafts = transaction.failed || transaction_count(&transaction, AGENT_DRAFT) > 0;
    transaction_abort(&transaction);
    return drafts;
}

/* Room for one more log in the Hello; with `all`, also one whose changes are safe: drafts are made of them.
 */
static void name_log(struct agent_session *session, const struct own_log *log, bool all)
{
    if (session->log_count < LIMIT_LOGS_PER_AGENT && log->head && (all || log->safe < log->head))
        session->logs[session->log_count++] = (struct session_log){.replica = log->replica};
}

/* The present log first; then the former ones that the hub lacks something of, as far as is known here, the
 * oldest first: what does not fit is named once these have been offered (session_left_out). Then those that
 * may not be in the hub's oldest backup, the newest first: drafts are made of these, if of any. */
static void choose_logs(struct agent_session *session)
{
    struct agent *agent = session->agent;
    size_t former = agent->log_count - 1;
    bool all = has_drafts(agent);
    session->log_count = 1;
    session->logs[0] = (struct session_log){.replica = agent_present_log(agent)->replica};
    for (size_t i = 0; i < former; i++)
        if (agent->logs[i].acknowledged < agent->logs[i].head)
            name_log(session, &agent->logs[i], all);
    for (size_t i = former; i-- > 0;)
        if (agent->logs[i].acknowledged >= agent->logs[i].head)
            name_log(session, &agent->logs[i], all);
    for (size_t i = 0; i < session->log_count; i++)
        session->replicas[i] = session->logs[i].replica;
}

bool session_left_out(const struct agent_session *session)
{
    const struct agent *agent = session->agent;
    if (session->log_count < LIMIT_LOGS_PER_AGENT)
        return false;
    for (size_t i = 0; i + 1 < agent->log_count; i++) {
        size_t named = 1;
        if (agent->logs[i].acknowledged >= agent->logs[i].head)
            continue;
        while (named < session->log_count && session->replicas[named] != agent->logs[i].replica)
            named++;
        if (named == session->log_count)
            return true;
    }
    return false;
}

static bool add_heads(struct agent_session *session, Hopnhat__Hello *hello, struct arena *arena)
{
    hello->logs = arena_alloc(arena, session->log_count * sizeof *hello->logs);
    for (size_t i = 0; hello->logs && i < session->log_count; i++) {
        struct own_log *log = agent_log(session->agent, session->logs[i].replica);
        Hopnhat__LogHead *head = arena_alloc(arena, sizeof *head);
        if (!head)
            return false;
        hopnhat__log_head__init(head);
        head->replica = log->replica;
        head->head = log->head;
        head->has_link = log->head != 0;
        head->link = (ProtobufCBinaryData){CHAIN_LINK_BYTES, log->link};
        head->has_refusal_heard = log->refusal_heard != 0;
        head->refusal_heard = log->refusal_heard;
        head->has_trimmed = head->has_trimmed_link = log->trimmed != 0;
        head->trimmed = log->trimmed;
        head->trimmed_link = (ProtobufCBinaryData){CHAIN_LINK_BYTES, log->trimmed_link};
        hello->logs[hello->n_logs++] = head;
    }
    return hello->logs != NULL;
}

static bool add_cursors(struct agent *agent, Hopnhat__Hello *hello, struct arena *arena)
{
    struct agent_group *group;
    hello->cursors = arena_alloc(arena, AGENT_GROUPS * sizeof *hello->cursors);
    for (uint32_t place = 0; hello->cursors && (group = feed_group(agent, place)); place++) {
        Hopnhat__Cursor *cursor = arena_alloc(arena, sizeof *cursor);
        if (!cursor)
            return false;
        hopnhat__cursor__init(cursor);
        cursor->group = group->name;
        cursor->base_rev = group->base;
        cursor->position = group->position;
        hello->cursors[hello->n_cursors++] = cursor;
    }
    return hello->cursors != NULL;
}

/* What a Hello says of the hub's next link key: its first bytes; 0: none is known. */
static uint32_t next_hub_key(const struct agent *agent)
{
    return agent->has_next_hub_key ? get_u32_be(agent->next_hub_key) : 0;
}

void session_say_hello(struct agent_session *session, uint64_t wall_ms)
{
    static char software[] = "hopnhat-agent " HOPNHAT_VERSION;
    struct agent *agent = session->agent;
    uint8_t hash[CATALOG_HASH_BYTES];
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Hello hello = HOPNHAT__HELLO__INIT;
    session->hello_gap_ms = session->hello_gap_ms ? 2 * session->hello_gap_ms : HELLO_GAP_MS;
    if (session->hello_gap_ms > HELLO_GAP_MOST_MS)
        session->hello_gap_ms = HELLO_GAP_MOST_MS;
    session->hello_after_ms = session->now_ms + session->hello_gap_ms;
    choose_logs(session);
    hello.protocol = PROTOCOL_VERSION;
    hello.time = clock_reading(&agent->clock, wall_ms);
    hello.certificate = agent->certificate;
    hello.has_epoch = true;
    hello.epoch = agent->epoch;
    hello.has_catalog = true;
    memcpy(hash, catalog_hash(agent->catalog), sizeof hash);
    hello.catalog = (ProtobufCBinaryData){sizeof hash, hash};
    hello.software = software;
    hello.has_digest_mismatches = agent->digest_mismatches != 0;
    hello.digest_mismatches = agent->digest_mismatches;
    hello.ahead = agent->ahead;
    hello.n_ahead = sizeof agent->ahead / sizeof *agent->ahead;
    agent->entropy.fill(agent->entropy.context, session->seed_key, sizeof session->seed_key);
    hello.has_seed_key = true;
    hello.seed_key = (ProtobufCBinaryData){sizeof session->seed_key, session->seed_key};
    hello.has_next_hub_key = agent->has_next_hub_key;
    hello.next_hub_key = next_hub_key(agent);
    message.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    arena_reset(&session->message);
    session_move(session, SESSION_GREETING);
    if (add_heads(session, &hello, &session->message) && add_cursors(agent, &hello, &session->message))
        session_ask(session, &message, REQUEST_HELLO, wall_ms);
    else
        session_lose_link(session, "out of memory");
}

/* The hub has to speak of just the logs that we named. */
static bool is_sound(const struct agent_session *session, const Hopnhat__Welcome *welcome)
{
    if (welcome->n_logs != session->log_count || welcome->epoch == 0)
        return false;
    for (size_t i = 0; i < welcome->n_logs; i++) {
        const Hopnhat__LogMark *mark = welcome->logs[i];
        if (mark->replica != session->replicas[i] || (mark->watermark && mark->link.len != LINK_BYTES))
            return false;
    }
    return true;
}

static bool keep_welcome(struct agent_session *session, const Hopnhat__Welcome *welcome)
{
    size_t size = hopnhat__welcome__get_packed_size(welcome);
    uint8_t *packed = arena_alloc(&session->arena, size);
    if (!packed)
        return false;
    hopnhat__welcome__pack(welcome, packed);
    session->welcome = hopnhat__welcome__unpack(&session->arena.protobuf, size, packed);
    return session->welcome != NULL;
}

/* What the cursors say means nothing any more; mirrors are kept and reconciled. */
static void void_cursors(struct agent *agent)
{
    memset(agent->ahead, 0, sizeof agent->ahead);
    for (size_t i = 0; i < agent->group_count && agent->epoch; i++) {
        struct agent_group *group = &agent->groups[i];
        group->reconcile = group->listed;
        group->base = group->position = 0;
        group->dirty = true;
    }
}

/* The hub's epoch is another: it came back from a backup. */
static void change_epoch(struct agent *agent, uint64_t epoch)
{
    void_cursors(agent);
    for (size_t i = 0; i < agent->log_count; i++) {
        agent->logs[i].safe = 0; /* nobody knows which backup it was: all logs are named from now on */
        agent->logs[i].dirty = true;
    }
    agent->epoch = epoch;
}

/* The hub's watermark counts, also where it is lower than it was: then the hub has lost what is above. What
 * was trimmed cannot be offered again. */
static void take_mark(struct agent *agent, struct transaction *transaction, const Hopnhat__LogMark *mark)
{
    struct own_log *log = agent_log(agent, mark->replica);
    uint64_t former = log->acknowledged;
    log->acknowledged = mark->watermark < log->head ? mark->watermark : log->head;
    if (log->acknowledged < log->trimmed)
        log->acknowledged = log->trimmed;
    log->safe = mark->has_safe ? mark->safe : 0;
    if (log->safe > log->acknowledged)
        log->safe = log->acknowledged;
    if (log->refusal_heard > mark->watermark)
        log->refusal_heard = mark->watermark;
    log->dirty = true;
    if (log->acknowledged < former)
        draft_pend_again(agent, transaction, mark->replica, log->acknowledged + 1, former);
}

bool session_take_over(struct agent *agent, const Hopnhat__Welcome *welcome, uint64_t sent_wall_ms,
                       uint64_t wall_ms, struct error *error)
{
    struct transaction transaction;
    if (!agent_begin(agent, &transaction, error))
        return false;
    bool restored = welcome->epoch != agent->epoch;
    if (restored)
        change_epoch(agent, welcome->epoch);
    else if (welcome->reconcile)
        void_cursors(agent); /* this installation was away for too long to be waited for */
    for (size_t i = 0; i < welcome->n_logs; i++)
        take_mark(agent, &transaction, welcome->logs[i]);
    log_refuse(agent, &transaction, welcome->refusals, welcome->n_refusals, true);
    for (size_t i = 0; restored && i < agent->log_count; i++)
        agent->logs[i].refusal_heard = 0; /* what was released there since may be refused again: all is told
                                             anew from the next Hello on, before which no feed is read */
    if (welcome->has_catalog && welcome->catalog.len == CATALOG_HASH_BYTES)
        memcpy(agent->hub_catalog, welcome->catalog.data, CATALOG_HASH_BYTES);
    new_keys_hear_hub(agent, &transaction, welcome);
    if (sent_wall_ms) {
        clock_contact(&agent->clock, sent_wall_ms, wall_ms, welcome->time);
        agent->last_contact_ms = wall_ms;
    }
    return agent_commit(agent, &transaction, error);
}

static size_t bounded(bool given, uint32_t bytes, size_t most)
{
    return given && bytes && bytes < most ? bytes : most;
}

/* Offers a log from where the hub stands. */
static void begin_log(struct session_log *log, const struct own_log *own, const Hopnhat__PieceHeld *held)
{
    log->sent = own->acknowledged;
    if (!held)
        return;
    log->piece_seq = log->sent + 1;
    log->piece = pieces_told(held);
    log->piece_sent = held->size;
}

static void open_session(struct agent_session *session, uint64_t wall_ms)
{
    struct error error;
    const Hopnhat__Welcome *welcome = session->welcome;
    bool restored = welcome->epoch != session->agent->epoch;
    const uint32_t said_key = next_hub_key(session->agent);
    if (!session_take_over(session->agent, welcome, session->welcome_sent_wall_ms, wall_ms, &error)) {
        session_store_failed(session, &error);
        return;
    }
    /* logs that were not named may be missing there by now; and the hub changes to its next key once it knows
     * that all have it */
    if ((restored && session->log_count < session->agent->log_count &&
         session->log_count < LIMIT_LOGS_PER_AGENT) ||
        next_hub_key(session->agent) != said_key) {
        session_hello(session, wall_ms);
        return;
    }
    for (size_t i = 0; i < session->log_count; i++)
        begin_log(&session->logs[i], agent_log(session->agent, session->replicas[i]), welcome->logs[i]->held);
    session->push_bytes = bounded(welcome->has_push_bytes, welcome->push_bytes, LIMIT_PUSH_BYTES);
    session->feed_bytes = bounded(welcome->has_feed_bytes, welcome->feed_bytes, LIMIT_FEED_BYTES);
    session->protocol = welcome->protocol;
    session->agent->has_seed_key = session->protocol >= BRIEF_PROTOCOL;
    memcpy(session->agent->seed_key, session->seed_key, sizeof session->seed_key);
    session->welcome = NULL;
    arena_release(&session->arena);
    session_custody_begin(session);
    session->rotate_refused = false;
    session_move(session, SESSION_OPEN);
}

/* Where the log is among those of the Hello; log_count: it is not. */
static size_t place_of(const struct agent_session *session, uint64_t replica)
{
    size_t place = 0;
    while (place < session->log_count && session->replicas[place] != replica)
        place++;
    return place;
}

/* The last change of the log that the hub has, so far as is known: all, where the Hello had no need to name
 * it; none, where it was begun since. */
static uint64_t known_to_hub(const struct agent_session *session, const struct own_log *own)
{
    size_t place = place_of(session, own->replica);
    const struct own_log *present_then = agent_log(session->agent, session->replicas[0]);
    if (place < session->log_count) {
        uint64_t known = session->welcome->logs[place]->watermark;
        return known < own->trimmed ? own->trimmed : known;
    }
    return own->number > present_then->number ? 0 : own->head;
}

/* The forked logs, and of the younger ones what the hub does not have yet: it may rest on what is to get new
 * names. */
static size_t find_forks(const struct agent_session *session, struct fork forks[LIMIT_LOGS_PER_AGENT])
{
    const struct agent *agent = session->agent;
    bool younger = false;
    size_t count = 0;
    for (size_t i = 0; i < agent->log_count && count < LIMIT_LOGS_PER_AGENT; i++) {
        const struct own_log *own = &agent->logs[i];
        size_t place = place_of(session, own->replica);
        bool forked = place < session->log_count && session->logs[place].forked;
        uint64_t known = known_to_hub(session, own);
        if (forked)
            forks[count++] = (struct fork){own->replica, session->logs[place].equal};
        else if (younger && known < own->head)
            forks[count++] = (struct fork){own->replica, known};
        younger = younger || forked;
    }
    return count;
}

static void author_again(struct agent_session *session, uint64_t wall_ms)
{
    struct fork forks[LIMIT_LOGS_PER_AGENT];
    struct error error;
    size_t count = find_forks(session, forks);
    if (agent_reauthor(session->agent, forks, count, &error))
        session_hello(session, wall_ms);
    else
        session_store_failed(session, &error);
}

void session_go_on(struct agent_session *session, uint64_t wall_ms)
{
    bool decided = true, forked = false;
    for (size_t i = 0; i < session->log_count; i++) {
        decided = decided && session->logs[i].decided;
        forked = forked || session->logs[i].forked;
    }
    if (!decided) {
        if (session->state != SESSION_COMPARING)
            session_move(session, SESSION_COMPARING);
    } else if (forked) {
        author_again(session, wall_ms);
    } else {
        open_session(session, wall_ms);
    }
}

/* What the marks alone tell about a log; what they do not is found by comparing links. */
static bool judge(struct agent_session *session, struct transaction *transaction, size_t place)
{
    struct session_log *log = &session->logs[place];
    const Hopnhat__LogMark *mark = session->welcome->logs[place];
    const struct own_log *own = agent_log(session->agent, log->replica);
    uint8_t link[LINK_BYTES];
    bool present = place == 0;
    log->equal = own->trimmed; /* what was trimmed was equal once, and cannot be compared any more */
    if (mark->watermark < own->trimmed) {
        log->decided = true;
        return true;
    }
    if (mark->watermark <= own->head) {
        if (!log_link(transaction, own, mark->watermark, link, &session->arena))
            return false;
        log->decided = mark->watermark == 0 || memcmp(link, mark->link.data, LINK_BYTES) == 0;
        log->parted = mark->watermark > own->trimmed ? mark->watermark : own->trimmed + 1;
        return true;
    }
    log->parted = own->head + 1; /* more is known there than here */
    log->decided = own->head == 0 || (!present && own->acknowledged == own->head);
    log->forked = log->decided && present;
    return true;
}

void session_take_welcome(struct agent_session *session, const struct request *request,
                          const Hopnhat__Welcome *welcome, uint64_t wall_ms)
{
    struct transaction transaction;
    struct error error;
    if (welcome->protocol > PROTOCOL_VERSION || welcome->protocol < PROTOCOL_OLDEST ||
        !is_sound(session, welcome)) {
        session_trouble(session, "the hub's Welcome does not fit");
        session_lose_link(session, "the hub's Welcome does not fit");
        return;
    }
    rate_round_trip(&session->up, session->now_ms - request->sent_ms);
    rate_round_trip(&session->down, session->now_ms - request->sent_ms);
    arena_reset(&session->arena);
    session->welcome_sent_wall_ms = request->sent_wall_ms;
    if (!keep_welcome(session, welcome) || !agent_read(session->agent, &transaction, &error)) {
        session_lose_link(session, "out of memory, or the store failed");
        return;
    }
    for (size_t i = 0; i < session->log_count && !transaction.failed; i++)
        judge(session, &transaction, i);
    bool sound = transaction_is_sound(&transaction, &error);
    transaction_abort(&transaction);
    if (sound)
        session_go_on(session, wall_ms);
    else
        session_store_failed(session, &error);
}
