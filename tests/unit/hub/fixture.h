/* A hub on a store of its own, with offices an and binh and one installation each. An installation here is
 * the test's own hand: it holds real keys, says what it likes, and what the hub answers is kept. */
#ifndef HOPNHAT_TESTS_UNIT_HUB_FIXTURE_H
#define HOPNHAT_TESTS_UNIT_HUB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/admission.h"
#include "hub/headquarters.h"
#include "hub/registry.h"
#include "hub/session.h"
#include "model/catalog_yaml.h"
#include "model/fold.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WALL (UINT64_C(1750000000000))

#define YEAR_MS (INT64_C(365) * 24 * 3600 * 1000)

enum { PARTNER = 16, NAME = 16, STAFF = 17, CIRCULAR = 18, ALERT = 19, MARK = 17 };

static const char CATALOG[] =
    "version: 1\nname: test\ntypes:\n"
    "  - number: 16\n    name: partner\n    audience: everyone\n    write: any\n    fields:\n"
    "      - {number: 16, name: name}\n"
    "      - {number: 17, name: rating, kind: integer, write: headquarters}\n"
    "  - number: 17\n    name: staff\n    audience: office\n    write: owner\n    fields:\n"
    "      - {number: 16, name: name}\n"
    "  - number: 18\n    name: circular\n    audience: everyone\n    write: headquarters\n    fields:\n"
    "      - {number: 16, name: name}\n"
    "  - number: 19\n    name: alert\n    audience: everyone\n    write: any\n    ahead: true\n"
    "    urgent: mark\n    fields:\n"
    "      - {number: 16, name: name}\n"
    "      - {number: 17, name: mark, kind: boolean}\n";

/* One installation, and the log that it writes (or says it does). */
struct hand {
    struct link_keys link_keys;
    struct signing_keys signing_keys;
    struct link_peer peer;
    uint64_t replica, seq;
    uint8_t link[LINK_BYTES];
    uint64_t trimmed; /* what its Hello says, with `link` for the link there */
    uint32_t request;
    uint64_t digest_mismatches; /* likewise */
};

struct fixture {
    char directory[64];
    uint64_t wall_ms;
    int64_t set_ms; /* by how much the wall clock was set ahead since the start: what passes is without it */
    struct hub_options options;
    struct hub *hub;
    struct arena arena;       /* of the whole test */
    Hopnhat__Message *answer; /* the last one; NULL: none since the last message */
    struct hand an, binh;
};

static inline bool keep_answer(void *context, const struct link_peer *peer, const Hopnhat__Message *message)
{
    struct fixture *fixture = context;
    size_t size = hopnhat__message__get_packed_size(message);
    uint8_t *packed = arena_alloc(&fixture->arena, size + 1);
    (void)peer;
    hopnhat__message__pack(message, packed);
    fixture->answer = hopnhat__message__unpack(&fixture->arena.protobuf, size, packed);
    return true;
}

/* One message of a hand, and the turn that follows; returns the answer. */
static inline const Hopnhat__Message *say(struct fixture *fixture, struct hand *hand,
                                          Hopnhat__Message *message)
{
    const struct hub_outlet outlet = {fixture, keep_answer};
    message->has_request = true;
    message->request = ++hand->request;
    fixture->answer = NULL;
    hub_receive(fixture->hub, &hand->peer, message, fixture->wall_ms, &outlet);
    hub_turn(fixture->hub, &outlet);
    return fixture->answer;
}

static inline const Hopnhat__Message *say_hello(struct fixture *fixture, struct hand *hand)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Hello hello = HOPNHAT__HELLO__INIT;
    Hopnhat__LogHead log = HOPNHAT__LOG_HEAD__INIT, *logs[] = {&log};
    log.replica = hand->replica;
    log.head = hand->seq;
    log.has_trimmed = log.has_trimmed_link = hand->trimmed != 0;
    log.trimmed = hand->trimmed;
    log.trimmed_link = (ProtobufCBinaryData){LINK_BYTES, hand->link};
    hello.protocol = PROTOCOL_VERSION;
    hello.time = fixture->wall_ms << 16;
    hello.has_digest_mismatches = true;
    hello.digest_mismatches = hand->digest_mismatches;
    hello.n_logs = 1;
    hello.logs = logs;
    message.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    return say(fixture, hand, &message);
}

