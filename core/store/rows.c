#include "store/rows.h"

void row_put(struct transaction *transaction, unsigned database, struct bytes key,
             const ProtobufCMessage *message)
{
    uint8_t *room =
        transaction_reserve(transaction, database, key, protobuf_c_message_get_packed_size(message));
    if (room)
        protobuf_c_message_pack(message, room);
}

void row_append(struct transaction *transaction, unsigned database, struct bytes key,
                const ProtobufCMessage *message, struct arena *arena)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = arena_alloc(arena, size);
    if (packed) {
        protobuf_c_message_pack(message, packed);
        transaction_append(transaction, database, key, bytes_of(packed, size));
    } else {
        struct error error;
        out_of_memory(&error);
        transaction_fail(transaction, &error);
    }
}

void *row_unpack(struct transaction *transaction, struct bytes value, const ProtobufCMessageDescriptor *type,
                 struct arena *arena)
{
    struct error error;
    void *message = protobuf_c_message_unpack(type, &arena->protobuf, value.size, value.data);
    if (!message) {
        if (arena->failure != ERROR_NONE)
            error_set(&error, ERROR_MEMORY, "no memory to read a stored %s", type->short_name);
        else
            error_set(&error, ERROR_CORRUPT,
                      "a stored %s cannot be read; run verify, and restore if it says so", type->short_name);
        transaction_fail(transaction, &error);
    }
    return message;
}

void *row_get(struct transaction *transaction, unsigned database, struct bytes key,
              const ProtobufCMessageDescriptor *type, struct arena *arena)
{
    struct bytes value;
    if (!transaction_get(transaction, database, key, &value))
        return NULL;
    return row_unpack(transaction, value, type, arena);
}
