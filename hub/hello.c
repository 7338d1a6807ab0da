#include "hub/hello.h"

#include "base/log.h"
#include "hub/enrolment.h"
#include "hub/headquarters.h"
#include "hub/purge.h"
#include "hub/push.h"
#include "hub/registry.h"
#include "hub/reply.h"
#include "hub/rotation.h"
#include "hub/welcome.h"

#include <stdio.h>
#include <stdlib.h>

enum { FULL_RETRY_MS = 30 * 1000 };

/* An installation that this hub signed a certificate for, and has forgotten since (it came back from a
 * backup). */
static bool recognise(struct hub *hub, const struct link_peer *peer, const Hopnhat__Hello *hello,
                      struct transaction *transaction, struct error *error)
{
    struct arena arena;
    Hopnhat__CertificateBody *body;
    struct installation installation = {0};
    arena_init(&arena, LIMIT_MESSAGE_BYTES);
    bool known =
        hello->certificate && enrolment_certificate(hub, hello->certificate, peer->key, &arena, &body);
    bool by_former = false;
    if (known && !rotation_recognise(hub, transaction, body, &by_former, error)) {
        known = false;
    } else if (known && !by_former) {
        memcpy(installation.link_key, peer->key, LINK_KEY_BYTES);
        memcpy(installation.signing_key, body->signing_key.data, SIGNING_KEY_BYTES);
        snprintf(installation.office, sizeof installation.office, "%s", body->office);
        installation.joined_ms = body->issued_ms;
        installation.former = arena_alloc(&arena, (body->n_former + 1) * sizeof *installation.former);
        for (size_t i = 0; installation.former && i < body->n_former && i < LIMIT_FORMER_KEYS; i++)
            if (body->former[i]->link_key.len == LINK_KEY_BYTES &&
                body->former[i]->signing_key.len == SIGNING_KEY_BYTES &&
                body->former[i]->signature.len == SIGNATURE_BYTES) {
                struct former_keys *former = &installation.former[installation.former_count++];
                memcpy(former->link_key, body->former[i]->link_key.data, LINK_KEY_BYTES);
                memcpy(former->signing_key, body->former[i]->signing_key.data, SIGNING_KEY_BYTES);
                memcpy(former->signature, body->former[i]->signature.data, SIGNATURE_BYTES);
            }
        known = registry_add_installation(hub, transaction, &installation, error);
    } else if (!known) {
        error_set(error, ERROR_REFUSED, "this installation is not known here");
    }
    arena_release(&arena);
    return known;
}

/* Whether the number may be this installation's: it is, or nobody has it yet. */
static bool owns_replica(const struct replica *replica, const struct installation *installation)
{
    return !replica || (strcmp(replica->office, installation->office) == 0 &&
                        memcmp(replica->link_key, installation->link_key, LINK_KEY_BYTES) == 0);
}

/* How many numbers an installation has had. */
static size_t count_replicas(const struct hub *hub, const struct installation *installation)
{
    size_t count = 0;
    for (const struct replica *replica = hub->replicas; replica; replica = replica->hh.next)
        count += memcmp(replica->link_key, installation->link_key, LINK_KEY_BYTES) == 0;
    return count;
}

static bool register_replicas(struct hub *hub, const struct installation *installation,
                              const Hopnhat__Hello *hello, struct error *error)
{
    for (size_t i = 0; i < hello->n_logs; i++) {
        uint64_t number = hello->logs[i]->replica;
        const struct replica *replica = registry_replica(hub, number);
        if (number == 0 || !owns_replica(replica, installation))
            return error_set(error, ERROR_REFUSED,
                             "the replica number %016llx belongs to another installation",
                             (unsigned long long)number);
        if (replica)
            continue;
        if (HASH_COUNT(hub->replicas) >=
                LIMIT_REPLICAS_PER_INSTALLATION && /* else there is nothing to count */
            count_replicas(hub, installation) >= LIMIT_REPLICAS_PER_INSTALLATION)
            return error_set(error, ERROR_LIMIT,
                             "an installation of office %s has had more than %d replica numbers: let it join "
                             "anew",
                             installation->office, LIMIT_REPLICAS_PER_INSTALLATION);
        if (!registry_add_replica(hub, number, installation))
            return out_of_memory(error);
    }
    return true;
}

/* Whether the log begins above the watermark: this hub came back from a backup that was not counted as kept.
 */
static bool has_gap(const struct replica *replica, const Hopnhat__LogHead *log)
{
    return replica && log->trimmed > replica->watermark;
}

static bool note_gaps(struct hub *hub, const Hopnhat__Hello *hello, struct error *error)
{
    for (size_t i = 0; i < hello->n_logs; i++) {
        const Hopnhat__LogHead *log = hello->logs[i];
        struct replica *replica = registry_replica(hub, log->replica);
        if (has_gap(replica, log) &&
            !registry_note_gap(hub, replica, log->trimmed, log->trimmed_link.data, error))
            return false;
    }
    return true;
}