/* A change of the hand, packed in the arena. */
static inline struct bytes make_change(struct fixture *fixture, const struct hand *hand,
                                       const struct new_edit *edits, size_t count, uint64_t time)
{
    struct bytes stored;
    struct error error;
    struct new_change change = {.replica = hand->replica,
                                .time = time,
                                .catalog_tag = catalog_tag(fixture->hub->catalog),
                                .author = "someone",
                                .edits = edits,
                                .edit_count = count};
    if (!change_pack(&change, &fixture->arena, &stored, &error))
        fail_msg("%s", error.text);
    return stored;
}

/* A new record with group, owner and name. */
static inline struct bytes make_record(struct fixture *fixture, const struct hand *hand, uint32_t type,
                                       uint8_t number, const char *group, const char *owner, const char *name)
{
    struct new_op ops[] = {
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string(group)},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string(owner)},
        {.field = NAME, .value = bytes_of_string(name)},
    };
    struct new_edit edit = {.type = type, .record = {number}, .ops = ops, .op_count = 3};
    return make_change(fixture, hand, &edit, 1, fixture->wall_ms << 16);
}

/* The link of the hand's log after one more change. */
static inline void next_link(const struct hand *hand, struct bytes stored, uint8_t link[LINK_BYTES])
{
    struct error error;
    Hopnhat__LoggedChange *logged = hopnhat__logged_change__unpack(NULL, stored.size, stored.data);
    assert_non_null(logged);
    if (!chain_next(hand->link, logged, link, &error))
        fail_msg("%s", error.text);
    hopnhat__logged_change__free_unpacked(logged, NULL);
}

static inline uint64_t time_of_change(struct bytes stored)
{
    Hopnhat__LoggedChange *logged = hopnhat__logged_change__unpack(NULL, stored.size, stored.data);
    Hopnhat__Change *change =
        logged ? hopnhat__change__unpack(NULL, logged->change.len, logged->change.data) : NULL;
    uint64_t time = change ? change->time : 0;
    if (change)
        hopnhat__change__free_unpacked(change, NULL);
    if (logged)
        hopnhat__logged_change__free_unpacked(logged, NULL);
    return time;
}

/* Pushes one change as the hand's next, signed with `signer`; the log goes on where it was acknowledged. */
static inline const Hopnhat__Message *push_signed(struct fixture *fixture, struct hand *hand,
                                                  struct bytes stored, const struct signing_keys *signer)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Push push = HOPNHAT__PUSH__INIT;
    ProtobufCBinaryData change = {stored.size, (uint8_t *)(uintptr_t)stored.data};
    uint8_t link[LINK_BYTES], text[SIGNED_LINK_BYTES], signature[SIGNATURE_BYTES];
    next_link(hand, stored, link);
    chain_signed_text(hand->replica, hand->seq + 1, link, text);
    keys_sign(signer, bytes_of(text, sizeof text), signature);
    push.first = hand->seq + 1;
    push.has_age_ms = true;
    push.age_ms = (int64_t)(fixture->wall_ms - (time_of_change(stored) >> 16)); /* its clock is right */
    push.n_changes = 1;
    push.changes = &change;
    push.signature = (ProtobufCBinaryData){sizeof signature, signature};
    message.body_case = HOPNHAT__MESSAGE__BODY_PUSH;
    message.push = &push;
    const Hopnhat__Message *answer = say(fixture, hand, &message);
    if (answer && answer->body_case == HOPNHAT__MESSAGE__BODY_ACK &&
        (!answer->ack->has_watermark || answer->ack->watermark == push.first)) {
        hand->seq++;
        memcpy(hand->link, link, LINK_BYTES);
    }
    return answer;
}

static inline const Hopnhat__Message *push(struct fixture *fixture, struct hand *hand, struct bytes stored)
{
    return push_signed(fixture, hand, stored, &hand->signing_keys);
}

