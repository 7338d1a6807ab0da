#include "agent/verify.h"

#include "agent/mirror.h"
#include "store/audit.h"
#include "store/key.h"
#include "store/meta.h"
#include "store/recovery_key.h"

#include <inttypes.h>
#include <stdlib.h>

enum { CURSOR_ROW_BYTES = 21 };

/* A group as its mirrored records add up. */
struct sum {
    char name[LIMIT_GROUP_NAME_BYTES + 1];
    struct digest digest;
    bool stored;
    UT_hash_handle hh;
};

struct look {
    struct verify *verify;
    struct transaction *transaction;
    struct verify_log *logs;
    struct sum *sums;
    uint64_t local_rev;
    bool out_of_memory;
};

/* A record's key in words: its id. */
static const char *name_of(struct bytes key, char text[RECORD_ID_TEXT_BYTES])
{
    struct record_id id;
    memcpy(id.bytes, key.data + 4, RECORD_ID_BYTES);
    record_id_format(&id, text);
    return text;
}

static bool is_under(const Hopnhat__Record *record, struct bytes key)
{
    return record->id.len == RECORD_ID_BYTES && record->type == get_u32_be(key.data) &&
           memcmp(record->id.data, key.data + 4, RECORD_ID_BYTES) == 0;
}

static struct sum *sum_of(struct look *look, struct bytes name)
{
    struct sum *sum;
    HASH_FIND(hh, look->sums, name.data, (unsigned)name.size, sum);
    if (sum || name.size > LIMIT_GROUP_NAME_BYTES)
        return sum;
    sum = calloc(1, sizeof *sum);
    if (!sum) {
        look->out_of_memory = true;
        return NULL;
    }
    memcpy(sum->name, name.data, name.size);
    HASH_ADD(hh, look->sums, name, (unsigned)name.size, sum);
    return sum;
}

static void look_at_mirrored(void *context, struct bytes key, struct bytes value, void *message,
                             struct arena *arena)
{
    struct look *look = context;
    const Hopnhat__Record *record = message;
    char text[RECORD_ID_TEXT_BYTES];
    struct bytes row;
    (void)value, (void)arena;
    if (!is_under(record, key))
        verify_break(look->verify, "mirror: record %s is stored under another's key", name_of(key, text));
    struct sum *sum = record->group ? sum_of(look, bytes_of_string(record->group)) : NULL;
    if (!sum) {
        verify_break(look->verify, "mirror: record %s is in no group", name_of(key, text));
        return;
    }
    struct digest digest = digest_record(record);
    digest_add(&sum->digest, &digest);
    if (!transaction_get(look->transaction, AGENT_PLACE, key, &row))
        verify_break(look->verify, "record %s is not in the local feed", name_of(key, text));
}

static void look_at_digest(void *context, struct bytes key, struct bytes value, void *message,
                           struct arena *arena)
{
    struct look *look = context;
    struct digest digest;
    struct sum *sum = value.size == DIGEST_BYTES ? sum_of(look, key) : NULL;
    (void)message, (void)arena;
    if (!sum) {
        verify_break(look->verify, "digest: a row has not the form of one");
        return;
    }
    sum->stored = true;
    digest_load(&digest, value.data);
    if (!digest_equal(&digest, &sum->digest))
        verify_break(look->verify, "group %s: its digest is not that of its mirrored records", sum->name);
}

static bool is_logged(struct look *look, uint64_t replica, uint64_t seq)
{
    struct key key;
    struct bytes row;
    key_dot(&key, replica, seq);
    return transaction_get(look->transaction, AGENT_LOG, key_bytes(&key), &row);
}

static void look_at_draft(void *context, struct bytes key, struct bytes value, void *message,
                          struct arena *arena)
{
    struct look *look = context;
    const Hopnhat__Draft *draft = message;
    char text[RECORD_ID_TEXT_BYTES];
    (void)value, (void)arena;
    if (!is_under(draft->record, key))
        verify_break(look->verify, "draft: record %s is stored under another's key", name_of(key, text));
    if (draft->n_pending == 0)
        verify_break(look->verify, "draft: nothing is pending on record %s", name_of(key, text));
    for (size_t i = 0; i < draft->n_pending; i++)
        if (!is_logged(look, draft->pending[i]->replica, draft->pending[i]->seq))
            verify_break(look->verify,
                         "draft: change %016" PRIx64 ":%" PRIu64 ", pending on record %s, is not in the logs",
                         draft->pending[i]->replica, draft->pending[i]->seq, name_of(key, text));
}

static void look_at_refused(void *context, struct bytes key, struct bytes value, void *message,
                            struct arena *arena)
{
    struct look *look = context;
    (void)value, (void)message, (void)arena;
    if (!is_logged(look, get_u64_be(key.data), get_u64_be(key.data + 8)))
        verify_break(look->verify, "refused: change %016" PRIx64 ":%" PRIu64 " is not in the logs",
                     get_u64_be(key.data), get_u64_be(key.data + 8));
}

