#include "store/meta.h"

uint64_t meta_number(struct transaction *transaction, unsigned database, const char *name, uint64_t absent)
{
    struct bytes value;
    if (!transaction_get(transaction, database, bytes_of_string(name), &value) || value.size != 8)
        return absent;
    return get_u64_be(value.data);
}

void meta_put_number(struct transaction *transaction, unsigned database, const char *name, uint64_t number)
{
    uint8_t bytes[8];
    put_u64_be(bytes, number);
    transaction_put(transaction, database, bytes_of_string(name), bytes_of(bytes, sizeof bytes));
}

bool meta_bytes(struct transaction *transaction, unsigned database, const char *name, void *data, size_t size)
{
    struct bytes value;
    if (!transaction_get(transaction, database, bytes_of_string(name), &value) || value.size != size)
        return false;
    memcpy(data, value.data, size);
    return true;
}

void meta_put_bytes(struct transaction *transaction, unsigned database, const char *name, const void *data,
                    size_t size)
{
    transaction_put(transaction, database, bytes_of_string(name), bytes_of(data, size));
}
