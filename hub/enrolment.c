#include "hub/enrolment.h"

#include "base/hex.h"
#include "hub/admission.h"
#include "hub/feed.h"
#include "hub/registry.h"
#include "store/pieces.h"
#include "store/rows.h"

#include <stdio.h>

static bool refuse(struct error *error)
{
    return error_set(error, ERROR_REFUSED, "the code is wrong, has been used or is past its time");
}

static void sweep(struct transaction *transaction, uint64_t wall_ms)
{
    struct cursor cursor;
    struct arena arena;
    arena_init(&arena, LIMIT_MESSAGE_BYTES);
    cursor_open(&cursor, transaction, HUB_ENROLMENT);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        const Hopnhat__Enrolment *row =
            row_unpack(transaction, cursor.value, &hopnhat__enrolment__descriptor, &arena);
        if (row && row->expires_ms <= wall_ms)
            cursor_delete(&cursor);
        arena_reset(&arena);
    }
    cursor_close(&cursor);
    arena_release(&arena);
}

bool enrolment_create(struct hub *hub, const char *office, uint64_t wall_ms, uint64_t valid_ms,
                      char text[ENROLMENT_CODE_TEXT_BYTES], struct error *error)
{
    struct enrolment_code code;
    struct link_keys once;
    struct transaction transaction;
    Hopnhat__Enrolment row = HOPNHAT__ENROLMENT__INIT;
    const struct office *known = registry_office(hub, office);
    if (!known)
        return error_set(error, ERROR_NOT_FOUND, "there is no office %s: add it with office add", office);
    memcpy(code.hub_key, hub->link_keys.public_key, LINK_KEY_BYTES);
    hub->entropy.fill(hub->entropy.context, code.seed, sizeof code.seed);
    if (!link_keys_from_seed(&once, code.seed, error) ||
        !transaction_begin(&transaction, hub->environment, true, error))
        return false;
    sweep(&transaction, wall_ms);
    row.office = (char *)(uintptr_t)known->code;
    row.link_key = (ProtobufCBinaryData){LINK_KEY_BYTES, once.public_key};
    row.expires_ms = wall_ms + valid_ms;
    row_put(&transaction, HUB_ENROLMENT, bytes_of(once.public_key, LINK_KEY_BYTES), &row.base);
    bool stored = transaction_commit(&transaction, error);
    if (stored)
        enrolment_code_format(&code, text);
    keys_wipe(&once, sizeof once);
    keys_wipe(&code, sizeof code);
    return stored;
}

/* The enrolment of the key, where it still holds. */
static Hopnhat__Enrolment *find(struct transaction *transaction, const uint8_t link_key[LINK_KEY_BYTES],
                                uint64_t wall_ms, struct arena *arena)
{
    Hopnhat__Enrolment *row = row_get(transaction, HUB_ENROLMENT, bytes_of(link_key, LINK_KEY_BYTES),
                                      &hopnhat__enrolment__descriptor, arena);
    return row && row->expires_ms > wall_ms ? row : NULL;
}

bool enrolment_knows(struct hub *hub, const uint8_t link_key[LINK_KEY_BYTES], uint64_t wall_ms)
{
    struct transaction transaction;
    struct arena arena;
    struct error error;
    if (!transaction_begin(&transaction, hub->environment, false, &error))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_BYTES);
    bool known = find(&transaction, link_key, wall_ms, &arena) != NULL;
    arena_release(&arena);
    transaction_abort(&transaction);
    return known;
}

static bool add_former(Hopnhat__CertificateBody *body, const struct former_keys *keys, struct arena *arena)
{
    Hopnhat__FormerKeys *row = arena_alloc(arena, sizeof *row);
    if (!row)
        return false;
    hopnhat__former_keys__init(row);
    row->link_key = (ProtobufCBinaryData){LINK_KEY_BYTES, arena_copy(arena, keys->link_key, LINK_KEY_BYTES)};
    row->signing_key =
        (ProtobufCBinaryData){SIGNING_KEY_BYTES, arena_copy(arena, keys->signing_key, SIGNING_KEY_BYTES)};
    row->signature =
        (ProtobufCBinaryData){SIGNATURE_BYTES, arena_copy(arena, keys->signature, SIGNATURE_BYTES)};
    body->former[body->n_former++] = row;
    return row->link_key.data && row->signing_key.data && row->signature.data;
}

