#include "hub/purge.h"

#include "base/defect.h"
#include "base/hex.h"
#include "base/log.h"
#include "hub/headquarters.h"
#include "hub/hello.h"
#include "hub/journal_row.h"
#include "hub/reading.h"
#include "hub/registry.h"
#include "model/fold.h"
#include "store/follow.h"
#include "store/meta.h"
#include "store/rows.h"

#include <stdio.h>

enum { STEP_ARENA_BYTES = 256 * 1024 * 1024, PURGED_AT_ONCE = 100, PURGED_ROW_BYTES = 24 };

/* Records to purge, found by one step. */
struct doomed {
    struct new_edit edits[PURGED_AT_ONCE];
    struct new_op ops[PURGED_AT_ONCE];
    size_t count;
};

/* --- the rules --- */

static const uint64_t DAY_MS = 24 * 3600 * 1000, PURGE_AFTER_DAYS = 90, RETIRE_AFTER_DAYS = 400;

bool purge_rules_load(struct hub *hub, struct purge_rules *rules, struct error *error)
{
    struct transaction transaction;
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return false;
    rules->purge_after_ms = meta_number(&transaction, HUB_META, "purge_after_ms", PURGE_AFTER_DAYS * DAY_MS);
    rules->retire_after_ms =
        meta_number(&transaction, HUB_META, "retire_after_ms", RETIRE_AFTER_DAYS * DAY_MS);
    transaction_abort(&transaction);
    return true;
}

bool purge_rules_save(struct hub *hub, const struct purge_rules *rules, struct error *error)
{
    struct transaction transaction;
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    meta_put_number(&transaction, HUB_META, "purge_after_ms", rules->purge_after_ms);
    meta_put_number(&transaction, HUB_META, "retire_after_ms", rules->retire_after_ms);
    return transaction_commit(&transaction, error);
}

/* --- who is waited for --- */

static bool is_active(const struct installation *installation)
{
    return !installation->revoked && !installation->retired_at;
}

static uint64_t read_by_all(const struct hub *hub)
{
    uint64_t lowest = hub->rev, lag = hub->follow ? follow_lag(hub->follow, hub->rev) : 0;
    lowest -= lag < lowest ? lag : lowest;
    for (const struct installation *one = hub->installations; one; one = one->hh.next)
        if (is_active(one) && one->read_rev < lowest)
            lowest = one->read_rev;
    return lowest;
}

/* Writes the installation into the set of those retired in its office's record, or takes it out: `over` are
 * the entries that say so. */
static bool write_retired(struct hub *hub, const struct installation *installation, bool retired,
                          struct entry_list over, uint64_t wall_ms, struct error *error)
{
    char key[2 * LINK_KEY_BYTES + 1];
    struct new_op op = {.field = OFFICE_RETIRED,
                        .kind = retired ? HOPNHAT__OP_KIND__PUT : HOPNHAT__OP_KIND__DROP,
                        .superseded = over};
    struct new_edit edit = {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, .ops = &op, .op_count = 1};
    hex_encode(bytes_of(installation->link_key, LINK_KEY_BYTES), key);
    if (retired)
        op.value = bytes_of_string(key);
    office_record_id(installation->office, edit.record);
    return headquarters_write(hub, &edit, 1, NULL, wall_ms, error);
}

static bool retire(struct hub *hub, const struct purge_rules *rules, uint64_t wall_ms,
                   struct purge_pass *pass, struct error *error)
{
    const struct entry_list nothing = {0};
    for (struct installation *one = hub->installations; one; one = one->hh.next) {
        if (!is_active(one) || one->seen_ms + rules->retire_after_ms >= wall_ms ||
            !registry_office(hub, one->office))
            continue;
        if (!write_retired(hub, one, true, nothing, wall_ms, error))
            return false;
        struct hub_session *session = session_find(hub, one->link_key);
        if (session)
            session_end(hub, session); /* a link may be up all the time: it comes back by a Hello, too */
        log_warning("an installation of office %s has not been heard for too long and is retired: when it "
                    "comes back it compares all that it holds",
                    one->office);
        pass->retired++;
    }
    return true;
}