/* Whether it says that changes are lost which this hub cannot have lost: it never came back from a backup. */
static bool invents_gap(struct hub *hub, const Hopnhat__Hello *hello)
{
    for (size_t i = 0; i < hello->n_logs; i++) {
        const struct replica *replica = registry_replica(hub, hello->logs[i]->replica);
        if (hello->logs[i]->trimmed > (replica ? replica->watermark : 0))
            return !hub_was_restored(hub);
    }
    return false;
}

/* Makes installation and replicas known, durably. */
static bool make_known(struct hub *hub, const struct link_peer *peer, const Hopnhat__Hello *hello,
                       struct error *error)
{
    struct transaction transaction;
    struct error reload;
    bool all_known = registry_installation(hub, peer->key) != NULL;
    for (size_t i = 0; i < hello->n_logs; i++)
        all_known = all_known && registry_replica(hub, hello->logs[i]->replica) &&
                    !has_gap(registry_replica(hub, hello->logs[i]->replica), hello->logs[i]);
    if (all_known)
        return register_replicas(hub, registry_installation(hub, peer->key), hello, error);
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    bool known = rotation_use(hub, &transaction, peer->key, error) &&
                 (registry_installation(hub, peer->key) || recognise(hub, peer, hello, &transaction, error));
    const struct installation *installation = registry_installation(hub, peer->key);
    if (known && register_replicas(hub, installation, hello, error) && note_gaps(hub, hello, error)) {
        registry_save(hub, &transaction);
        if (transaction_commit(&transaction, error))
            return true;
    } else {
        transaction_abort(&transaction);
    }
    if (!hub_reload(hub, &reload))
        error_prefix(error, "%s; and before that", reload.text);
    return false;
}

/* Where the agent stands, as it says; cursors of another epoch mean nothing. */
static bool set_state(const struct hub *hub, const Hopnhat__Hello *hello, struct feed_state *state)
{
    state->cursors = calloc(hello->n_cursors + 1, sizeof *state->cursors);
    state->logs = calloc(hello->n_logs, sizeof *state->logs);
    if (!state->cursors || !state->logs) {
        feed_state_release(state);
        return false;
    }
    state->log_count = hello->n_logs;
    state->takes_ahead = hello->n_ahead == URGENCY_NONE;
    for (size_t i = 0; i < hello->n_ahead && i < URGENCY_NONE && hello->epoch == hub->epoch; i++)
        state->ahead[i] = hello->ahead[i];
    for (size_t i = 0; i < hello->n_cursors && hello->epoch == hub->epoch; i++) {
        const Hopnhat__Cursor *cursor = hello->cursors[i];
        struct feed_cursor *to = &state->cursors[state->group_count++];
        snprintf(to->group, sizeof to->group, "%s", cursor->group);
        to->base = cursor->base_rev;
        to->position = cursor->position;
    }
    for (size_t i = 0; i < hello->n_logs; i++)
        state->logs[i].refusal = hello->logs[i]->refusal_heard;
    return true;
}

static struct hub_session *begin_session(struct hub *hub, const struct link_peer *peer,
                                         const Hopnhat__Hello *hello, uint64_t wall_ms)
{
    struct hub_session *session = calloc(1, sizeof *session + 3 * hello->n_logs * sizeof *session->logs);
    struct hub_session *former = session_find(hub, peer->key);
    if (!session || !set_state(hub, hello, &session->confirmed)) {
        free(session);
        return NULL;
    }
    if (former) { /* saying Hello again is no progress */
        session->reconciled = former->reconciled;
        session->up = former->up;
        session->down = former->down;
        session_end(hub, former);
    }
    memcpy(session->key, peer->key, LINK_KEY_BYTES);
    session->peer = *peer;
    snprintf(session->office, sizeof session->office, "%s", registry_installation(hub, peer->key)->office);
    session->log_count = hello->n_logs;
    session->heads = session->logs + hello->n_logs;
    session->trimmed = session->heads + hello->n_logs;
    for (size_t i = 0; i < hello->n_logs; i++) {
        session->logs[i] = hello->logs[i]->replica;
        session->heads[i] = hello->logs[i]->head;
        session->trimmed[i] = hello->logs[i]->trimmed;
    }
    session->key_told = hub->has_next_link_keys;
    session->has_seed_key = hello->has_seed_key;
    if (hello->has_seed_key)
        memcpy(session->seed_key, hello->seed_key.data, SEED_KEY_BYTES);
    reading_heard(hub, session, wall_ms);
    reading_begin(hub, session, hello);
    HASH_ADD(hh, hub->sessions, key, LINK_KEY_BYTES, session);
    return session;
}

/* That the agent knows the hub's next link key, durably: rotate-keys waits for it. */
static void note_hub_key(struct hub *hub, const struct link_peer *peer, const Hopnhat__Hello *hello)
{
    struct installation *installation = registry_installation(hub, peer->key);
    struct transaction transaction;
    struct error error;
    if (!installation || !hub->has_next_link_keys || installation->next_hub_key == hello->next_hub_key ||
        !transaction_begin(&transaction, hub->environment, true, &error))
        return;
    installation->next_hub_key = hello->next_hub_key;
    registry_save_installation(&transaction, installation);
    if (!transaction_commit(&transaction, &error))
        log_error("that an agent knows the next key of the hub was not stored: %s", error.text);
}