static bool fill_body(const struct installation *installation, bool next, Hopnhat__CertificateBody *body,
                      struct arena *arena)
{
    const uint8_t *link_key = next ? installation->next.link_key : installation->link_key;
    const uint8_t *signing_key = next ? installation->next.signing_key : installation->signing_key;
    struct former_keys present;
    body->office = arena_string(arena, installation->office, strlen(installation->office));
    body->link_key = (ProtobufCBinaryData){LINK_KEY_BYTES, arena_copy(arena, link_key, LINK_KEY_BYTES)};
    body->signing_key =
        (ProtobufCBinaryData){SIGNING_KEY_BYTES, arena_copy(arena, signing_key, SIGNING_KEY_BYTES)};
    body->issued_ms = installation->joined_ms;
    body->former = arena_alloc(arena, (installation->former_count + 1) * sizeof *body->former);
    if (!body->office || !body->link_key.data || !body->signing_key.data || !body->former)
        return false;
    for (size_t i = 0; i < installation->former_count; i++)
        if (!add_former(body, &installation->former[i], arena))
            return false;
    if (!next)
        return true;
    memcpy(present.link_key, installation->link_key, LINK_KEY_BYTES);
    memcpy(present.signing_key, installation->signing_key, SIGNING_KEY_BYTES);
    memcpy(present.signature, installation->next.signature, SIGNATURE_BYTES);
    return add_former(body, &present, arena);
}

bool enrolment_certify(const struct hub *hub, const struct installation *installation, bool next,
                       Hopnhat__Certificate *certificate, struct arena *arena)
{
    const size_t context = sizeof CERTIFICATE_CONTEXT - 1;
    Hopnhat__CertificateBody body = HOPNHAT__CERTIFICATE_BODY__INIT;
    if (!fill_body(installation, next, &body, arena))
        return false;
    size_t size = hopnhat__certificate_body__get_packed_size(&body);
    uint8_t *text = arena_alloc(arena, context + size);
    certificate->signature.len = SIGNATURE_BYTES;
    certificate->signature.data = arena_alloc(arena, SIGNATURE_BYTES);
    if (!text || !certificate->signature.data)
        return false;
    memcpy(text, CERTIFICATE_CONTEXT, context);
    hopnhat__certificate_body__pack(&body, text + context);
    certificate->body = (ProtobufCBinaryData){size, text + context};
    keys_sign(&hub->signing_keys, bytes_of(text, context + size), certificate->signature.data);
    return true;
}

bool enrolment_certificate(const struct hub *hub, const Hopnhat__Certificate *certificate,
                           const uint8_t link_key[LINK_KEY_BYTES], struct arena *arena,
                           Hopnhat__CertificateBody **body)
{
    const size_t context = sizeof CERTIFICATE_CONTEXT - 1;
    uint8_t *text = arena_alloc(arena, context + certificate->body.len);
    if (!text)
        return false;
    memcpy(text, CERTIFICATE_CONTEXT, context);
    memcpy(text + context, certificate->body.data, certificate->body.len);
    if (!keys_verify(hub->signing_keys.public_key, bytes_of(text, context + certificate->body.len),
                     bytes_of(certificate->signature.data, certificate->signature.len)))
        return false;
    *body =
        hopnhat__certificate_body__unpack(&arena->protobuf, certificate->body.len, certificate->body.data);
    return *body && (*body)->link_key.len == LINK_KEY_BYTES &&
           (*body)->signing_key.len == SIGNING_KEY_BYTES &&
           memcmp((*body)->link_key.data, link_key, LINK_KEY_BYTES) == 0 &&
           office_code_is_sound(bytes_of_string((*body)->office));
}

/* The catalog in force and the office's own record: enough to begin working before the first sync. */
static bool add_records(struct hub *hub, struct transaction *transaction, const char *office,
                        Hopnhat__Joined *joined, struct arena *arena)
{
    uint8_t id[RECORD_ID_BYTES];
    joined->records = arena_alloc(arena, 2 * sizeof *joined->records);
    if (!joined->records)
        return false;
    office_record_id(office, id);
    Hopnhat__Record *found[] = {
        hub_record(transaction, HOPNHAT__BUILT_IN_TYPE__TYPE_CATALOG, catalog_hash(hub->catalog), arena),
        hub_record(transaction, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id, arena),
    };
    for (size_t i = 0; i < 2; i++)
        if (found[i]) {
            feed_strip(found[i]);
            found[i]->group = (char *)(uintptr_t)GROUP_EVERYONE;
            joined->records[joined->n_records++] = found[i];
        }
    return !transaction->failed;
}

static void put_on_record(struct transaction *transaction, const struct installation *installation,
                          uint64_t wall_ms)
{
    char actor[LIMIT_OFFICE_CODE_BYTES + 16], key[2 * LINK_KEY_BYTES + 1];
    const struct audit_act act = {.actor = actor, .act = "join", .detail = key, .wall_ms = wall_ms};
    snprintf(actor, sizeof actor, "office %s", installation->office);
    hex_encode(bytes_of(installation->link_key, LINK_KEY_BYTES), key);
    audit_append(transaction, HUB_AUDIT, &act);
}

