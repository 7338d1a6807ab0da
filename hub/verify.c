#include "hub/verify.h"

#include "hub/journal.h"
#include "hub/registry.h"
#include "hub/verify_records.h"
#include "model/catalog.h"
#include "store/audit.h"
#include "store/key.h"
#include "store/meta.h"
#include "store/recovery_key.h"

#include "bundle.pb-c.h"

#include <inttypes.h>

struct look {
    struct verify *verify;
    struct transaction *transaction;
    struct verify_log *logs;
    Hopnhat__Backup *marks; /* with room for all replicas */
    uint64_t open;          /* conflicts that a person has to settle */
    uint64_t waiting;       /* rows in quarantine that nobody has decided on */
    bool out_of_memory;
};

static void check_identity(struct verify *verify, struct transaction *transaction)
{
    struct link_keys link_keys;
    struct signing_keys signing_keys;
    if (meta_number(transaction, HUB_META, "format", 0) == 0)
        verify_break(verify, "meta: the store's format is missing");
    if (!meta_number(transaction, HUB_META, "epoch", 0) || !meta_number(transaction, HUB_META, "replica", 0))
        verify_break(verify, "meta: epoch or replica is missing");
    if (!meta_bytes(transaction, HUB_META, "link_keys", &link_keys, sizeof link_keys) ||
        !meta_bytes(transaction, HUB_META, "signing_keys", &signing_keys, sizeof signing_keys))
        verify_break(verify, "meta: the keys are missing");
    keys_wipe(&link_keys, sizeof link_keys);
    keys_wipe(&signing_keys, sizeof signing_keys);
}

static void note_next_key(struct transaction *transaction, Hopnhat__Backup *marks)
{
    struct link_keys next;
    marks->has_next_link_key = meta_bytes(transaction, HUB_META, "next_link_keys", &next, sizeof next);
    if (marks->has_next_link_key)
        marks->next_link_key = get_u32_be(next.public_key);
    keys_wipe(&next, sizeof next);
}

/* What is known of a log, before its rows are looked at. */
static void expect_log(void *context, struct bytes key, struct bytes value, void *message,
                       struct arena *arena)
{
    struct look *look = context;
    const Hopnhat__ReplicaState *row = message;
    (void)key, (void)value, (void)arena;
    struct verify_log *log = verify_expect(&look->logs, row->replica);
    if (!log || !registry_read_gaps(row, &log->gaps)) {
        look->out_of_memory = true;
        return;
    }
    log->known = true;
}

/* The replica's log reaches from its first change to the watermark, under the stored link. */
static void look_at_replica(void *context, struct bytes key, struct bytes value, void *message,
                            struct arena *arena)
{
    struct look *look = context;
    const Hopnhat__ReplicaState *row = message;
    const struct verify_log *log = verify_log_of(look->logs, row->replica);
    (void)value, (void)arena;
    if (row->replica != get_u64_be(key.data))
        verify_break(look->verify, "replica %016" PRIx64 " is stored under another's key", row->replica);
    if (log && log->last != row->watermark)
        verify_break(look->verify,
                     "log %016" PRIx64 ": it ends at change %" PRIu64 ", and the watermark is %" PRIu64,
                     row->replica, log->last, row->watermark);
    else if (log && (row->link.len != LINK_BYTES || memcmp(row->link.data, log->link, LINK_BYTES) != 0))
        verify_break(look->verify, "log %016" PRIx64 ": the link at the watermark is not the chain's",
                     row->replica);
    look->marks->replicas[look->marks->n_replicas++] = row->replica;
    look->marks->watermarks[look->marks->n_watermarks++] = row->watermark;
}

/* Of what is looked at twice, the breaks are told once. */
static void ignore(void *context, const char *text)
{
    (void)context, (void)text;
}

/* Whether one of the keys that the replica's installation had before made the signature; each of them must be
 * vouched for by the one before it. */