static bool is_sound(const Hopnhat__Hello *hello)
{
    if (hello->n_logs == 0 || hello->n_logs > LIMIT_LOGS_PER_AGENT ||
        hello->n_cursors > LIMIT_GROUPS_PER_OFFICE ||
        (hello->has_seed_key && hello->seed_key.len != SEED_KEY_BYTES))
        return false;
    for (size_t i = 0; i < hello->n_cursors; i++)
        if (strlen(hello->cursors[i]->group) > LIMIT_GROUP_NAME_BYTES ||
            hello->cursors[i]->base_rev > hello->cursors[i]->position)
            return false;
    for (size_t i = 0; i < hello->n_logs; i++)
        if (hello->logs[i]->trimmed > hello->logs[i]->head ||
            (hello->logs[i]->trimmed && hello->logs[i]->trimmed_link.len != LINK_BYTES))
            return false;
    for (size_t i = 0; i < hello->n_logs; i++)
        for (size_t j = 0; j < i; j++)
            if (hello->logs[i]->replica == hello->logs[j]->replica)
                return false;
    return true;
}

static void publish_replicas(struct hub *hub, const char *office, const Hopnhat__Hello *hello,
                             uint64_t wall_ms)
{
    uint64_t numbers[LIMIT_LOGS_PER_AGENT];
    struct error error;
    for (size_t i = 0; i < hello->n_logs; i++)
        numbers[i] = hello->logs[i]->replica;
    if (!headquarters_publish_replicas(hub, office, numbers, hello->n_logs, wall_ms, &error))
        log_error("the replicas of an office were not made known: %s", error.text);
}

static void refuse_gap(struct hub *hub, const struct link_peer *peer, uint32_t request,
                       const struct hub_outlet *outlet)
{
    const struct installation *known = registry_installation(hub, peer->key);
    const struct installation *installation = known ? known : registry_announced(hub, peer->key);
    const char *office = installation ? installation->office : "?";
    hub->malformed++;
    log_with(
        LOG_LEVEL_ERROR, "HOPNHAT_OFFICE", office,
        "office %s says that it keeps no more changes that never came here, and is refused: its machine is "
        "broken or lies, or this store was put back from a copy; then use restore instead",
        office);
    reply_error(outlet, peer, request, HOPNHAT__ERROR_CODE__ERROR_MALFORMED,
                "changes that this hub never had are said to be trimmed");
}

void hello_receive(struct hub *hub, const struct link_peer *peer, uint32_t request,
                   const Hopnhat__Hello *hello, uint64_t wall_ms, const struct hub_outlet *outlet)
{
    struct error error;
    if (!is_sound(hello)) {
        hub->malformed++;
        reply_error(outlet, peer, request, HOPNHAT__ERROR_CODE__ERROR_MALFORMED,
                    "a Hello that is not well formed");
        return;
    }
    if (hello->protocol < PROTOCOL_OLDEST) {
        reply_error(outlet, peer, request, HOPNHAT__ERROR_CODE__ERROR_PROTOCOL,
                    "this agent is too old for the hub: upgrade it");
        return;
    }
    uint32_t retry_ms = FULL_RETRY_MS;
    if ((HASH_COUNT(hub->sessions) >= LIMIT_SESSIONS && !session_find(hub, peer->key)) ||
        !pace_admits(&hub->pace, steady_ms(&hub->steady), &retry_ms)) {
        reply_busy(outlet, peer, request, retry_ms);
        return;
    }
    push_commit(hub, outlet); /* what the session begins with is durable */
    if (invents_gap(hub, hello)) {
        refuse_gap(hub, peer, request, outlet);
        return;
    }
    bool known = make_known(hub, peer, hello, &error);
    const struct installation *installation = registry_installation(hub, peer->key);
    /* a hub that was restored may have forgotten the office: what the agent gives back brings it again */
    bool knows_office = known && registry_office(hub, installation->office);
    if (!known || installation->revoked || (!knows_office && !hub->custody.awaited)) {
        log_warning("a Hello was refused: %s", known ? "the installation is revoked" : error.text);
        reply_error(outlet, peer, request, HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED,
                    known ? "this installation may not sync any more" : error.text);
        return;
    }
    if (knows_office)
        publish_replicas(hub, installation->office, hello, wall_ms);
    note_hub_key(hub, peer, hello);
    installation = registry_installation(hub, peer->key); /* read anew where that failed */
    bool compare = false;
    if (installation && !purge_hello(hub, installation, hello, wall_ms, &compare, &error))
        log_error("an installation that came back stays retired: %s", error.text);
    installation = registry_installation(hub, peer->key);
    struct hub_session *session = installation ? begin_session(hub, peer, hello, wall_ms) : NULL;
    if (session)
        welcome_send(hub, session, request,
                     hello->protocol < PROTOCOL_VERSION ? hello->protocol : PROTOCOL_VERSION, compare,
                     wall_ms, outlet);
    else
        reply_busy(outlet, peer, request, 1000);
}
