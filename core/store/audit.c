#include "store/audit.h"

#include "base/limits.h"
#include "store/key.h"
#include "store/rows.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

enum { LINK_SIZE = 32, ROW_ARENA_BYTES = 64 * 1024 };

static void link_of(const uint8_t before[LINK_SIZE], struct bytes entry, uint8_t link[LINK_SIZE])
{
    static const uint8_t person[crypto_generichash_blake2b_PERSONALBYTES] = "hopnhat.audit";
    crypto_generichash_blake2b_state state;
    crypto_generichash_blake2b_init_salt_personal(&state, NULL, 0, LINK_SIZE, NULL, person);
    crypto_generichash_blake2b_update(&state, before, LINK_SIZE);
    crypto_generichash_blake2b_update(&state, entry.data, entry.size);
    crypto_generichash_blake2b_final(&state, link, LINK_SIZE);
}

/* Number and link of the last entry; 0 and zeros where there is none. */
static uint64_t last_of(struct transaction *transaction, unsigned database, uint8_t link[LINK_SIZE],
                        struct arena *arena)
{
    struct cursor cursor;
    struct key past;
    uint64_t number = 0;
    memset(link, 0, LINK_SIZE);
    key_number(&past, UINT64_MAX);
    cursor_open(&cursor, transaction, database);
    if (cursor_seek_before(&cursor, key_bytes(&past))) {
        number = get_u64_be(cursor.key.data);
        const Hopnhat__AuditRow *row =
            row_unpack(transaction, cursor.value, &hopnhat__audit_row__descriptor, arena);
        if (row && row->link.len == LINK_SIZE)
            memcpy(link, row->link.data, LINK_SIZE);
    }
    cursor_close(&cursor);
    return number;
}

/* The text, cut where it is too long, at the beginning of a character. */
static char *cut(const char *text, struct arena *arena)
{
    size_t size = strlen(text);
    if (size > AUDIT_TEXT_BYTES) {
        size = AUDIT_TEXT_BYTES;
        while (size > 0 && ((uint8_t)text[size] & 0xc0) == 0x80)
            size--;
    }
    return arena_string(arena, text, size);
}

static void fail(struct transaction *transaction)
{
    struct error error;
    out_of_memory(&error);
    transaction_fail(transaction, &error);
}

void audit_append(struct transaction *transaction, unsigned database, const struct audit_act *act)
{
    struct arena arena;
    uint8_t before[LINK_SIZE], link[LINK_SIZE];
    struct key key;
    Hopnhat__AuditEntry entry = HOPNHAT__AUDIT_ENTRY__INIT;
    Hopnhat__AuditRow row = HOPNHAT__AUDIT_ROW__INIT;
    if (!act)
        return;
    arena_init(&arena, ROW_ARENA_BYTES);
    entry.number = last_of(transaction, database, before, &arena) + 1;
    entry.time_ms = act->wall_ms;
    entry.actor = cut(act->actor, &arena);
    entry.act = cut(act->act, &arena);
    entry.detail = act->detail ? cut(act->detail, &arena) : NULL;
    size_t size = entry.actor && entry.act ? hopnhat__audit_entry__get_packed_size(&entry) : 0;
    uint8_t *packed = size ? arena_alloc(&arena, size) : NULL;
    if (packed) {
        hopnhat__audit_entry__pack(&entry, packed);
        link_of(before, bytes_of(packed, size), link);
        row.link = (ProtobufCBinaryData){LINK_SIZE, link};
        row.entry = (ProtobufCBinaryData){size, packed};
        key_number(&key, entry.number);
        row_put(transaction, database, key_bytes(&key), &row.base);
    } else {
        fail(transaction);
    }
    arena_release(&arena);
}

bool audit_write(struct environment *environment, unsigned database, const struct audit_act *act,
                 struct error *error)
{
    struct transaction transaction;
    if (!transaction_begin(&transaction, environment, true, error))
        return false;
    audit_append(&transaction, database, act);
    return transaction_commit(&transaction, error) ||
           error_prefix(error, "the act could not be put on record");
}

