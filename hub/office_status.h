/* How each office stands at the hub: when it was heard, how far behind it is, and whether it is connected and
 * gets nowhere. */
#ifndef HOPNHAT_HUB_OFFICE_STATUS_H
#define HOPNHAT_HUB_OFFICE_STATUS_H

#include "hub/session.h"

#include <jansson.h>

/* For so long connected without a change that was admitted though some wait, or without a part of the feed
 * that was applied though there is one. */
enum { OFFICE_STALLED_MS = 15 * 60 * 1000 };

/* A message of the session has come: looks whether it has got on since the last one. */
void office_progress(struct hub *hub, struct hub_session *session);

/* Adds what status tells: offices_stalled, and by_office: {CODE: {"online", "last_contact" (null: never),
 * "behind" (revs not confirmed, at most; null: not online), "stalled", "digest_mismatches" (that its agents
 * have told of, ever), "taken_today_bytes" and "held_back" (intake.h)}}. */
bool office_status_add(json_t *status, struct hub *hub, uint64_t wall_ms, struct error *error);

#endif
