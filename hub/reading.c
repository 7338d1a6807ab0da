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

static void settle(const struct hub *hub, struct hub_session *session)
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
    session->mark.rev = rev;
    for (size_t i = 0; i < hello->n_logs; i++)
        session->mark.heads[i] = hello->logs[i]->head;
    settle(hub, session);
}

void reading_goes_on(const struct hub *hub, struct hub_session *session, const Hopnhat__Pull *pull)
{
    const struct feed_state *confirmed = &session->confirmed;
    uint64_t rev = UINT64_MAX;
    settle(hub, session);
    if (session->mark.rev || !pull->has_head || !confirmed->groups_told || confirmed->group_count == 0)
        return;
    for (size_t i = 0; i < confirmed->group_count; i++)
        if (confirmed->cursors[i].position < rev)
            rev = confirmed->cursors[i].position;
    session->mark.rev = rev;
    session->mark.heads[0] = pull->head;
    settle(hub, session);
}

void reading_note(const struct hub *hub, struct hub_session *session)
{
    struct installation *installation = registry_installation(hub, session->key);
    settle(hub, session);
    if (!installation || session->last_message_ms <= installation->seen_ms)
        return;
    installation->seen_ms = session->last_message_ms;
    installation->heard = true;
}

void reading_save(struct hub *hub, struct transaction *transaction)
{
    for (struct hub_session *session = hub->sessions; session; session = session->hh.next)
        reading_note(hub, session);
    for (struct installation *one = hub->installations; one; one = one->hh.next) {
        if (!one->heard)
            continue;
        registry_save_installation(transaction, one);
        one->heard = false;
    }
}
