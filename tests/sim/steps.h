/* Which steps of a history happen, and the fewest of them that still show a failure. */
#ifndef HOPNHAT_TESTS_SIM_STEPS_H
#define HOPNHAT_TESTS_SIM_STEPS_H

#include <stdbool.h>
#include <stddef.h>

/* Numbers of steps, from 1 on, rising. */
struct steps {
    unsigned *numbers;
    size_t count;
};

/* All steps from 1 to `last`. False: no memory. */
bool steps_all(struct steps *steps, unsigned last);

/* Reads "3,17,40-44"; the numbers rise and are at most `last`. False: that is no such list, or no memory. */
bool steps_parse(struct steps *steps, const char *text, unsigned last);

/* The list as steps_parse reads it, for the caller to free. NULL: no memory. */
char *steps_format(const struct steps *steps);

void steps_release(struct steps *steps);

/* Whether a history of these steps fails as it should. */
struct steps_trial {
    void *context;
    bool (*fails)(void *context, const struct steps *steps);
};

/* Leaves out whatever is not needed for the trial to fail: larger pieces first, then smaller ones, down to
 * single steps, until none can be left out alone (the minimizing delta debugging of Zeller and Hildebrandt,
 * 2002, by complements) or `most_ms` have passed. The steps given must fail. */
void steps_shrink(struct steps *steps, const struct steps_trial *trial, unsigned most_ms);

#endif
