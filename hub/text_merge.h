/* The three-way merge of a text, paragraph by paragraph. The one place that knows libgit2. */
#ifndef HOPNHAT_HUB_TEXT_MERGE_H
#define HOPNHAT_HUB_TEXT_MERGE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

/* Around all merges; counted, so each start has its end. ERROR_INTERNAL. */
bool text_merge_start(struct error *error);
void text_merge_end(void);

/* Takes into *merged, in the arena, what both have altered in the base. A paragraph ends at a line feed.
 * *clean is false where both altered the same place (one paragraph, or both put something between the same
 * two); then there is no merged text. Errors: ERROR_MEMORY, ERROR_INTERNAL. */
bool text_merge(struct bytes base, struct bytes left, struct bytes right, struct arena *arena,
                struct bytes *merged, bool *clean, struct error *error);

#endif
