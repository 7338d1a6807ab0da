/* Texts that were written side by side in a field of the policy TEXT are merged by the hub, paragraph by
 * paragraph, in the transaction that brought them together: so each is merged once, and none is left over.
 *
 * Two texts are merged over their base, the latest entry that both supersede, as the log tells. The merged
 * one is a change of headquarters' own that supersedes both. What cannot be merged (both altered one place,
 * no common base, one of them cleared) stays, and is open for a person. More than two are merged pair by
 * pair. A text whose author saw all that a merged one was made of goes before that. Records that read as
 * deleted are left alone: what is merged there would bring them back. */
#ifndef HOPNHAT_HUB_TEXTS_H
#define HOPNHAT_HUB_TEXTS_H

#include "hub/admission.h"

/* Notes that different texts stand in that field; of LIMIT_TEXTS_PER_TURN, what is more stays open. Errors:
 * ERROR_MEMORY. */
bool texts_note(struct admission *admission, const Hopnhat__Record *record, uint32_t field,
                struct error *error);

/* Merges what was noted. A field that cannot be merged for a fault of its own stays open and is logged.
 * False: the transaction has failed. */
bool texts_merge(struct admission *admission, struct error *error);

/* Forgets what was noted. */
void texts_forget(struct admission *admission);

#endif
