/* What `verify` has found, and the checks that both stores share. */
#ifndef HOPNHAT_STORE_VERIFY_H
#define HOPNHAT_STORE_VERIFY_H

#include "base/arena.h"
#include "model/change.h"
#include "store/environment.h"

#include <uthash.h>

struct verify {
    void *context;
    void (*found)(void *context, const char *text); /* a break, named; told of the first VERIFY_TOLD */
    uint64_t breaks, rows;
};

enum { VERIFY_TOLD = 1000 };

/* Takes note of a break. */
void verify_break(struct verify *verify, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Looks at one row: its message is unpacked already (NULL where the rows are of another form). */
typedef void verify_row(void *context, struct bytes key, struct bytes value, void *message,
                        struct arena *arena);

/* Goes over a database: each key must have key_bytes bytes (0: any), each row must unpack as `type` (NULL: is
 * not unpacked); what does is handed to `look` (may be NULL). `name` is for the texts. A database that cannot
 * be read is a break. */
void verify_rows(struct verify *verify, struct transaction *transaction, unsigned database, const char *name,
                 size_t key_bytes, const ProtobufCMessageDescriptor *type, verify_row *look, void *context);

/* A replica's log as it was found. */
struct verify_log {
    uint64_t replica, first, last;
    uint8_t link[LINK_BYTES]; /* computed, at the last */
    bool known;               /* for the caller: somebody has such a log */
    UT_hash_handle hh;
};

/* Goes over a database of LogRows under their dots: seqs without gaps, every link computed again and compared
 * with what is stored. Returns the logs by replica, to be ended with verify_logs_free. False: out of memory.
 */
bool verify_logs(struct verify *verify, struct transaction *transaction, unsigned database,
                 struct verify_log **logs, struct error *error);
struct verify_log *verify_log_of(struct verify_log *logs, uint64_t replica);
void verify_logs_free(struct verify_log *logs);

#endif
