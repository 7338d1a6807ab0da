/* How an installation becomes known: a one-time code, and the Join that uses it up. */
#ifndef HOPNHAT_HUB_ENROLMENT_H
#define HOPNHAT_HUB_ENROLMENT_H

#include "hub/state.h"
#include "net/enrolment_code.h"

#include "wire.pb-c.h"

/* Makes a code for an installation of the office and stores what it needs to know it again (the public key of
 * the one-time pair, not the code). Codes past their time are swept out. ERROR_NOT_FOUND where there is no
 * such office. Returns after the commit.
 */
bool enrolment_create(struct hub *hub, const char *office, uint64_t wall_ms, uint64_t valid_ms,
                      char text[ENROLMENT_CODE_TEXT_BYTES], struct error *error);

/* Whether the key is the one-time key of a code that was not used and is not past its time. */
bool enrolment_knows(struct hub *hub, const uint8_t link_key[LINK_KEY_BYTES], uint64_t wall_ms);

/* Answers a Join that came under `link_key`: a one-time key, and then it registers the installation's keys
 * and removes the code, in one transaction; or the installation's own, which asks once more since the answer
 * was lost, and gets the same. The answer is the arena's. NULL where the code does not hold (ERROR_REFUSED,
 * the same words for every cause), or for a store that fails. */
Hopnhat__Joined *enrolment_join(struct hub *hub, const uint8_t link_key[LINK_KEY_BYTES],
                                const Hopnhat__Join *join, uint64_t wall_ms, struct arena *arena,
                                struct error *error);

/* Makes a certificate for the installation's keys, or (`next`) for those that it has announced; it names all
 * keys that they follow. In the arena; false: out of memory. */
bool enrolment_certify(const struct hub *hub, const struct installation *installation, bool next,
                       Hopnhat__Certificate *certificate, struct arena *arena);

/* Whether the certificate is one that this hub signed, for this link key. Then *body is it, in the arena. */
bool enrolment_certificate(const struct hub *hub, const Hopnhat__Certificate *certificate,
                           const uint8_t link_key[LINK_KEY_BYTES], struct arena *arena,
                           Hopnhat__CertificateBody **body);

#endif