bool audit_list(struct transaction *transaction, unsigned database, uint64_t after, struct arena *arena,
                bool (*visit)(void *user, const Hopnhat__AuditEntry *entry), void *user)
{
    struct cursor cursor;
    struct key key;
    key_number(&key, after + 1);
    cursor_open(&cursor, transaction, database);
    for (bool here = cursor_seek(&cursor, key_bytes(&key)); here; here = cursor_next(&cursor)) {
        const Hopnhat__AuditRow *row =
            row_unpack(transaction, cursor.value, &hopnhat__audit_row__descriptor, arena);
        const Hopnhat__AuditEntry *entry =
            row ? row_unpack(transaction, bytes_of(row->entry.data, row->entry.len),
                             &hopnhat__audit_entry__descriptor, arena)
                : NULL;
        if (!entry || !visit(user, entry))
            break;
    }
    cursor_close(&cursor);
    return !transaction->failed;
}

/* Entries that are chained anew, in their order. */
struct kept {
    struct kept *next;
    const Hopnhat__AuditEntry *entry;
};

struct keeping {
    struct kept *first, **end;
    struct arena *arena;
};

static bool keep(void *user, const Hopnhat__AuditEntry *entry)
{
    struct keeping *keeping = user;
    struct kept *kept = arena_alloc(keeping->arena, sizeof *kept);
    if (!kept)
        return false;
    *kept = (struct kept){.entry = entry};
    *keeping->end = kept;
    keeping->end = &kept->next;
    return true;
}

bool audit_mend(struct environment *environment, unsigned database, uint64_t lost, uint64_t wall_ms,
                struct error *error)
{
    struct transaction transaction;
    struct arena arena;
    struct keeping keeping = {.arena = &arena};
    char detail[100];
    keeping.end = &keeping.first;
    if (!transaction_begin(&transaction, environment, true, error))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    if (!audit_list(&transaction, database, 0, &arena, keep, &keeping) || arena.failure)
        fail(&transaction);
    transaction_clear(&transaction, database);
    for (const struct kept *kept = keeping.first; kept; kept = kept->next) {
        const struct audit_act act = {kept->entry->actor, kept->entry->act, kept->entry->detail,
                                      kept->entry->time_ms};
        audit_append(&transaction, database, &act);
    }
    snprintf(detail, sizeof detail, "%" PRIu64 " damaged entries are missing, the others are chained anew",
             lost);
    const struct audit_act act = {"the daemon", "mended", detail, wall_ms};
    audit_append(&transaction, database, &act);
    arena_release(&arena);
    return transaction_commit(&transaction, error);
}

struct look {
    struct verify *verify;
    uint64_t number;
    uint8_t link[LINK_SIZE];
};

static void look_at(void *context, struct bytes key, struct bytes value, void *message, struct arena *arena)
{
    struct look *look = context;
    const Hopnhat__AuditRow *row = message;
    uint8_t link[LINK_SIZE];
    (void)value;
    uint64_t number = get_u64_be(key.data);
    const Hopnhat__AuditEntry *entry =
        hopnhat__audit_entry__unpack(&arena->protobuf, row->entry.len, row->entry.data);
    if (number != look->number + 1)
        verify_break(look->verify, "audit: entries between %" PRIu64 " and %" PRIu64 " are missing",
                     look->number, number);
    link_of(look->link, bytes_of(row->entry.data, row->entry.len), link);
    if (!entry || entry->number != number)
        verify_break(look->verify, "audit: entry %" PRIu64 " is not what its key says", number);
    if (row->link.len != LINK_SIZE || memcmp(row->link.data, link, LINK_SIZE) != 0)
        verify_break(look->verify, "audit: the chain breaks at entry %" PRIu64 ": it was altered", number);
    look->number = number;
    if (row->link.len == LINK_SIZE) /* so that one altered entry is named alone */
        memcpy(look->link, row->link.data, LINK_SIZE);
}

void audit_verify(struct verify *verify, struct transaction *transaction, unsigned database)
{
    struct look look = {.verify = verify};
    verify_rows(verify, transaction, database, "audit", 8, &hopnhat__audit_row__descriptor, look_at, &look);
}