/* The installation that the Join asks for, registered. */
static const struct installation *register_keys(struct hub *hub, struct transaction *transaction,
                                                const char *office, const Hopnhat__Join *join,
                                                uint64_t wall_ms, struct error *error)
{
    const uint64_t revoked_ms = registry_office(hub, office)->revoked_before_ms;
    /* after what was revoked, also where this machine's clock went back meanwhile */
    struct installation installation = {.joined_ms = wall_ms > revoked_ms ? wall_ms : revoked_ms + 1};
    memcpy(installation.link_key, join->link_key.data, LINK_KEY_BYTES);
    memcpy(installation.signing_key, join->signing_key.data, SIGNING_KEY_BYTES);
    memcpy(installation.office, office, strlen(office) + 1);
    installation.seen_ms = wall_ms;
    installation.read_rev = hub->rev; /* it holds nothing older, and has written nothing */
    if (registry_installation(hub, installation.link_key)) {
        refuse(error);
        return NULL;
    }
    if (!registry_add_installation(hub, transaction, &installation, error))
        return NULL;
    put_on_record(transaction, &installation, wall_ms);
    return registry_installation(hub, installation.link_key);
}

/* The installation that the Join makes; or the one that asks by its own key, and again for the answer. */
static const struct installation *find_or_register(struct hub *hub, struct transaction *transaction,
                                                   const uint8_t link_key[LINK_KEY_BYTES],
                                                   const Hopnhat__Join *join, uint64_t wall_ms,
                                                   struct arena *arena, struct error *error)
{
    const struct installation *again = registry_installation(hub, link_key);
    const Hopnhat__Enrolment *row = again ? NULL : find(transaction, link_key, wall_ms, arena);
    if (again && !again->revoked && registry_office(hub, again->office) &&
        memcmp(again->link_key, join->link_key.data, LINK_KEY_BYTES) == 0 &&
        memcmp(again->signing_key, join->signing_key.data, SIGNING_KEY_BYTES) == 0)
        return again;
    if (!row || !registry_office(hub, row->office)) {
        refuse(error);
        return NULL;
    }
    transaction_delete(transaction, HUB_ENROLMENT, bytes_of(link_key, LINK_KEY_BYTES));
    return register_keys(hub, transaction, row->office, join, wall_ms, error);
}

static bool join_in(struct hub *hub, struct transaction *transaction, const uint8_t link_key[LINK_KEY_BYTES],
                    const Hopnhat__Join *join, uint64_t wall_ms, Hopnhat__Joined *joined, struct arena *arena,
                    struct error *error)
{
    if (join->link_key.len != LINK_KEY_BYTES || join->signing_key.len != SIGNING_KEY_BYTES)
        return error_set(error, ERROR_CORRUPT, "a Join without keys");
    const struct installation *installation =
        find_or_register(hub, transaction, link_key, join, wall_ms, arena, error);
    if (!installation)
        return false;
    joined->certificate = arena_alloc(arena, sizeof *joined->certificate);
    joined->hub_signing_key.len = SIGNING_KEY_BYTES;
    joined->hub_signing_key.data = arena_copy(arena, hub->signing_keys.public_key, SIGNING_KEY_BYTES);
    joined->epoch = hub->epoch;
    joined->time = clock_reading(&hub->clock, wall_ms);
    if (!joined->certificate || !joined->hub_signing_key.data)
        return out_of_memory(error);
    hopnhat__certificate__init(joined->certificate);
    return (enrolment_certify(hub, installation, false, joined->certificate, arena) &&
            add_records(hub, transaction, installation->office, joined, arena)) ||
           out_of_memory(error);
}

/* What is larger than twice the credit goes in parts: the next one in place of the records. */
static bool cut_answer(Hopnhat__Joined *joined, const Hopnhat__Join *join, struct arena *arena,
                       struct error *error)
{
    const size_t slice = join->credit_bytes > LEAST_PIECE_BYTES ? join->credit_bytes : LEAST_PIECE_BYTES;
    const uint64_t time = joined->time;
    const struct pieces_held held = pieces_told(join->held);
    if (!join->has_credit_bytes || hopnhat__joined__get_packed_size(joined) <= 2 * slice)
        return true;
    joined->time = 0; /* so that the whole is the same each time */
    joined->piece = pieces_cut_message(&joined->base, &held, slice, arena);
    joined->time = time;
    joined->n_records = 0;
    return joined->piece || out_of_memory(error);
}

Hopnhat__Joined *enrolment_join(struct hub *hub, const uint8_t link_key[LINK_KEY_BYTES],
                                const Hopnhat__Join *join, uint64_t wall_ms, struct arena *arena,
                                struct error *error)
{
    struct transaction transaction;
    struct error reload;
    Hopnhat__Joined *joined = arena_alloc(arena, sizeof *joined);
    if (!joined) {
        out_of_memory(error);
        return NULL;
    }
    hopnhat__joined__init(joined);
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return NULL;
    if (join_in(hub, &transaction, link_key, join, wall_ms, joined, arena, error)) {
        if (transaction_commit(&transaction, error))
            return cut_answer(joined, join, arena, error) ? joined : NULL;
    } else {
        transaction_abort(&transaction);
    }
    if (!hub_reload(hub, &reload))
        error_prefix(error, "%s; and before that", reload.text);
    return NULL;
}
