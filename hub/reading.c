#include "hub/reading.h"

#include "hub/registry.h"
#include "hub/session.h"

static void read_up_to(const struct hub *hub, const struct hub_session *session, uint64_t rev)
{
    struct installation *installation = registry_installation(hub, session->key);
    if (installation && rev > installation->read_rev) {
        installation->read_rev = rev;
        installation->heard = true;
    }
}

void reading_note(const struct hub *hub, struct hub_session *session)
{
    if (session->mark.rev == 0)
        return;
    for (size_t i = 0; i < session->log_count; i++) {
        const struct replica *replica = registry_replica(hub, session->logs[i]);
        if (!replica || replica->watermark < session->mark.heads[i])
            return;
    }
    read_up_to(hub, session, session->mark.rev);
    session->mark.rev = 0;
}

void reading_begin(const struct hub *hub, struct hub_session *session, const Hopnhat__Hello *hello)
{
    struct installation *installation = registry_installation(hub, session->key);
    uint64_t rev = hello->n_cursors && hello->epoch == hub->epoch ? UINT64_MAX : 0;
    for (size_t i = 0; i < hello->n_cursors; i++)
        if (hello->cursors[i]->position < rev)
            rev = hello->cursors[i]->position;
    if (installation && rev < installation->read_rev)
        installation->read_rev = rev;
    const uint64_t mismatches = hello->digest_mismatches < UINT32_MAX ? hello->digest_mismatches : UINT32_MAX;
    if (installation && mismatches > installation->digest_mismatches)
        installation->digest_mismatches = mismatches;
    session->mark.rev = rev;
    for (size_t i = 0; i < hello->n_logs; i++)
        session->mark.heads[i] = hello->logs[i]->head;
    reading_note(hub, session);
}

void reading_goes_on(const struct hub *hub, struct hub_session *session, const Hopnhat__Pull *pull)
{
    const struct feed_state *confirmed = &session->confirmed;
    uint64_t rev = UINT64_MAX;
    reading_note(hub, session);
    if (session->mark.rev || !pull->has_head || !confirmed->groups_told || confirmed->group_count == 0)
        return;
    for (size_t i = 0; i < confirmed->group_count; i++)
        if (confirmed->cursors[i].position < rev)
            rev = confirmed->cursors[i].position;
    session->mark.rev = rev;
    session->mark.heads[0] = pull->head;
    reading_note(hub, session);
}

void reading_heard(const struct hub *hub, struct hub_session *session, uint64_t wall_ms)
{
    struct installation *installation = registry_installation(hub, session->key);
    session->last_message_ms = steady_ms(&hub->steady);
    if (!installation)
        return;
    installation->seen_ms = wall_ms;
    installation->seen_bound_ms = 0;
    installation->heard = true;
}

uint64_t reading_seen_ms(const struct installation *installation, uint64_t wall_ms)
{
    const uint64_t bound_ms = installation->seen_bound_ms;
    if (installation->seen_ms <= wall_ms)
        return installation->seen_ms;
    return bound_ms && bound_ms < wall_ms ? bound_ms : wall_ms;
}

bool reading_save(struct hub *hub, uint64_t wall_ms, struct error *error)
{
    struct transaction transaction;
    struct error reload;
    for (struct hub_session *session = hub->sessions; session; session = session->hh.next)
        reading_note(hub, session);
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    for (struct installation *one = hub->installations; one; one = one->hh.next) {
        const uint64_t bound_ms = one->seen_ms > wall_ms ? reading_seen_ms(one, wall_ms) : 0;
        if (!one->heard && one->seen_bound_ms == bound_ms)
            continue;
        one->seen_bound_ms = bound_ms;
        registry_save_installation(&transaction, one);
        one->heard = false;
    }
    if (transaction_commit(&transaction, error))
        return true;
    if (!hub_reload(hub, &reload))
        error_prefix(error, "%s; and before that", reload.text);
    return false;
}