/* The record at the hub, in the fixture's arena; NULL: none. */
static inline const Hopnhat__Record *hub_has(struct fixture *fixture, uint32_t type, uint8_t number)
{
    struct transaction snapshot;
    struct error error;
    uint8_t id[RECORD_ID_BYTES] = {number};
    assert_true(transaction_begin(&snapshot, fixture->hub->environment, false, &error));
    const Hopnhat__Record *record = hub_record(&snapshot, type, id, &fixture->arena);
    transaction_abort(&snapshot);
    return record;
}

/* The entry that is read for the record's name; NULL: there is none. */
static inline const Hopnhat__Entry *hub_name(struct fixture *fixture, uint32_t type, uint8_t number)
{
    const Hopnhat__Record *record = hub_has(fixture, type, number);
    const Hopnhat__Field *field = record ? record_field(record, NAME) : NULL;
    return field ? fold_latest(field) : NULL;
}

/* As `office add` does: the office owns its record. */
static inline void add_office(struct fixture *fixture, const char *code)
{
    struct error error;
    struct new_op ops[] = {
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string(GROUP_EVERYONE)},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string(code)},
        {.field = OFFICE_CODE, .value = bytes_of_string(code)},
        {.field = OFFICE_NAME, .value = bytes_of_string(code)},
    };
    struct new_edit edit = {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, .ops = ops, .op_count = 4};
    office_record_id(code, edit.record);
    if (!headquarters_write(fixture->hub, &edit, 1, NULL, fixture->wall_ms, &error))
        fail_msg("%s", error.text);
}

static inline void install(struct fixture *fixture, struct hand *hand, const char *office, uint8_t number)
{
    struct transaction transaction;
    struct error error;
    struct installation installation = {.joined_ms = WALL - 1000};
    link_keys_generate(&hand->link_keys);
    signing_keys_generate(&hand->signing_keys);
    hand->replica = UINT64_C(0x1000) + number;
    chain_start(hand->replica, hand->link);
    memcpy(hand->peer.key, hand->link_keys.public_key, LINK_KEY_BYTES);
    hand->peer.connection = number;
    memcpy(installation.link_key, hand->link_keys.public_key, LINK_KEY_BYTES);
    memcpy(installation.signing_key, hand->signing_keys.public_key, SIGNING_KEY_BYTES);
    snprintf(installation.office, sizeof installation.office, "%s", office);
    assert_true(transaction_begin(&transaction, fixture->hub->environment, true, &error));
    assert_true(registry_add_installation(fixture->hub, &transaction, &installation, &error));
    assert_true(transaction_commit(&transaction, &error));
}

static inline uint64_t fixture_passed_ms(void *context)
{
    const struct fixture *fixture = context;
    return fixture->wall_ms - (uint64_t)fixture->set_ms;
}

/* The wall clock is set: nothing has passed. */
static inline void set_clock(struct fixture *fixture, int64_t by_ms)
{
    fixture->wall_ms += (uint64_t)by_ms;
    fixture->set_ms += by_ms;
}

static inline int fixture_start(void **state)
{
    static struct catalog_errors errors;
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct bytes packed;
    struct error error;
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/hopnhat-hub-XXXXXX");
    fixture->wall_ms = WALL;
    fixture->options = (struct hub_options){
        .map_bytes = 1 << 28, .entropy = entropy_system(), .steady = {fixture, fixture_passed_ms}};
    arena_init(&fixture->arena, 256 << 20);
    if (!keys_start(&error) || !mkdtemp(fixture->directory) ||
        !catalog_from_yaml(bytes_of_string(CATALOG), "test", &fixture->arena, &packed, &errors) ||
        !hub_init(fixture->directory, &fixture->options, packed, WALL, &error) ||
        !(fixture->hub = hub_open(fixture->directory, &fixture->options, &error))) {
        fprintf(stderr, "%s %s\n", error.text, errors.count ? errors.list[0].text : "");
        return -1;
    }
    add_office(fixture, "an");
    add_office(fixture, "binh");
    install(fixture, &fixture->an, "an", 1);
    install(fixture, &fixture->binh, "binh", 2);
    *state = fixture;
    return 0;
}

static inline int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int fixture_end(void **state)
{
    struct fixture *fixture = *state;
    hub_end_sessions(fixture->hub);
    hub_close(fixture->hub);
    arena_release(&fixture->arena);
    nftw(fixture->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

#endif