/* Whether a cursor stands where rows that it has not read may be gone. Those of groups that the office is not
 * in are told to drop all, and those at the start read all, unless something came ahead. */
static bool has_to_compare(const struct hub *hub, const struct installation *installation,
                           const Hopnhat__Hello *hello)
{
    const struct office *office = registry_office(hub, installation->office);
    if (installation->retired_at && (hello->n_cursors == 0 || hello->epoch != hub->epoch))
        return true;
    bool ahead = false; /* it holds records that came ahead of their turn */
    for (size_t i = 0; i < hello->n_ahead; i++)
        ahead = ahead || hello->ahead[i];
    for (size_t i = 0; office && i < hello->n_cursors && hello->epoch == hub->epoch; i++) {
        uint64_t position = hello->cursors[i]->position;
        if (office_is_in(office, bytes_of_string(hello->cursors[i]->group)) &&
            (position < installation->retired_at || ((position || ahead) && position < hub->forgotten_at)))
            return true;
    }
    return false;
}

/* The installation is waited for again. */
static bool bring_back(struct hub *hub, const struct installation *installation, uint64_t wall_ms,
                       struct error *error)
{
    struct transaction transaction;
    struct entry_list entries = {0};
    struct arena arena;
    uint8_t id[RECORD_ID_BYTES];
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return false;
    arena_init(&arena, STEP_ARENA_BYTES);
    office_record_id(installation->office, id);
    const Hopnhat__Record *record = hub_record(&transaction, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id, &arena);
    bool done =
        !record || registry_retired(record, installation->link_key, &arena, &entries) || out_of_memory(error);
    transaction_abort(&transaction);
    if (done && entries.count)
        done = write_retired(hub, installation, false, entries, wall_ms, error);
    else if (done) /* it has other keys since: those of before are gone with it */
        registry_installation(hub, installation->link_key)->retired_at = 0;
    arena_release(&arena);
    return done;
}

bool purge_hello(struct hub *hub, const struct installation *installation, const Hopnhat__Hello *hello,
                 uint64_t wall_ms, bool *compare, struct error *error)
{
    *compare = has_to_compare(hub, installation, hello) && !DEFECT(RETIRED_READS_ON);
    return *compare || !installation->retired_at || bring_back(hub, installation, wall_ms, error);
}

/* --- records --- */

/* The type's name in HUB_META, for when DELETE_WINS came to hold for it. */
static void wins_name(uint32_t type, char name[32])
{
    snprintf(name, 32, "delete_wins_%u", type);
}

void purge_take_catalog(struct admission *admission, const struct catalog *former)
{
    for (size_t i = 0; i < catalog_type_count(former); i++) {
        const Hopnhat__TypeDefinition *before = type_definition(catalog_type_at(former, i));
        const struct catalog_type *now = catalog_type(admission->hub->catalog, before->number);
        char name[32];
        if (!now || before->deletion == HOPNHAT__DELETE_POLICY__DELETE_WINS ||
            type_definition(now)->deletion != HOPNHAT__DELETE_POLICY__DELETE_WINS)
            continue;
        wins_name(before->number, name);
        meta_put_number(&admission->transaction, HUB_META, name, admission->received_ms);
    }
}

static uint64_t wins_since(struct transaction *snapshot, uint32_t type)
{
    char name[32];
    wins_name(type, name);
    return meta_number(snapshot, HUB_META, name, 0);
}

