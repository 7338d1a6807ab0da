/* Rows that are protobuf messages. */
#ifndef HOPNHAT_STORE_ROWS_H
#define HOPNHAT_STORE_ROWS_H

#include "base/arena.h"
#include "store/environment.h"

#include "store.pb-c.h"

/* Packs the message into the row, in place of an older one. */
void row_put(struct transaction *transaction, unsigned database, struct bytes key,
             const ProtobufCMessage *message);

/* The same by transaction_append. */
void row_append(struct transaction *transaction, unsigned database, struct bytes key,
                const ProtobufCMessage *message, struct arena *arena);

/* Unpacks the row into the arena. NULL where there is none, or where it cannot be unpacked: then the
 * transaction has failed with ERROR_CORRUPT. */
void *row_get(struct transaction *transaction, unsigned database, struct bytes key,
              const ProtobufCMessageDescriptor *type, struct arena *arena);

/* Unpacks bytes that were read from a row; as row_get. */
void *row_unpack(struct transaction *transaction, struct bytes value, const ProtobufCMessageDescriptor *type,
                 struct arena *arena);

#endif
