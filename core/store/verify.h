/* What `verify` has found, and the checks that both stores share. */
#ifndef HOPNHAT_STORE_VERIFY_H
#define HOPNHAT_STORE_VERIFY_H

#include "base/arena.h"
#include "model/gaps.h"
#include "store/environment.h"

#include <uthash.h>

struct verify {
    void *context;
    void (*found)(void *context, const char *text); /* a break, named; told of the first VERIFY_TOLD */
    /* A log as it was proved, where somebody wants to know (not NULL): then it is a break, too, that changes
     * at the end of an installation's log carry no signature yet. */
    void (*proved)(void *context, const char *office, uint64_t replica, uint64_t last, uint64_t signed_to);
    uint64_t breaks, rows;
};

enum { VERIFY_TOLD = 1000 };

/* Takes note of a break. */
void verify_break(struct verify *verify, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Looks at one row: its message is unpacked already (NULL where the rows are of another form). */
typedef void verify_row(void *context, struct bytes key, struct bytes value, void *message,
                        struct arena *arena);

/* To be called first: goes over all databases of the environment. Breaks are rows that are not what was
 * written, pages out of order, a number of rows other than is counted, a list of free pages that names pages
 * in use (LMDB would write over them), and what cannot be read. From then on such rows are passed over in
 * this transaction. */
void verify_databases(struct verify *verify, struct transaction *transaction, const char *const *names,
                      size_t count);

/* Goes over a database: each key must have key_bytes bytes (0: any), each row must unpack as `type` (NULL: is
 * not unpacked); what does is handed to `look` (may be NULL). `name` is for the texts. */
void verify_rows(struct verify *verify, struct transaction *transaction, unsigned database, const char *name,
                 size_t key_bytes, const ProtobufCMessageDescriptor *type, verify_row *look, void *context);

/* A replica's log: what the caller knows of it, and how it was found. */
struct verify_log {
    uint64_t replica;
    struct gaps gaps;         /* changes that need not be there */
    uint64_t last;            /* found: the last change; those of a gap at the end count */
    uint8_t link[LINK_BYTES]; /* found: computed, at the last */
    bool known;               /* for the caller: somebody has such a log */
    uint64_t signed_to;       /* for the caller: the last change that a signature covers */
    UT_hash_handle hh;
};

/* Adds what is known of a log to the list, before verify_logs; NULL: out of memory. */
struct verify_log *verify_expect(struct verify_log **logs, uint64_t replica);

/* Goes over a database of LogRows under their dots: seqs without gaps but those that are known, every link
 * computed again and compared with what is stored. Adds logs that were not expected to *logs, which
 * verify_logs_free ends. False: out of memory. */
bool verify_logs(struct verify *verify, struct transaction *transaction, unsigned database,
                 struct verify_log **logs, struct error *error);
struct verify_log *verify_log_of(struct verify_log *logs, uint64_t replica);
void verify_logs_free(struct verify_log *logs);

#endif