/* When the record was deleted; 0: it does not read as deleted. */
static bool deleted_since(const struct hub *hub, const Hopnhat__Record *record, struct arena *arena,
                          uint64_t *since_ms, struct error *error)
{
    const struct catalog_type *type = catalog_type(hub->catalog, record->type);
    const Hopnhat__Field *field = record_field(record, HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED);
    bool deleted = false;
    *since_ms = 0;
    if (!type || !field || field->n_entries == 0)
        return true;
    if (!fold_deleted(type, record, arena, &deleted, NULL, error))
        return error->code != ERROR_MEMORY; /* what cannot be read is for verify to tell */
    for (size_t i = 0; deleted && i < field->n_entries; i++)
        if (time_ms(field->entries[i]->time) > *since_ms)
            *since_ms = time_ms(field->entries[i]->time);
    return true;
}

static void doom(struct doomed *doomed, const Hopnhat__Record *record)
{
    struct new_edit *edit = &doomed->edits[doomed->count];
    struct new_op *op = &doomed->ops[doomed->count++];
    *op = (struct new_op){.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_PURGED};
    *edit = (struct new_edit){.type = record->type, .ops = op, .op_count = 1};
    memcpy(edit->record, record->id.data, RECORD_ID_BYTES);
}

static void stand_at(struct purge_pass *pass, const struct cursor *cursor)
{
    pass->at.size = 0;
    key_add(&pass->at, cursor->key.data, cursor->key.size);
}

/* Looks at records from pass->at on. */
static bool find_doomed(struct hub *hub, struct transaction *snapshot, const struct purge_rules *rules,
                        uint64_t now_ms, size_t most, struct purge_pass *pass, struct doomed *doomed,
                        struct error *error)
{
    struct cursor cursor;
    struct arena arena;
    bool done = true, here;
    arena_init(&arena, STEP_ARENA_BYTES);
    cursor_open(&cursor, snapshot, HUB_RECORD);
    for (here = cursor_seek(&cursor, key_bytes(&pass->at));
         here && done && most && doomed->count < PURGED_AT_ONCE; here = cursor_next(&cursor), most--) {
        uint64_t since_ms;
        arena_reset(&arena);
        const Hopnhat__Record *record =
            row_unpack(snapshot, cursor.value, &hopnhat__record__descriptor, &arena);
        if (!record || record->rev > pass->readers_at)
            continue;
        done = deleted_since(hub, record, &arena, &since_ms, error);
        if (done && since_ms && since_ms + rules->purge_after_ms <= now_ms &&
            wins_since(snapshot, record->type) + rules->purge_after_ms <= now_ms)
            doom(doomed, record);
    }
    if (here)
        stand_at(pass, &cursor);
    else
        pass->at.size = 0;
    pass->over_feed = !here;
    cursor_close(&cursor);
    arena_release(&arena);
    return done;
}

static bool purge_some(struct hub *hub, const struct purge_rules *rules, uint64_t wall_ms, size_t most,
                       struct purge_pass *pass, struct error *error)
{
    struct transaction snapshot;
    struct doomed doomed = {.count = 0};
    uint64_t now_ms = time_ms(clock_reading(&hub->clock, wall_ms));
    if (!transaction_begin(&snapshot, hub->environment, false, error))
        return false;
    bool full = transaction_count(&snapshot, HUB_PURGED) + PURGED_AT_ONCE > LIMIT_PURGED;
    bool done = full || find_doomed(hub, &snapshot, rules, now_ms, most, pass, &doomed, error);
    done = transaction_is_sound(&snapshot, error) && done;
    transaction_abort(&snapshot);
    if (full) {
        log_warning("%d purged records are remembered, and no more can be: deleted ones stay", LIMIT_PURGED);
        pass->over_feed = true;
        pass->at.size = 0;
    }
    if (!done || doomed.count == 0)
        return done;
    pass->purged += doomed.count;
    return headquarters_write(hub, doomed.edits, doomed.count, NULL, wall_ms, error);
}

/* --- the feeds: that a record left is told for as long as somebody may not have read it --- */