static bool is_by_former(struct look *look, const Hopnhat__ReplicaState *signer, struct bytes text,
                         struct bytes signature, struct arena *arena)
{
    struct bytes row;
    uint8_t vouched[ROTATION_TEXT_BYTES];
    if (!transaction_get(look->transaction, HUB_INSTALLATION,
                         bytes_of(signer->link_key.data, signer->link_key.len), &row))
        return false;
    const Hopnhat__Installation *installation =
        hopnhat__installation__unpack(&arena->protobuf, row.size, row.data);
    const ProtobufCBinaryData *link_key = installation ? &installation->link_key : NULL;
    const ProtobufCBinaryData *signing_key = installation ? &installation->signing_key : NULL;
    for (size_t i = installation ? installation->n_former : 0; i-- > 0;) {
        const Hopnhat__FormerKeys *former = installation->former[i];
        if (former->link_key.len != LINK_KEY_BYTES || former->signing_key.len != SIGNING_KEY_BYTES ||
            link_key->len != LINK_KEY_BYTES || signing_key->len != SIGNING_KEY_BYTES)
            return false;
        keys_rotation_text(former->link_key.data, link_key->data, signing_key->data, vouched);
        if (!keys_verify(former->signing_key.data, bytes_of(vouched, sizeof vouched),
                         bytes_of(former->signature.data, former->signature.len)))
            return false;
        if (keys_verify(former->signing_key.data, text, signature))
            return true;
        link_key = &former->link_key;
        signing_key = &former->signing_key;
    }
    return false;
}

/* Whether the signature is that replica's over its chain up to the change. */
static bool signature_holds(struct look *look, struct bytes dot, struct bytes signature, struct arena *arena)
{
    uint8_t text[SIGNED_LINK_BYTES];
    struct bytes row;
    uint64_t replica = get_u64_be(dot.data), seq = get_u64_be(dot.data + 8);
    if (!transaction_get(look->transaction, HUB_LOG, dot, &row))
        return false;
    const Hopnhat__LogRow *change = hopnhat__log_row__unpack(&arena->protobuf, row.size, row.data);
    if (!transaction_get(look->transaction, HUB_REPLICA, bytes_of(dot.data, 8), &row))
        return false;
    const Hopnhat__ReplicaState *signer =
        hopnhat__replica_state__unpack(&arena->protobuf, row.size, row.data);
    if (!change || change->link.len != LINK_BYTES || !signer || signer->signing_key.len != SIGNING_KEY_BYTES)
        return false;
    chain_signed_text(replica, seq, change->link.data, text);
    struct bytes signed_text = bytes_of(text, sizeof text);
    return keys_verify(signer->signing_key.data, signed_text, signature) ||
           is_by_former(look, signer, signed_text, signature, arena);
}

static void look_at_signature(void *context, struct bytes key, struct bytes value, void *message,
                              struct arena *arena)
{
    struct look *look = context;
    (void)message;
    if (!signature_holds(look, key, value, arena))
        verify_break(look->verify, "log %016" PRIx64 ": the signature at change %" PRIu64 " does not hold",
                     get_u64_be(key.data), get_u64_be(key.data + 8));
    struct verify_log *log = verify_log_of(look->logs, get_u64_be(key.data));
    if (log)
        log->signed_to = get_u64_be(key.data + 8); /* they come in their order */
}

/* Says of a log how far it has been proved. */
static void tell_log(void *context, struct bytes key, struct bytes value, void *message, struct arena *arena)
{
    struct look *look = context;
    const Hopnhat__ReplicaState *row = message;
    const struct verify_log *log = verify_log_of(look->logs, row->replica);
    (void)key, (void)value, (void)arena;
    if (!log)
        return;
    look->verify->proved(look->verify->context, row->office, row->replica, log->last, log->signed_to);
    if (*row->office && log->last > log->signed_to)
        verify_break(look->verify,
                     "log %016" PRIx64 ": changes %" PRIu64 " to %" PRIu64 " carry no signature yet",
                     row->replica, log->signed_to + 1, log->last);
}

static void look_at_quarantined(void *context, struct bytes key, struct bytes value, void *message,
                                struct arena *arena)
{
    struct look *look = context;
    const Hopnhat__Quarantined *quarantined = message;
    struct bytes row;
    (void)value, (void)arena;
    look->waiting += quarantined->state == HOPNHAT__QUARANTINE_STATE__QUARANTINE_WAITING;
    if (!transaction_get(look->transaction, HUB_LOG, key, &row))
        verify_break(look->verify, "quarantine: change %016" PRIx64 ":%" PRIu64 " is not in the log",
                     get_u64_be(key.data), get_u64_be(key.data + 8));
}