/* What is known of a log, before its rows are looked at. */
static void expect_log(void *context, struct bytes key, struct bytes value, void *message,
                       struct arena *arena)
{
    struct look *look = context;
    const Hopnhat__OwnLog *row = message;
    (void)key, (void)value, (void)arena;
    struct verify_log *log = verify_expect(&look->logs, row->replica);
    uint8_t link[LINK_BYTES] = {0};
    if (row->trimmed_link.len == LINK_BYTES)
        memcpy(link, row->trimmed_link.data, LINK_BYTES);
    if (!log || (row->trimmed && !gaps_add(&log->gaps, 1, row->trimmed, link))) {
        look->out_of_memory = true;
        return;
    }
    log->known = true;
}

static void look_at_own_log(void *context, struct bytes key, struct bytes value, void *message,
                            struct arena *arena)
{
    struct look *look = context;
    const Hopnhat__OwnLog *row = message;
    const struct verify_log *log = verify_log_of(look->logs, row->replica);
    (void)key, (void)value, (void)arena;
    if (row->acknowledged > row->head || row->safe > row->acknowledged || row->trimmed > row->acknowledged)
        verify_break(look->verify, "log %016" PRIx64 ": its marks contradict each other", row->replica);
    if (log && log->last != row->head)
        verify_break(look->verify,
                     "log %016" PRIx64 ": it ends at change %" PRIu64 ", and its head is %" PRIu64,
                     row->replica, log->last, row->head);
    else if (log && (row->link.len != LINK_BYTES || memcmp(row->link.data, log->link, LINK_BYTES) != 0))
        verify_break(look->verify, "log %016" PRIx64 ": the link at its head is not the chain's",
                     row->replica);
}

static void look_at_changed(void *context, struct bytes key, struct bytes value, void *message,
                            struct arena *arena)
{
    struct look *look = context;
    struct bytes row;
    uint64_t rev = get_u64_be(key.data);
    (void)message, (void)arena;
    if (value.size != RECORD_KEY_BYTES || !transaction_get(look->transaction, AGENT_PLACE, value, &row) ||
        row.size != 8 || get_u64_be(row.data) != rev)
        verify_break(look->verify, "changed: the row at %" PRIu64 " is not where its record stands", rev);
    if (rev > look->local_rev)
        verify_break(look->verify, "changed: the row at %" PRIu64 " is above the local rev", rev);
}

static void look_at_place(void *context, struct bytes key, struct bytes value, void *message,
                          struct arena *arena)
{
    struct look *look = context;
    struct bytes row;
    char text[RECORD_ID_TEXT_BYTES];
    (void)message, (void)arena;
    if (value.size != 8 || !transaction_get(look->transaction, AGENT_CHANGED, value, &row) ||
        !bytes_equal(row, key))
        verify_break(look->verify, "place: record %s does not stand where it says", name_of(key, text));
}

static void look_at_cursor(void *context, struct bytes key, struct bytes value, void *message,
                           struct arena *arena)
{
    struct look *look = context;
    (void)message, (void)arena;
    if (value.size != CURSOR_ROW_BYTES || get_u64_be(value.data) > get_u64_be(value.data + 8))
        verify_break(look->verify, "cursor of %.*s: it has not the form of one", (int)key.size, key.data);
}

static void look_at_catalog(void *context, struct bytes key, struct bytes value, void *message,
                            struct arena *arena)
{
    struct look *look = context;
    struct error error;
    (void)message, (void)arena;
    struct catalog *catalog = catalog_load(value, &error);
    if (!catalog || catalog_tag(catalog) != get_u32_be(key.data))
        verify_break(look->verify, "catalog %08x cannot be loaded", get_u32_be(key.data));
    catalog_free(catalog);
}

static void look_at_piece(void *context, struct bytes key, struct bytes value, void *message,
                          struct arena *arena)
{
    struct look *look = context;
    (void)message, (void)arena;
    if (value.size < 8 || get_u64_be(value.data) < get_u64_be(key.data + 8))
        verify_break(look->verify, "custody: a row has not the form of one");
}

/* Of what is looked at twice, the breaks are told once. */
static void ignore(void *context, const char *text)
{
    (void)context, (void)text;
}

