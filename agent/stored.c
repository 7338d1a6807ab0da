#include "agent/stored.h"

#include "agent/in_force.h"
#include "model/change.h"
#include "store/key.h"
#include "store/meta.h"
#include "store/rows.h"

#include <stdlib.h>

enum { CURSOR_ROW_BYTES = 21 };

static_assert((int)CHAIN_LINK_BYTES == (int)LINK_BYTES, "one size of a chain's link");

static bool lost(const struct agent *agent, const char *what, struct error *error)
{
    return error_set(error, ERROR_CORRUPT, "the store in %s has lost %s: restore the newest backup",
                     agent->directory, what);
}

bool stored_is_agent(const struct agent *agent, struct transaction *transaction, bool *is,
                     struct error *error)
{
    *is = meta_number(transaction, AGENT_META, "format", 0) != 0;
    return *is || transaction_count(transaction, AGENT_META) == 0 || lost(agent, "its format", error);
}

static bool load_text(struct transaction *transaction, const char *name, char **text)
{
    struct bytes value;
    if (!transaction_get(transaction, AGENT_META, bytes_of_string(name), &value))
        return false;
    char *copy = strndup((const char *)value.data, value.size);
    free(*text);
    *text = copy;
    return copy != NULL;
}

static bool load_certificate(struct agent *agent, struct transaction *transaction)
{
    struct bytes value;
    if (!transaction_get(transaction, AGENT_META, bytes_of_string("certificate"), &value))
        return false;
    if (agent->certificate)
        hopnhat__certificate__free_unpacked(agent->certificate, NULL);
    agent->certificate = hopnhat__certificate__unpack(NULL, value.size, value.data);
    return agent->certificate != NULL;
}

bool stored_no_agent(const char *directory, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND,
                     "there is no agent in %s: make one with hopnhat-agent join, or, where one was made, "
                     "restore the newest backup",
                     directory);
}

static bool load_identity(struct agent *agent, struct transaction *transaction, struct error *error)
{
    struct bytes office;
    bool is;
    if (!stored_is_agent(agent, transaction, &is, error))
        return false;
    if (!is)
        return stored_no_agent(agent->directory, error);
    if (!meta_bytes(transaction, AGENT_META, "link_keys", &agent->link_keys, sizeof agent->link_keys) ||
        !meta_bytes(transaction, AGENT_META, "signing_keys", &agent->signing_keys,
                    sizeof agent->signing_keys) ||
        !meta_bytes(transaction, AGENT_META, "hub_key", agent->hub_key, sizeof agent->hub_key) ||
        !meta_bytes(transaction, AGENT_META, "hub_signing_key", agent->hub_signing_key,
                    sizeof agent->hub_signing_key) ||
        !load_certificate(agent, transaction))
        return lost(agent, "its keys", error);
    agent->has_next_keys = meta_bytes(transaction, AGENT_META, "next_link_keys", &agent->next_link_keys,
                                      sizeof agent->next_link_keys) &&
                           meta_bytes(transaction, AGENT_META, "next_signing_keys", &agent->next_signing_keys,
                                      sizeof agent->next_signing_keys);
    agent->has_next_hub_key =
        meta_bytes(transaction, AGENT_META, "next_hub_key", agent->next_hub_key, sizeof agent->next_hub_key);
    if (!load_text(transaction, "hub_address", &agent->hub_address) ||
        !transaction_get(transaction, AGENT_META, bytes_of_string("office"), &office) ||
        office.size > LIMIT_OFFICE_CODE_BYTES)
        return lost(agent, "the hub's address or its office", error);
    memcpy(agent->office_code, office.data, office.size);
    agent->office_code[office.size] = '\0';
    return true;
}

static void load_numbers(struct agent *agent, struct transaction *transaction)
{
    agent->epoch = meta_number(transaction, AGENT_META, "epoch", 0);
    agent->ahead[0] = meta_number(transaction, AGENT_META, "ahead_marked", 0);
    agent->ahead[1] = meta_number(transaction, AGENT_META, "ahead", 0);
    agent->clock.last = meta_number(transaction, AGENT_META, "clock", 0);
    agent->clock.offset_ms = (int64_t)meta_number(transaction, AGENT_META, "clock_offset", 0);
    agent->local_rev = meta_number(transaction, AGENT_META, "local_rev", 0);
    agent->digest_mismatches = meta_number(transaction, AGENT_META, "digest_mismatches", 0);
    agent->last_contact_ms = meta_number(transaction, AGENT_META, "last_contact_ms", 0);
    if (!meta_bytes(transaction, AGENT_META, "hub_catalog", agent->hub_catalog, sizeof agent->hub_catalog))
        memset(agent->hub_catalog, 0, sizeof agent->hub_catalog);
}