/* A purged record is not there, and its last change is in the log. */
static void look_at_purged(void *context, struct bytes key, struct bytes value, void *message,
                           struct arena *arena)
{
    struct look *look = context;
    struct bytes row;
    (void)message, (void)arena;
    if (value.size != 24 || !transaction_get(look->transaction, HUB_LOG, bytes_of(value.data + 8, 16), &row))
        verify_break(look->verify, "purged: a record's last change is not in the log");
    if (transaction_get(look->transaction, HUB_RECORD, key, &row))
        verify_break(look->verify, "purged: a record that was purged is there");
}

static void look_at_catalog(void *context, struct bytes key, struct bytes value, void *message,
                            struct arena *arena)
{
    struct look *look = context;
    struct error error;
    (void)message, (void)arena;
    struct catalog *catalog = catalog_load(value, &error);
    if (!catalog)
        verify_break(look->verify, "catalog %08x cannot be loaded: %s", get_u32_be(key.data), error.text);
    else if (catalog_tag(catalog) != get_u32_be(key.data))
        verify_break(look->verify, "catalog %08x is stored under another's tag", get_u32_be(key.data));
    catalog_free(catalog);
}

/* Each row of the journal stands once more, by its state. */
static void look_at_conflict(void *context, struct bytes key, struct bytes value, void *message,
                             struct arena *arena)
{
    struct look *look = context;
    const Hopnhat__Resolution *conflict = message;
    struct key state;
    struct bytes row;
    (void)value, (void)arena;
    look->open += conflict->state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN;
    journal_state_key(&state, conflict);
    if (conflict->record.len != RECORD_ID_BYTES ||
        memcmp(state.data + JOURNAL_STATE_BYTES, key.data, key.size) != 0)
        verify_break(look->verify, "conflict: a row is stored under another's key");
    else if (!transaction_get(look->transaction, HUB_CONFLICT_STATE, key_bytes(&state), &row))
        verify_break(look->verify, "conflict: a row of type %u is not listed under its state",
                     conflict->type);
}

static void check_conflicts(struct look *look)
{
    uint64_t open = meta_number(look->transaction, HUB_META, "conflicts_open", 0);
    verify_rows(look->verify, look->transaction, HUB_CONFLICT, "conflict", RECORD_KEY_BYTES + 12,
                &hopnhat__resolution__descriptor, look_at_conflict, look);
    if (look->transaction->failed)
        return;
    if (open != look->open)
        verify_break(look->verify, "meta: %" PRIu64 " open conflicts are counted, and there are %" PRIu64,
                     open, look->open);
    if (transaction_count(look->transaction, HUB_CONFLICT) !=
        transaction_count(look->transaction, HUB_CONFLICT_STATE))
        verify_break(look->verify, "conflict: a state is listed for what is not there");
}

static bool check_logs(struct look *look, struct arena *arena, struct error *error)
{
    size_t count = (size_t)transaction_count(look->transaction, HUB_REPLICA) + 1;
    look->marks->replicas = arena_alloc(arena, count * sizeof(uint64_t));
    look->marks->watermarks = arena_alloc(arena, count * sizeof(uint64_t));
    if (!look->marks->replicas || !look->marks->watermarks)
        return out_of_memory(error);
    verify_databases(look->verify, look->transaction, hub_databases, HUB_DATABASES);
    struct verify quiet = {.found = ignore};
    verify_rows(&quiet, look->transaction, HUB_REPLICA, "replica", 8, &hopnhat__replica_state__descriptor,
                expect_log, look);
    bool done = verify_logs(look->verify, look->transaction, HUB_LOG, &look->logs, error);
    verify_rows(look->verify, look->transaction, HUB_REPLICA, "replica", 8,
                &hopnhat__replica_state__descriptor, look_at_replica, look);
    done = done && (!look->out_of_memory || out_of_memory(error));
    for (const struct verify_log *log = look->logs; log; log = log->hh.next)
        if (!log->known)
            verify_break(look->verify, "log %016" PRIx64 ": it is nobody's", log->replica);
    verify_rows(look->verify, look->transaction, HUB_SIGNATURE, "signature", 16, NULL, look_at_signature,
                look);
    if (look->verify->proved)
        verify_rows(&quiet, look->transaction, HUB_REPLICA, "replica", 8, &hopnhat__replica_state__descriptor,
                    tell_log, look);
    return done;
}

