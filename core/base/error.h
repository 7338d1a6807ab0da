/* The one error type. A function that can fail takes a `struct error *` (never NULL) as its last
 * argument and returns false (or NULL) after filling it; on success it leaves the error alone.
 * The text is for an operator: what happened, to which record or file, and what to do. */
#ifndef HOPNHAT_BASE_ERROR_H
#define HOPNHAT_BASE_ERROR_H

#include <stdbool.h>

enum error_code {
    ERROR_NONE = 0,
    ERROR_USAGE,       /* the call or the command line is wrong: exit status 2 */
    ERROR_INPUT,       /* a value is wrong; the text names the field, option or line */
    ERROR_NOT_FOUND,   /* no such record, office, file */
    ERROR_REFUSED,     /* rights do not allow it */
    ERROR_LIMIT,       /* a bound of base/limits.h would be passed */
    ERROR_STORE,       /* the disk or LMDB failed; nothing was acknowledged */
    ERROR_FULL,        /* no room on disk or in the map; goes on when there is room again */
    ERROR_CORRUPT,     /* stored or received bytes are not what they must be */
    ERROR_NETWORK,     /* the link failed */
    ERROR_UNAVAILABLE, /* the daemon or the other side is not there, or busy */
    ERROR_MEMORY,      /* an allocation failed */
    ERROR_INTERNAL,    /* an invariant does not hold: a defect of ours */
};

struct error {
    enum error_code code;
    char text[512];
};

/* Fills *error with code and the formatted text (cut at its size) and returns false, so that a caller can
 * write `return error_set(...)`. Never blocks, never fails. */
bool error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ERROR_MEMORY, for an allocation that failed. Returns false. */
bool out_of_memory(struct error *error);

/* Puts the formatted text and ": " before what *error says already; its code stays. Returns false. */
bool error_prefix(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The code's name in lower case with underscores, for machine output; a static string. */
const char *error_code_name(enum error_code code);

#endif
