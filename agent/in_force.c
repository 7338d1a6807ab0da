#include "agent/in_force.h"

#include "agent/erasure.h"
#include "base/log.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/meta.h"
#include "store/rows.h"

#include <sodium.h>
#include <stdio.h>

static void tag_key(struct key *key, uint32_t tag)
{
    key->size = 0;
    key_add_u32(key, tag);
}

static bool load_catalog(struct agent *agent, struct transaction *transaction, struct error *error)
{
    uint64_t tag = meta_number(transaction, AGENT_META, "catalog", UINT64_MAX);
    struct key key;
    struct bytes packed;
    if (agent->catalog && tag == catalog_tag(agent->catalog))
        return true;
    tag_key(&key, (uint32_t)tag);
    bool found = transaction_get(transaction, AGENT_CATALOG, key_bytes(&key), &packed);
    struct catalog *catalog = found ? catalog_load(packed, error) : catalog_empty(error);
    if (!catalog)
        return false;
    catalog_free(agent->catalog);
    agent->catalog = catalog;
    return true;
}

bool in_force_load(struct agent *agent, struct transaction *transaction, struct error *error)
{
    if (!load_catalog(agent, transaction, error))
        return false;
    in_force_read_office(agent, transaction);
    return transaction_is_sound(transaction, error);
}

static void assume_office(struct agent *agent, struct transaction *transaction)
{
    const char **groups = arena_alloc(&agent->office_arena, 2 * sizeof *groups);
    char *own = arena_format(&agent->office_arena, "office:%s", agent->office_code);
    if (!groups || !own) {
        agent_fail_memory(transaction);
        return;
    }
    groups[0] = GROUP_EVERYONE;
    groups[1] = own;
    agent->office = (struct office){
        .code = agent->office_code, .name = agent->office_code, .groups = groups, .group_count = 2};
}

void in_force_read_office(struct agent *agent, struct transaction *transaction)
{
    uint8_t id[16];
    struct key key;
    struct error error;
    office_record_id(agent->office_code, id);
    key_record(&key, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id);
    arena_reset(&agent->office_arena);
    Hopnhat__Record *record = row_get(transaction, AGENT_MIRROR, key_bytes(&key),
                                      &hopnhat__record__descriptor, &agent->office_arena);
    if (record && office_read(agent->catalog, record, &agent->office_arena, &agent->office, &error) &&
        strcmp(agent->office.code, agent->office_code) == 0)
        return;
    if (record)
        log_warning("the record of the own office %s cannot be read", agent->office_code);
    assume_office(agent, transaction);
}

static struct bytes latest_value(const Hopnhat__Record *record, uint32_t number)
{
    const Hopnhat__Field *field = record_field(record, number);
    const Hopnhat__Entry *entry = field ? fold_latest(field) : NULL;
    return entry ? entry_value(entry) : bytes_of(NULL, 0);
}

/* The version that a catalog record claims; 0 where it claims none. */
static uint64_t claimed_version(const Hopnhat__Record *record)
{
    struct bytes text = latest_value(record, CATALOG_VERSION);
    uint64_t version = 0;
    for (size_t i = 0; i < text.size && i < 10; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        version = version * 10 + (uint64_t)(text.data[i] - '0');
    }
    return version;
}

static void take_catalog(struct agent *agent, struct transaction *transaction, const Hopnhat__Record *record)
{
    struct bytes packed = latest_value(record, CATALOG_BODY);
    struct error error;
    struct key key;
    uint64_t version = claimed_version(record);
    if (packed.size == 0 || version < catalog_version(agent->catalog))
        return;
    crypto_generichash(agent->hub_catalog, sizeof agent->hub_catalog, packed.data, packed.size, NULL, 0);
    if (version == catalog_version(agent->catalog))
        return; /* it was in force here already: a restored hub has it again */
    struct catalog *catalog = catalog_load(packed, &error);
    if (!catalog) {
        if (error.code == ERROR_MEMORY)
            transaction_fail(transaction, &error);
        snprintf(agent->trouble, sizeof agent->trouble,
                 "headquarters' new catalog cannot be used here: %.400s", error.text);
        log_error("%s", agent->trouble);
        return;
    }
    if (catalog_version(catalog) <= catalog_version(agent->catalog)) {
        catalog_free(catalog);
        return;
    }
    tag_key(&key, catalog_tag(catalog));
    transaction_put(transaction, AGENT_CATALOG, key_bytes(&key), packed);
    if (agent->former_catalog)
        catalog_free(agent->catalog);
    else
        agent->former_catalog = agent->catalog;
    agent->catalog = catalog;
}

void in_force_take(struct agent *agent, struct transaction *transaction, const Hopnhat__Record *record)
{
    uint8_t id[16];
    if (record->type == HOPNHAT__BUILT_IN_TYPE__TYPE_CATALOG)
        take_catalog(agent, transaction, record);
    if (record->type == HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE)
        erasure_come(agent, transaction, record);
    if (record->type == HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE) {
        office_record_id(agent->office_code, id);
        agent->office_dirty = agent->office_dirty || memcmp(id, record->id.data, sizeof id) == 0;
    }
}