static void check_others(struct look *look)
{
    static const struct {
        unsigned database;
        const char *name;
        size_t key_bytes;
        const ProtobufCMessageDescriptor *type;
        verify_row *look;
    } tables[] = {
        {HUB_INSTALLATION, "installation", LINK_KEY_BYTES, &hopnhat__installation__descriptor, NULL},
        {HUB_ENROLMENT, "enrolment", LINK_KEY_BYTES, &hopnhat__enrolment__descriptor, NULL},
        {HUB_QUARANTINE, "quarantine", 16, &hopnhat__quarantined__descriptor, look_at_quarantined},
        {HUB_CATALOG, "catalog", 4, NULL, look_at_catalog},
        {HUB_PURGED, "purged", RECORD_KEY_BYTES, NULL, look_at_purged},
        {HUB_BACKUP, "backup", 8, &hopnhat__backup__descriptor, NULL},
        {HUB_CARRIED, "carried", LINK_KEY_BYTES, &hopnhat__carried_hello__descriptor, NULL},
        {HUB_ACCOUNT, "account", 0, &hopnhat__account__descriptor, NULL},
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        verify_rows(look->verify, look->transaction, tables[i].database, tables[i].name, tables[i].key_bytes,
                    tables[i].type, tables[i].look, look);
    audit_verify(look->verify, look->transaction, HUB_AUDIT);
    check_conflicts(look);
    uint64_t quarantined = meta_number(look->transaction, HUB_META, "quarantined", 0);
    if (quarantined != look->waiting && !look->transaction->failed)
        verify_break(look->verify,
                     "meta: %" PRIu64 " changes in quarantine are counted, and there are %" PRIu64,
                     quarantined, look->waiting);
}

static bool describe(struct transaction *transaction, Hopnhat__BackupHeader *header, struct arena *arena,
                     struct error *error)
{
    uint8_t recovery_key[RECOVERY_KEY_BYTES];
    header->kind = HOPNHAT__BACKUP_KIND__BACKUP_HUB;
    header->epoch = meta_number(transaction, HUB_META, "epoch", 0);
    header->replica = meta_number(transaction, HUB_META, "replica", 0);
    header->rev = meta_number(transaction, HUB_META, "rev", 0);
    header->has_recovery_key =
        meta_bytes(transaction, HUB_META, "recovery_key", recovery_key, sizeof recovery_key);
    if (!header->has_recovery_key)
        return true;
    header->recovery_key.len = RECOVERY_KEY_BYTES;
    header->recovery_key.data = arena_copy(arena, recovery_key, RECOVERY_KEY_BYTES);
    return header->recovery_key.data || out_of_memory(error);
}

bool hub_verify(const char *directory, bool beside, struct verify *verify, Hopnhat__BackupHeader *header,
                Hopnhat__Backup *marks, struct arena *arena, struct error *error)
{
    struct transaction transaction;
    struct environment *environment =
        beside ? environment_open_reading(directory, hub_databases, HUB_DATABASES, error)
               : environment_open(directory, hub_databases, HUB_DATABASES, HUB_DEFAULT_MAP_BYTES, error);
    struct look look = {.verify = verify, .transaction = &transaction, .marks = marks};
    if (!environment || format_is_newer(environment, &hub_format, error) ||
        !transaction_begin(&transaction, environment, false, error)) {
        environment_close(environment);
        return false;
    }
    transaction.takes_damaged = true;
    bool done = describe(&transaction, header, arena, error) && check_logs(&look, arena, error);
    if (done) {
        check_identity(verify, &transaction);
        note_next_key(&transaction, marks);
        done = hub_verify_records(verify, &transaction, header->rev, error);
        check_others(&look);
    }
    if (transaction.failed && verify->breaks == 0)
        verify_break(verify, "the store cannot be read: %s", transaction.error.text);
    verify_logs_free(look.logs);
    transaction_abort(&transaction);
    environment_close(environment);
    return done;
}
