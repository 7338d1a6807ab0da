#include "agent/join.h"

#include "agent/session.h"

#include <stdlib.h>

bool join_begin(struct join *join, const char *code, struct error *error)
{
    struct enrolment_code parsed;
    if (!enrolment_code_parse(code, &parsed, error))
        return false;
    memcpy(join->hub_key, parsed.hub_key, sizeof join->hub_key);
    bool derived = link_keys_from_seed(&join->once, parsed.seed, error);
    keys_wipe(&parsed, sizeof parsed);
    join->again = false;
    if (!derived)
        return false;
    link_keys_generate(&join->link_keys);
    signing_keys_generate(&join->signing_keys);
    return true;
}

Hopnhat__Message *join_message(const struct join *join, const struct pieces_held *held, struct arena *arena,
                               struct error *error)
{
    Hopnhat__Message *message = arena_alloc(arena, sizeof *message);
    Hopnhat__Join *body = arena_alloc(arena, sizeof *body);
    uint8_t *link_key = arena_copy(arena, join->link_keys.public_key, LINK_KEY_BYTES);
    uint8_t *signing_key = arena_copy(arena, join->signing_keys.public_key, SIGNING_KEY_BYTES);
    Hopnhat__PieceHeld *told = arena_alloc(arena, sizeof *told);
    char *software = arena_format(arena, "hopnhat-agent %s", HOPNHAT_VERSION);
    if (!message || !body || !link_key || !signing_key || !told || !software) {
        out_of_memory(error);
        return NULL;
    }
    hopnhat__message__init(message);
    hopnhat__join__init(body);
    body->protocol = PROTOCOL_VERSION;
    body->link_key = (ProtobufCBinaryData){LINK_KEY_BYTES, link_key};
    body->signing_key = (ProtobufCBinaryData){SIGNING_KEY_BYTES, signing_key};
    body->software = software;
    body->has_credit_bytes = true;
    body->credit_bytes = JOIN_PART_BYTES;
    hopnhat__piece_held__init(told);
    told->id = held->id;
    told->size = held->held_bytes;
    body->held = told;
    message->has_request = true;
    message->request = 1;
    message->body_case = HOPNHAT__MESSAGE__BODY_JOIN;
    message->join = body;
    return message;
}

static bool unsound(struct error *error, const char *what)
{
    return error_set(error, ERROR_CORRUPT, "the hub's answer does not hold: %s", what);
}

bool join_add_part(struct join_parts *parts, const Hopnhat__Joined *part, struct arena *arena,
                   const Hopnhat__Joined **whole, struct error *error)
{
    const Hopnhat__Piece *piece = part->piece;
    struct pieces_held *held = &parts->held;
    if (!pieces_sound(piece))
        return unsound(error, "it comes in parts that do not fit");
    if (held->id != piece->id || held->total_bytes != piece->total) {
        free(parts->data);
        *held = (struct pieces_held){.id = piece->id, .total_bytes = piece->total};
        parts->data = malloc(piece->total);
    }
    if (!parts->data)
        return out_of_memory(error);
    if (piece->offset != held->held_bytes || piece->data.len == 0)
        return unsound(error, "it comes in parts that do not fit");
    memcpy(parts->data + piece->offset, piece->data.data, piece->data.len);
    held->held_bytes += (uint32_t)piece->data.len;
    if (held->held_bytes < held->total_bytes)
        return true;
    Hopnhat__Joined *all = pieces_id(bytes_of(parts->data, held->total_bytes)) == held->id
                               ? hopnhat__joined__unpack(&arena->protobuf, held->total_bytes, parts->data)
                               : NULL;
    if (!all)
        return unsound(error, "it comes in parts that do not fit");
    all->time = part->time;
    *whole = all;
    return true;
}

static bool is_key(ProtobufCBinaryData data, const uint8_t *key, size_t size)
{
    return data.len == size && memcmp(data.data, key, size) == 0;
}

static bool check_body(const Hopnhat__CertificateBody *body, const uint8_t link_key[LINK_KEY_BYTES],
                       const uint8_t signing_key[SIGNING_KEY_BYTES], char office[LIMIT_OFFICE_CODE_BYTES + 1],
                       struct error *error)
{
    if (!body)
        return unsound(error, "the certificate cannot be read");
    if (!is_key(body->link_key, link_key, LINK_KEY_BYTES) ||
        !is_key(body->signing_key, signing_key, SIGNING_KEY_BYTES))
        return unsound(error, "the certificate is for other keys");
    if (!office_code_is_sound(bytes_of_string(body->office)))
        return unsound(error, "the certificate names no office");
    memcpy(office, body->office, strlen(body->office) + 1);
    return true;
}

bool join_check_certificate(const uint8_t hub_signing_key[SIGNING_KEY_BYTES],
                            const Hopnhat__Certificate *certificate, const uint8_t link_key[LINK_KEY_BYTES],
                            const uint8_t signing_key[SIGNING_KEY_BYTES],
                            char office[LIMIT_OFFICE_CODE_BYTES + 1], struct error *error)
{
    const size_t context = sizeof CERTIFICATE_CONTEXT - 1;
    struct arena arena;
    bool sound = false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    uint8_t *text = arena_alloc(&arena, context + certificate->body.len);
    if (!text) {
        out_of_memory(error);
    } else {
        memcpy(text, CERTIFICATE_CONTEXT, context);
        if (certificate->body.len)
            memcpy(text + context, certificate->body.data, certificate->body.len);
        if (keys_verify(hub_signing_key, bytes_of(text, context + certificate->body.len),
                        bytes_of(certificate->signature.data, certificate->signature.len)))
            sound = check_body(hopnhat__certificate_body__unpack(&arena.protobuf, certificate->body.len,
                                                                 certificate->body.data),
                               link_key, signing_key, office, error);
        else
            unsound(error, "the certificate's signature is wrong");
    }
    arena_release(&arena);
    return sound;
}

bool join_check(const struct join *join, const Hopnhat__Joined *joined,
                char office[LIMIT_OFFICE_CODE_BYTES + 1], struct error *error)
{
    if (joined->hub_signing_key.len != SIGNING_KEY_BYTES || joined->epoch == 0)
        return unsound(error, "it has no key or no epoch");
    return join_check_certificate(joined->hub_signing_key.data, joined->certificate,
                                  join->link_keys.public_key, join->signing_keys.public_key, office, error);
}

bool join_finish(const struct join *join, const Hopnhat__Joined *joined, const char *hub_address,
                 const char *directory, const struct agent_options *options, uint64_t wall_ms,
                 struct error *error)
{
    char office[LIMIT_OFFICE_CODE_BYTES + 1];
    if (!join_check(join, joined, office, error))
        return false;
    const struct agent_identity identity = {
        .hub_address = hub_address,
        .hub_key = join->hub_key,
        .link_keys = &join->link_keys,
        .signing_keys = &join->signing_keys,
        .office = office,
        .joined = joined,
    };
    return agent_create(directory, options, &identity, wall_ms, error);
}

void join_wipe(struct join *join)
{
    keys_wipe(join, sizeof *join);
}