static bool forget_left(struct hub *hub, size_t most, struct purge_pass *pass, struct error *error)
{
    struct transaction transaction;
    struct cursor cursor;
    uint64_t forgotten_at = 0;
    bool here;
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    cursor_open(&cursor, &transaction, HUB_FEED);
    for (here = cursor_seek(&cursor, key_bytes(&pass->at)); here && most;
         here = cursor_next(&cursor), most--) {
        if (cursor.value.size != FEED_ROW_BYTES || cursor.value.data[0] != HOPNHAT__ITEM_KIND__ITEM_LEFT ||
            get_u64_be(cursor.key.data + cursor.key.size - 8) > pass->readers_at)
            continue;
        cursor_delete(&cursor);
        pass->forgotten++;
        forgotten_at = pass->readers_at;
    }
    if (here)
        stand_at(pass, &cursor);
    pass->under_way = here;
    cursor_close(&cursor);
    if (forgotten_at)
        meta_put_number(&transaction, HUB_META, "forgotten_at", forgotten_at);
    if (!transaction_commit(&transaction, error))
        return false;
    if (forgotten_at)
        hub->forgotten_at = forgotten_at;
    return true;
}

bool purge_step(struct hub *hub, const struct purge_rules *rules, uint64_t wall_ms, size_t most,
                struct purge_pass *pass, struct error *error)
{
    if (!pass->under_way) {
        *pass = (struct purge_pass){.under_way = true};
        if (!reading_save(hub, wall_ms, error) || !retire(hub, rules, wall_ms, pass, error)) {
            pass->under_way = false;
            return false;
        }
        pass->readers_at = DEFECT(PURGE_TOO_EARLY) ? hub->rev : read_by_all(hub);
    }
    bool done = pass->over_feed ? forget_left(hub, most, pass, error)
                                : purge_some(hub, rules, wall_ms, most, pass, error);
    if (!done)
        pass->under_way = false;
    return done;
}

/* --- one record --- */

bool purge_is(const Hopnhat__Edit *edit)
{
    return edit->n_ops == 1 && edit->ops[0]->field == HOPNHAT__SYSTEM_FIELD__SYSTEM_PURGED;
}

struct dot purge_last(const struct hub *hub, struct transaction *transaction, uint32_t type,
                      const uint8_t id[RECORD_ID_BYTES])
{
    struct key key;
    struct bytes row;
    key_record(&key, type, id);
    if (!hub->purged || !transaction_get(transaction, HUB_PURGED, key_bytes(&key), &row) ||
        row.size != PURGED_ROW_BYTES)
        return (struct dot){0, 0};
    return (struct dot){get_u64_be(row.data + 8), get_u64_be(row.data + 16)};
}

static void forget_journal(struct admission *admission, struct bytes record)
{
    const Hopnhat__Resolution *row;
    do {
        struct cursor cursor;
        row = NULL;
        cursor_open(&cursor, &admission->transaction, HUB_CONFLICT);
        if (cursor_seek(&cursor, record) && cursor_within(&cursor, record))
            row = row_unpack(&admission->transaction, cursor.value, &hopnhat__resolution__descriptor,
                             &admission->arena);
        cursor_close(&cursor);
        if (row)
            journal_forget(admission, row);
    } while (row);
}

bool purge_take(struct admission *admission, Hopnhat__Record *record, const struct place *before,
                struct error *error)
{
    struct hub *hub = admission->hub;
    struct key key;
    uint8_t row[PURGED_ROW_BYTES];
    if (!place_remove(hub, &admission->transaction, record, before, error))
        return false;
    key_record(&key, record->type, record->id.data);
    forget_journal(admission, key_bytes(&key));
    put_u64_be(row, hub->rev);
    put_u64_be(row + 8, record->last_replica);
    put_u64_be(row + 16, record->last_seq);
    transaction_put(&admission->transaction, HUB_PURGED, key_bytes(&key), bytes_of(row, sizeof row));
    hub->purged = true;
    return true;
}
