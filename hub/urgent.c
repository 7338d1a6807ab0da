#include "hub/urgent.h"

#include "hub/audience.h"
#include "store/key.h"

uint64_t urgent_last(struct transaction *transaction)
{
    struct cursor cursor;
    struct key end;
    struct urgent_row row = {0};
    key_number(&end, UINT64_MAX);
    cursor_open(&cursor, transaction, HUB_URGENT);
    if (cursor_seek_before(&cursor, key_bytes(&end)))
        urgent_read(&cursor, &row);
    cursor_close(&cursor);
    return row.rev;
}

void urgent_put(struct hub *hub, struct transaction *transaction, const Hopnhat__Record *record)
{
    const enum urgency urgency = urgency_of(hub->catalog, record);
    uint8_t row[1 + LIMIT_GROUP_NAME_BYTES];
    size_t size = strlen(record->group);
    struct key key;
    if (urgency == URGENCY_NONE || size > LIMIT_GROUP_NAME_BYTES)
        return;
    row[0] = (uint8_t)urgency;
    memcpy(row + 1, record->group, size);
    key_number(&key, hub->rev);
    transaction_put(transaction, HUB_URGENT, key_bytes(&key), bytes_of(row, size + 1));
    hub->urgent_rev = hub->rev;
    audience_urgent(hub, record->group, urgency);
}

void urgent_remove(struct hub *hub, struct transaction *transaction, uint64_t rev)
{
    struct key key;
    if (rev > hub->urgent_rev)
        return;
    key_number(&key, rev);
    transaction_delete(transaction, HUB_URGENT, key_bytes(&key));
}

bool urgent_read(const struct cursor *cursor, struct urgent_row *row)
{
    if (cursor->key.size != 8 || cursor->value.size < 2 || cursor->value.size > 1 + LIMIT_GROUP_NAME_BYTES ||
        cursor->value.data[0] >= URGENCY_NONE)
        return false;
    row->rev = get_u64_be(cursor->key.data);
    row->urgency = cursor->value.data[0];
    memcpy(row->group, cursor->value.data + 1, cursor->value.size - 1);
    row->group[cursor->value.size - 1] = '\0';
    return true;
}