static bool load_log(struct own_log *log, const struct cursor *row)
{
    Hopnhat__OwnLog *stored = hopnhat__own_log__unpack(NULL, row->value.size, row->value.data);
    bool sound = stored && row->key.size == 8 && stored->link.len == LINK_BYTES &&
                 (!stored->trimmed || stored->trimmed_link.len == LINK_BYTES);
    if (sound) {
        *log = (struct own_log){
            .number = get_u64_be(row->key.data),
            .replica = stored->replica,
            .head = stored->head,
            .acknowledged = stored->acknowledged,
            .safe = stored->safe,
            .refusal_heard = stored->refusal_heard,
            .trimmed = stored->trimmed,
            .continues = stored->continues,
            .urgent = stored->urgent,
        };
        memcpy(log->link, stored->link.data, LINK_BYTES);
        if (stored->trimmed)
            memcpy(log->trimmed_link, stored->trimmed_link.data, LINK_BYTES);
    }
    if (stored)
        hopnhat__own_log__free_unpacked(stored, NULL);
    return sound;
}

/* What is in memory stays until all has been read: there always is a present log. */
static bool load_logs(struct agent *agent, struct transaction *transaction, struct error *error)
{
    struct cursor cursor;
    size_t count = (size_t)transaction_count(transaction, AGENT_OWNLOG), read = 0;
    struct own_log *logs = calloc(count + 1, sizeof *logs);
    if (!logs)
        return out_of_memory(error);
    cursor_open(&cursor, transaction, AGENT_OWNLOG);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here && read < count;
         here = cursor_next(&cursor))
        if (!load_log(&logs[read++], &cursor))
            count = 0;
    cursor_close(&cursor);
    if (count == 0 || read != count ||
        logs[count - 1].replica != meta_number(transaction, AGENT_META, "replica", 0)) {
        free(logs);
        return lost(agent, "the state of its logs", error);
    }
    free(agent->logs);
    agent->logs = logs;
    agent->log_count = count;
    return agent_index_logs(agent) || out_of_memory(error);
}

static struct agent_group *group_of_key(struct agent *agent, struct bytes key)
{
    char name[LIMIT_GROUP_NAME_BYTES + 1] = "";
    if (key.size <= LIMIT_GROUP_NAME_BYTES)
        memcpy(name, key.data, key.size);
    return name[0] ? agent_group(agent, name, true) : NULL;
}

static bool load_cursors(struct agent *agent, struct transaction *transaction)
{
    struct cursor cursor;
    struct agent_group *group = NULL;
    bool done = true;
    cursor_open(&cursor, transaction, AGENT_CURSOR);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here && done; here = cursor_next(&cursor)) {
        group = cursor.value.size == CURSOR_ROW_BYTES ? group_of_key(agent, cursor.key) : NULL;
        if (!(done = group != NULL))
            break;
        group->listed = true;
        group->base = get_u64_be(cursor.value.data);
        group->position = get_u64_be(cursor.value.data + 8);
        group->place = get_u32_be(cursor.value.data + 16);
        group->reconcile = cursor.value.data[20] != 0;
        group->dirty = false;
    }
    cursor_close(&cursor);
    return done;
}

static bool load_digests(struct agent *agent, struct transaction *transaction)
{
    struct cursor cursor;
    struct agent_group *group = NULL;
    bool done = true;
    cursor_open(&cursor, transaction, AGENT_DIGEST);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here && done; here = cursor_next(&cursor)) {
        group = cursor.value.size == DIGEST_BYTES ? group_of_key(agent, cursor.key) : NULL;
        if (!(done = group != NULL))
            break;
        digest_load(&group->digest, cursor.value.data);
        group->dirty = false;
    }
    cursor_close(&cursor);
    return done;
}

static bool load_groups(struct agent *agent, struct transaction *transaction, struct error *error)
{
    agent->group_count = 0;
    return (load_cursors(agent, transaction) && load_digests(agent, transaction)) ||
           lost(agent, "a cursor or a digest", error);
}

bool stored_load(struct agent *agent, struct transaction *transaction, struct error *error)
{
    if (!load_identity(agent, transaction, error))
        return false;
    load_numbers(agent, transaction);
    return load_logs(agent, transaction, error) && load_groups(agent, transaction, error) &&
           in_force_load(agent, transaction, error);
}

