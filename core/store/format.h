/* In which form a program writes its store: a number, `format`, in the store's meta database. A store of an
 * older form is brought forward when it is opened, one step after the other, each in a transaction of its own
 * with the number that it leads to: a crash in between leaves a store of one form or of the next. A newer one
 * is left as it is. Databases and fields that are only added need no step: an older program keeps what it
 * does not know. */
#ifndef HOPNHAT_STORE_FORMAT_H
#define HOPNHAT_STORE_FORMAT_H

#include "store/environment.h"

/* Rewrites in the transaction what the next form has otherwise. False, or a failed transaction: nothing of it
 * is stored, and the store is not opened. */
typedef bool format_step(struct transaction *transaction, struct error *error);

struct format {
    const char *program; /* for messages */
    unsigned meta;       /* the database */
    /* steps[n] leads from form n + 1 to n + 2: forms begin with 1 */
    format_step *const *steps;
    uint64_t step_count;
};

/* The form that the program writes. */
uint64_t format_present(const struct format *format);

/* Brings the store forward; one that is not made yet has no form, and is left alone. ERROR_REFUSED: a newer
 * program has written it. */
bool format_bring_forward(struct environment *environment, const struct format *format, struct error *error);

/* Whether a newer program has written the store: then *error says so (ERROR_REFUSED). What cannot be read is
 * not known to be newer. */
bool format_is_newer(struct environment *environment, const struct format *format, struct error *error);

#endif
