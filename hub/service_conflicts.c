#include "hub/service.h"

#include "hub/journal.h"
#include "store/rows.h"

enum { KEY_OF_ROW = JOURNAL_STATE_BYTES };

/* Visits the conflict whose state the key names. False: the visitor has enough, or the store has failed. */
static bool visit_row(struct transaction *snapshot, struct bytes key, struct arena *arena,
                      bool (*visit)(void *user, const struct conflict *conflict), void *user)
{
    struct conflict conflict = {.place = key};
    conflict.journal = row_get(snapshot, HUB_CONFLICT, bytes_of(key.data + KEY_OF_ROW, key.size - KEY_OF_ROW),
                               &hopnhat__resolution__descriptor, arena);
    if (!conflict.journal || conflict.journal->record.len != RECORD_ID_BYTES)
        return !snapshot->failed;
    conflict.type = conflict.journal->type;
    conflict.field = conflict.journal->field;
    memcpy(conflict.id, conflict.journal->record.data, RECORD_ID_BYTES);
    return visit(user, &conflict);
}

/* The state of which alone they are asked for; -1: of all. */
static int state_of(const struct conflict_filter *filter)
{
    switch (filter->which) {
    case CONFLICTS_OPEN:
        return HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN;
    case CONFLICTS_SETTLED:
        return HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED;
    default:
        return -1;
    }
}

bool hub_conflicts(void *context, const struct conflict_filter *filter, struct bytes after,
                   struct arena *arena, bool (*visit)(void *user, const struct conflict *conflict),
                   void *user, struct error *error)
{
    struct hub_service *service = context;
    const int state = state_of(filter);
    const uint8_t first = (uint8_t)(state < 0 ? 0 : state);
    struct key key = {0};
    struct cursor cursor;
    key_add(&key, after.size ? after.data : &first, after.size ? after.size : 1);
    if (after.size)
        key_add(&key, "", 1);
    cursor_open(&cursor, &service->transaction, HUB_CONFLICT_STATE);
    for (bool here = cursor_seek(&cursor, key_bytes(&key)); here; here = cursor_next(&cursor)) {
        if (cursor.key.size <= KEY_OF_ROW || (state >= 0 && cursor.key.data[0] != first) ||
            (state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN &&
             get_u64_be(cursor.key.data + 1) > filter->before_ms))
            break;
        if (filter->type && get_u32_be(cursor.key.data + KEY_OF_ROW) != filter->type)
            continue;
        if (!visit_row(&service->transaction, cursor.key, arena, visit, user))
            break;
    }
    cursor_close(&cursor);
    return transaction_is_sound(&service->transaction, error);
}
