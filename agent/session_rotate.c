/* Announcing new keys to the hub. */
#include "agent/new_keys.h"
#include "agent/session_state.h"
#include "base/log.h"

void session_rotate(struct agent_session *session, uint64_t wall_ms)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Rotate rotate = HOPNHAT__ROTATE__INIT;
    if (!session->agent->has_next_keys || session->rotate_refused || session_asked(session, REQUEST_ROTATE) ||
        !session_is_due(session, session->ask_after_ms))
        return;
    arena_reset(&session->message);
    message.body_case = HOPNHAT__MESSAGE__BODY_ROTATE;
    message.rotate = &rotate;
    if (new_keys_announce(session->agent, &rotate, &session->message))
        session_ask(session, &message, REQUEST_ROTATE, wall_ms);
}

void session_take_rotated(struct agent_session *session, const Hopnhat__Rotated *rotated, const char *why)
{
    struct error error;
    if (!rotated || !new_keys_take(session->agent, rotated->certificate, &error)) {
        session->rotate_refused = true; /* until the next session */
        session_trouble(session, "the new keys were not taken: %.400s", rotated ? error.text : why);
        return;
    }
    log_info("this installation has new keys");
    session_lose_link(session, "it is made again with the new keys");
}
