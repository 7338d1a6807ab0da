/* Keys that are changed without anybody having to stop: an installation's, and the hub's own link key. */
#ifndef HOPNHAT_HUB_ROTATION_H
#define HOPNHAT_HUB_ROTATION_H

#include "hub/session.h"

/* Answers a Rotate of the session's installation: its new keys are taken note of, with the present ones' word
 * for them, and a certificate for them goes back. Until they say Hello the present ones count. */
void rotation_receive(struct hub *hub, struct hub_session *session, uint32_t request,
                      const Hopnhat__Rotate *rotate, const struct hub_outlet *outlet);

/* An installation that says Hello with keys that it has announced goes on under them: a session under the
 * former ones ends. Does nothing for other keys. In the transaction. */
bool rotation_use(struct hub *hub, struct transaction *transaction, const uint8_t link_key[LINK_KEY_BYTES],
                  struct error *error);

/* The same for an installation that this hub, restored from a backup, knows under former keys alone: its
 * certificate names them. *known: it was so. ERROR_REFUSED where it is revoked under any of them. */
bool rotation_recognise(struct hub *hub, struct transaction *transaction,
                        const Hopnhat__CertificateBody *body, bool *known, struct error *error);

/* How far the change of the hub's own link key has come. */
struct hub_rotation {
    bool under_way;
    size_t heard, not_heard; /* installations, but for those revoked */
};
struct hub_rotation rotation_state(const struct hub *hub);

/* Draws the hub's next link key, unless one has been drawn; every Welcome then tells it, signed by the
 * long-term key. Durable when it returns. */
bool rotation_begin(struct hub *hub, struct error *error);

/* From now on the next link key is the hub's; the link has to be opened anew. ERROR_INPUT where none has been
 * drawn; where the newest backup is without it (a hub restored from it could not be reached any more);
 * and, but for `forced`, while installations have not heard of it, which could not come back. */
bool rotation_finish(struct hub *hub, bool forced, struct error *error);

#endif
