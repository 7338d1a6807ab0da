#include "hub/place.h"

#include "hub/admission.h"
#include "hub/registry.h"
#include "hub/urgent.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

struct place place_before(const Hopnhat__Record *record)
{
    return (struct place){.digest = digest_record(record)};
}

static void put_feed_row(struct transaction *transaction, const char *group, uint64_t rev,
                         Hopnhat__ItemKind kind, const Hopnhat__Record *record)
{
    struct key key;
    uint8_t row[FEED_ROW_BYTES];
    key_feed(&key, group, rev);
    row[0] = (uint8_t)kind;
    put_u32_be(row + 1, record->type);
    memcpy(row + 5, record->id.data, RECORD_ID_BYTES);
    transaction_put(transaction, HUB_FEED, key_bytes(&key), bytes_of(row, sizeof row));
}

static bool leave_group(struct hub *hub, struct transaction *transaction, const Hopnhat__Record *record,
                        const struct place *before, bool for_good, struct error *error)
{
    struct group_state *group = registry_group(hub, bytes_of_string(record->group));
    struct key key;
    if (!group)
        return out_of_memory(error);
    key_feed(&key, record->group, record->rev);
    transaction_delete(transaction, HUB_FEED, key_bytes(&key));
    urgent_remove(hub, transaction, record->rev);
    digest_subtract(&group->digest, &before->digest);
    group->dirty = true;
    if (for_good) {
        put_feed_row(transaction, record->group, hub->rev, HOPNHAT__ITEM_KIND__ITEM_LEFT, record);
        group->last_rev = hub->rev;
    }
    return true;
}

static bool enter_group(struct hub *hub, struct transaction *transaction, const Hopnhat__Record *record,
                        struct error *error)
{
    struct group_state *group = registry_group(hub, bytes_of_string(record->group));
    struct digest now = digest_record(record);
    if (!group)
        return out_of_memory(error);
    put_feed_row(transaction, record->group, hub->rev, HOPNHAT__ITEM_KIND__ITEM_WHOLE, record);
    urgent_put(hub, transaction, record);
    digest_add(&group->digest, &now);
    group->last_rev = hub->rev;
    group->dirty = true;
    return true;
}

bool place_record(struct hub *hub, struct transaction *transaction, Hopnhat__Record *record,
                  const struct place *before, struct arena *arena, struct error *error)
{
    struct key key;
    struct bytes name = fold_group(record);
    const char *old = record->group;
    bool stays = old && bytes_equal(bytes_of_string(old), name);
    hub->rev++;
    if (old && !leave_group(hub, transaction, record, before, !stays, error))
        return false;
    if (!stays) {
        record->group = name.size ? arena_string(arena, name.data, name.size) : NULL;
        if (name.size && !record->group)
            return out_of_memory(error);
        record->has_joined = true;
        record->joined = hub->rev;
    }
    record->has_rev = true;
    record->rev = hub->rev;
    if (record->group && !enter_group(hub, transaction, record, error))
        return false;
    key_record(&key, record->type, record->id.data);
    row_put(transaction, HUB_RECORD, key_bytes(&key), &record->base);
    return true;
}

bool place_altered(struct hub *hub, struct transaction *transaction, Hopnhat__Record *record,
                   const struct place *before, struct arena *arena, struct error *error)
{
    record->has_altered = true;
    record->altered = hub->rev + 1;
    return place_record(hub, transaction, record, before, arena, error);
}

bool place_remove(struct hub *hub, struct transaction *transaction, const Hopnhat__Record *record,
                  const struct place *before, struct error *error)
{
    struct key key;
    hub->rev++;
    if (record->group && !leave_group(hub, transaction, record, before, true, error))
        return false;
    key_record(&key, record->type, record->id.data);
    transaction_delete(transaction, HUB_RECORD, key_bytes(&key));
    return true;
}