static bool check_rows(struct look *look, struct error *error)
{
    static const struct {
        unsigned database;
        const char *name;
        size_t key_bytes;
        const ProtobufCMessageDescriptor *type;
        verify_row *look;
    } tables[] = {
        {AGENT_OWNLOG, "ownlog", 8, &hopnhat__own_log__descriptor, look_at_own_log},
        {AGENT_MIRROR, "mirror", RECORD_KEY_BYTES, &hopnhat__record__descriptor, look_at_mirrored},
        {AGENT_DIGEST, "digest", 0, NULL, look_at_digest},
        {AGENT_DRAFT, "draft", RECORD_KEY_BYTES, &hopnhat__draft__descriptor, look_at_draft},
        {AGENT_REFUSED, "refused", 16, &hopnhat__refusal__descriptor, look_at_refused},
        {AGENT_CHANGED, "changed", 8, NULL, look_at_changed},
        {AGENT_PLACE, "place", RECORD_KEY_BYTES, NULL, look_at_place},
        {AGENT_CONFLICT, "conflict", RECORD_KEY_BYTES + 4, NULL, NULL},
        {AGENT_CURSOR, "cursor", 0, NULL, look_at_cursor},
        {AGENT_CATALOG, "catalog", 4, NULL, look_at_catalog},
        {AGENT_OUTVOTED, "outvoted", RECORD_KEY_BYTES + 4, &hopnhat__outvoted__descriptor, NULL},
        {AGENT_CUSTODY, "custody", 16, NULL, look_at_piece},
        {AGENT_ACCOUNT, "account", 0, &hopnhat__account__descriptor, NULL},
    };
    verify_databases(look->verify, look->transaction, agent_databases, AGENT_DATABASES);
    struct verify quiet = {.found = ignore};
    verify_rows(&quiet, look->transaction, AGENT_OWNLOG, "ownlog", 8, &hopnhat__own_log__descriptor,
                expect_log, look);
    bool done = verify_logs(look->verify, look->transaction, AGENT_LOG, &look->logs, error);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        verify_rows(look->verify, look->transaction, tables[i].database, tables[i].name, tables[i].key_bytes,
                    tables[i].type, tables[i].look, look);
    audit_verify(look->verify, look->transaction, AGENT_AUDIT);
    for (const struct verify_log *log = look->logs; log; log = log->hh.next)
        if (!log->known)
            verify_break(look->verify, "log %016" PRIx64 ": it is none of this installation's", log->replica);
    static const struct digest nothing;
    struct sum *sum, *next;
    HASH_ITER(hh, look->sums, sum, next)
    {
        if (!sum->stored && !digest_equal(&sum->digest, &nothing))
            verify_break(look->verify, "group %s: its digest is not stored", sum->name);
        HASH_DEL(look->sums, sum);
        free(sum);
    }
    return done && (!look->out_of_memory || out_of_memory(error));
}

static bool describe(struct verify *verify, struct transaction *transaction, Hopnhat__BackupHeader *header,
                     struct arena *arena, struct error *error)
{
    uint8_t recovery_key[RECOVERY_KEY_BYTES];
    struct bytes office = {0}, certificate;
    if (meta_number(transaction, AGENT_META, "format", 0) == 0)
        verify_break(verify, "meta: the store's format is missing");
    if (!transaction_get(transaction, AGENT_META, bytes_of_string("certificate"), &certificate) ||
        !transaction_get(transaction, AGENT_META, bytes_of_string("link_keys"), &certificate) ||
        !transaction_get(transaction, AGENT_META, bytes_of_string("signing_keys"), &certificate))
        verify_break(verify, "meta: the keys or the certificate are missing");
    if (!transaction_get(transaction, AGENT_META, bytes_of_string("office"), &office))
        verify_break(verify, "meta: the office is missing");
    header->kind = HOPNHAT__BACKUP_KIND__BACKUP_AGENT;
    header->office = arena_string(arena, office.data, office.size);
    header->epoch = meta_number(transaction, AGENT_META, "epoch", 0);
    header->replica = meta_number(transaction, AGENT_META, "replica", 0);
    header->rev = meta_number(transaction, AGENT_META, "local_rev", 0);
    header->has_recovery_key =
        meta_bytes(transaction, AGENT_META, "recovery_key", recovery_key, sizeof recovery_key);
    header->recovery_key.len = header->has_recovery_key ? RECOVERY_KEY_BYTES : 0;
    header->recovery_key.data = arena_copy(arena, recovery_key, header->recovery_key.len);
    return (header->office && header->recovery_key.data) || out_of_memory(error);
}

bool agent_verify(const char *directory, bool beside, struct verify *verify, Hopnhat__BackupHeader *header,
                  struct arena *arena, struct error *error)
{
    struct transaction transaction;
    struct environment *environment =
        beside
            ? environment_open_reading(directory, agent_databases, AGENT_DATABASES, error)
            : environment_open(directory, agent_databases, AGENT_DATABASES, AGENT_DEFAULT_MAP_BYTES, error);
    struct look look = {.verify = verify, .transaction = &transaction};
    if (!environment || format_is_newer(environment, &agent_format, error) ||
        !transaction_begin(&transaction, environment, false, error)) {
        environment_close(environment);
        return false;
    }
    transaction.takes_damaged = true;
    bool done = describe(verify, &transaction, header, arena, error);
    look.local_rev = header->rev;
    done = done && check_rows(&look, error);
    if (transaction.failed && verify->breaks == 0)
        verify_break(verify, "the store cannot be read: %s", transaction.error.text);
    verify_logs_free(look.logs);
    transaction_abort(&transaction);
    environment_close(environment);
    return done;
}