void stored_save_identity(const struct agent *agent, struct transaction *transaction,
                          struct bytes certificate)
{
    meta_put_number(transaction, AGENT_META, "format", format_present(&agent_format));
    meta_put_bytes(transaction, AGENT_META, "link_keys", &agent->link_keys, sizeof agent->link_keys);
    meta_put_bytes(transaction, AGENT_META, "signing_keys", &agent->signing_keys, sizeof agent->signing_keys);
    meta_put_bytes(transaction, AGENT_META, "hub_key", agent->hub_key, sizeof agent->hub_key);
    meta_put_bytes(transaction, AGENT_META, "hub_signing_key", agent->hub_signing_key,
                   sizeof agent->hub_signing_key);
    meta_put_bytes(transaction, AGENT_META, "certificate", certificate.data, certificate.size);
    meta_put_bytes(transaction, AGENT_META, "hub_address", agent->hub_address, strlen(agent->hub_address));
    meta_put_bytes(transaction, AGENT_META, "office", agent->office_code, strlen(agent->office_code));
}

static void save_log(struct own_log *log, struct transaction *transaction)
{
    Hopnhat__OwnLog row = HOPNHAT__OWN_LOG__INIT;
    struct key key;
    row.replica = log->replica;
    row.head = log->head;
    row.has_link = row.has_acknowledged = row.has_safe = row.has_refusal_heard = true;
    row.link = (ProtobufCBinaryData){LINK_BYTES, log->link};
    row.acknowledged = log->acknowledged;
    row.safe = log->safe;
    row.refusal_heard = log->refusal_heard;
    row.has_trimmed = row.has_trimmed_link = log->trimmed != 0;
    row.trimmed = log->trimmed;
    row.has_urgent = log->urgent != 0;
    row.urgent = log->urgent;
    row.has_continues = row.continues = log->continues;
    row.trimmed_link = (ProtobufCBinaryData){LINK_BYTES, log->trimmed_link};
    key_number(&key, log->number);
    row_put(transaction, AGENT_OWNLOG, key_bytes(&key), &row.base);
    log->dirty = false;
}

static void save_group(struct agent_group *group, struct transaction *transaction)
{
    static const struct digest nothing;
    uint8_t row[CURSOR_ROW_BYTES], digest[DIGEST_BYTES];
    struct bytes key = bytes_of_string(group->name);
    put_u64_be(row, group->base);
    put_u64_be(row + 8, group->position);
    put_u32_be(row + 16, group->place);
    row[20] = group->reconcile;
    if (group->listed)
        transaction_put(transaction, AGENT_CURSOR, key, bytes_of(row, sizeof row));
    else
        transaction_delete(transaction, AGENT_CURSOR, key);
    digest_store(&group->digest, digest);
    if (group->listed || !digest_equal(&group->digest, &nothing))
        transaction_put(transaction, AGENT_DIGEST, key, bytes_of(digest, sizeof digest));
    else
        transaction_delete(transaction, AGENT_DIGEST, key);
    group->dirty = false;
}

void stored_save(struct agent *agent, struct transaction *transaction)
{
    meta_put_number(transaction, AGENT_META, "epoch", agent->epoch);
    meta_put_number(transaction, AGENT_META, "ahead_marked", agent->ahead[0]);
    meta_put_number(transaction, AGENT_META, "ahead", agent->ahead[1]);
    meta_put_number(transaction, AGENT_META, "clock", agent->clock.last);
    meta_put_number(transaction, AGENT_META, "clock_offset", (uint64_t)agent->clock.offset_ms);
    meta_put_number(transaction, AGENT_META, "local_rev", agent->local_rev);
    meta_put_number(transaction, AGENT_META, "digest_mismatches", agent->digest_mismatches);
    meta_put_number(transaction, AGENT_META, "last_contact_ms", agent->last_contact_ms);
    meta_put_number(transaction, AGENT_META, "replica", agent_present_log(agent)->replica);
    meta_put_number(transaction, AGENT_META, "store", agent_store_name(agent));
    meta_put_number(transaction, AGENT_META, "catalog", catalog_tag(agent->catalog));
    meta_put_bytes(transaction, AGENT_META, "hub_catalog", agent->hub_catalog, sizeof agent->hub_catalog);
    for (size_t i = 0; i < agent->log_count; i++)
        if (agent->logs[i].dirty)
            save_log(&agent->logs[i], transaction);
    for (size_t i = 0; i < agent->group_count; i++)
        if (agent->groups[i].dirty)
            save_group(&agent->groups[i], transaction);
}
