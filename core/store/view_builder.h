/* Builds the views from the records that have changed, some at a time; each step is one transaction of the
 * views with the position that it reached. */
#ifndef HOPNHAT_STORE_VIEW_BUILDER_H
#define HOPNHAT_STORE_VIEW_BUILDER_H

#include "store/views.h"

struct view_builder;

struct view_builder_options {
    size_t records; /* most records that one step takes; 0: 5,000 */
    size_t rows;    /* a step ends when it has this many rows to write; 0: 50,000. LMDB keeps a page of memory
                       for    each in the worst case, and does not give it back */
};

/* There may be one builder for `views`, used by one thread at a time. NULL: ERROR_MEMORY, ERROR_INTERNAL. The
 * caller ends it with view_builder_free, before the views. */
struct view_builder *view_builder_new(struct views *views, const struct view_builder_options *options,
                                      struct error *error);
void view_builder_free(struct view_builder *builder); /* NULL is allowed */

/* Takes the next records; *more tells whether there may be others. Views of another source or shape are begun
 * anew. A record that cannot be read is left out, counted in the state and logged. On error nothing of the
 * step is stored, and the next call tries it again. Blocks on the disk. */
bool view_builder_step(struct view_builder *builder, bool *more, struct error *error);

/* Steps until there is nothing more. */
bool view_builder_catch_up(struct view_builder *builder, struct error *error);

/* Gives back the memory that steps keep for the next one. */
void view_builder_rest(struct view_builder *builder);

#endif
