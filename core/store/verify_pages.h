/* The part of `verify` that looks at pages rather than rows: whether a page that holds rows counts as free.
 * LMDB would write over it, and checks nothing of the kind itself. */
#ifndef HOPNHAT_STORE_VERIFY_PAGES_H
#define HOPNHAT_STORE_VERIFY_PAGES_H

#include "store/verify.h"

/* What is known of the pages of a snapshot. */
struct verify_pages {
    struct transaction *transaction;
    const uint8_t *base;  /* where the file is mapped; NULL: nothing was noted yet */
    uint8_t *used, *free; /* a bit for each page that was written */
    uint64_t count;       /* of the pages that were handed out */
    uint64_t written;     /* how many the file has room for: those at the end may not be */
    uint64_t misplaced;   /* how often a page was noted that says to be another: LMDB would free that one */
    size_t page_bytes;
    bool aligned; /* in memory as in the file. A store that was made on a machine with larger pages need not
                     be: there only their number is checked */
    bool settled; /* no later commit has added pages */
};

/* Begins with none noted; ends with verify_pages_release. False: out of memory, or not to be read. */
bool verify_pages_begin(struct verify_pages *pages, struct transaction *transaction, struct error *error);
void verify_pages_release(struct verify_pages *pages);

/* Notes the pages that hold the row where the cursor is. */
void verify_pages_note(struct verify_pages *pages, const struct cursor *cursor);

/* To be called once all rows are noted: goes over the list of free pages. */
void verify_pages_check(struct verify_pages *pages, struct verify *verify);

#endif
