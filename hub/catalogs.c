#include "hub/catalogs.h"

#include "base/hex.h"
#include "base/log.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/meta.h"

static void tag_key(struct key *key, uint32_t tag)
{
    key->size = 0;
    key_add_u32(key, tag);
}

bool catalogs_know(const struct hub *hub, struct transaction *transaction, uint32_t tag)
{
    struct key key;
    struct bytes packed;
    if (tag == catalog_tag(hub->catalog))
        return true;
    tag_key(&key, tag);
    return transaction_get(transaction, HUB_CATALOG, key_bytes(&key), &packed);
}

bool catalogs_take(struct hub *hub, struct transaction *transaction, const Hopnhat__Record *record,
                   struct catalog **former, struct error *error)
{
    const Hopnhat__Field *field = record_field(record, CATALOG_BODY);
    const Hopnhat__Entry *entry = field ? fold_latest(field) : NULL;
    struct error unusable;
    struct key key;
    *former = NULL;
    if (!entry || !entry->has_value)
        return true;
    struct catalog *catalog = catalog_load(entry_value(entry), &unusable);
    if (!catalog) {
        log_error("a catalog record holds no catalog that can be loaded: %s", unusable.text);
        return unusable.code != ERROR_MEMORY || out_of_memory(error);
    }
    tag_key(&key, catalog_tag(catalog));
    transaction_put(transaction, HUB_CATALOG, key_bytes(&key), catalog_packed(catalog));
    if (catalog_version(catalog) > catalog_version(hub->catalog)) {
        meta_put_number(transaction, HUB_META, "catalog", catalog_tag(catalog));
        *former = hub->catalog;
        hub->catalog = catalog;
    } else {
        catalog_free(catalog);
    }
    return true;
}

bool catalogs_load(struct hub *hub, struct transaction *transaction, struct error *error)
{
    struct key key;
    struct bytes packed;
    tag_key(&key, (uint32_t)meta_number(transaction, HUB_META, "catalog", 0));
    bool found = transaction_get(transaction, HUB_CATALOG, key_bytes(&key), &packed);
    struct catalog *catalog = found ? catalog_load(packed, error) : catalog_empty(error);
    if (!catalog)
        return false;
    catalog_free(hub->catalog);
    hub->catalog = catalog;
    return true;
}

bool catalogs_edit(struct bytes packed, const char *owner, struct arena *arena, struct new_edit *edit,
                   struct catalog **loaded, struct error *error)
{
    struct catalog *catalog = catalog_load(packed, error);
    if (!catalog)
        return false;
    char *hash = arena_alloc(arena, 2 * CATALOG_HASH_BYTES + 1);
    char *version = arena_format(arena, "%u", catalog_version(catalog));
    struct new_op *ops = arena_alloc(arena, 5 * sizeof *ops);
    if (!hash || !version || !ops) {
        catalog_free(catalog);
        return out_of_memory(error);
    }
    hex_encode(bytes_of(catalog_hash(catalog), CATALOG_HASH_BYTES), hash);
    ops[0] = (struct new_op){.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP,
                             .value = bytes_of_string(GROUP_EVERYONE)};
    ops[1] = (struct new_op){.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string(owner)};
    ops[2] = (struct new_op){.field = CATALOG_VERSION, .value = bytes_of_string(version)};
    ops[3] = (struct new_op){.field = CATALOG_BODY, .value = packed};
    ops[4] = (struct new_op){.field = CATALOG_HASH, .value = bytes_of_string(hash)};
    *edit = (struct new_edit){.type = HOPNHAT__BUILT_IN_TYPE__TYPE_CATALOG, .ops = ops, .op_count = 5};
    memcpy(edit->record, catalog_hash(catalog), RECORD_ID_BYTES);
    *loaded = catalog;
    return true;
}
