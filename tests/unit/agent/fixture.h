/* An agent on a store of its own, a seeded random source, and a hub that is the test's own hand: what the
 * session sends is kept until the test takes it, and the test answers. */
#ifndef HOPNHAT_TESTS_UNIT_AGENT_FIXTURE_H
#define HOPNHAT_TESTS_UNIT_AGENT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/join.h"
#include "agent/records.h"
#include "agent/session.h"
#include "agent/write.h"
#include "model/bag.h"
#include "model/change.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { PARTNER = 16, NAME = 20, NOTE = 21, COUNT = 22, TAGS = 23, QUEUE = 64 };
enum { EPOCH = 7777, HUB_REPLICA = 4242 };

#define WALL (UINT64_C(1700000000000))

struct fixture {
    char directory[64];
    uint64_t seed;
    struct agent *agent;
    struct agent_session *session;
    struct join join;
    struct signing_keys hub_keys;
    struct bytes catalog; /* packed, in the arena */
    struct arena arena;   /* of the whole test */
    Hopnhat__Message *queue[QUEUE];
    Hopnhat__Message
        *custody; /* the last one sent; these come beside everything else, and are not in the queue */
    size_t first, last;
    unsigned dropped;
    uint32_t protocol;                             /* that the hub speaks; 0: the oldest */
    struct bytes next_hub_key, next_hub_signature; /* that it tells; empty: none */
    uint64_t wall_ms;
};

static inline void fill(void *context, void *data, size_t size)
{
    uint64_t *seed = context;
    uint8_t *to = data;
    for (size_t i = 0; i < size; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        to[i] = (uint8_t)(*seed >> 56);
    }
}

static inline bool take_message(void *context, const Hopnhat__Message *message)
{
    struct fixture *fixture = context;
    size_t size = hopnhat__message__get_packed_size(message);
    uint8_t *packed = arena_alloc(&fixture->arena, size);
    hopnhat__message__pack(message, packed);
    if (message->body_case == HOPNHAT__MESSAGE__BODY_CUSTODY) {
        fixture->custody = hopnhat__message__unpack(&fixture->arena.protobuf, size, packed);
        return true;
    }
    assert_true(fixture->last < QUEUE);
    fixture->queue[fixture->last] = hopnhat__message__unpack(&fixture->arena.protobuf, size, packed);
    assert_non_null(fixture->queue[fixture->last]);
    fixture->last++;
    return true;
}

static inline void count_drop(void *context, const char *why)
{
    struct fixture *fixture = context;
    (void)why;
    fixture->dropped++;
}

static inline struct agent_options options_of(struct fixture *fixture)
{
    return (struct agent_options){
        .map_bytes = 64 << 20, .take_lock = true, .entropy = {&fixture->seed, fill}};
}

static inline Hopnhat__FieldDefinition *define(struct fixture *fixture, uint32_t number, const char *name,
                                               Hopnhat__ValueKind kind, Hopnhat__MergePolicy policy)
{
    Hopnhat__FieldDefinition *field = arena_alloc(&fixture->arena, sizeof *field);
    hopnhat__field_definition__init(field);
    field->number = number;
    field->name = arena_string(&fixture->arena, name, strlen(name));
    field->has_kind = field->has_policy = true;
    field->kind = kind;
    field->policy = policy;
    return field;
}

static inline struct bytes make_catalog(struct fixture *fixture, uint32_t version)
{
    Hopnhat__Catalog catalog = HOPNHAT__CATALOG__INIT;
    Hopnhat__TypeDefinition type = HOPNHAT__TYPE_DEFINITION__INIT, *types[] = {&type};
    Hopnhat__FieldDefinition *fields[] = {
        define(fixture, NAME, "name", HOPNHAT__VALUE_KIND__KIND_TEXT, HOPNHAT__MERGE_POLICY__LATEST),
        define(fixture, NOTE, "note", HOPNHAT__VALUE_KIND__KIND_TEXT, HOPNHAT__MERGE_POLICY__REVIEW),
        define(fixture, COUNT, "count", HOPNHAT__VALUE_KIND__KIND_INTEGER, HOPNHAT__MERGE_POLICY__SUM),
        define(fixture, TAGS, "tags", HOPNHAT__VALUE_KIND__KIND_TEXT, HOPNHAT__MERGE_POLICY__UNION),
    };
    static char type_name[] = "partner";
    catalog.version = version;
    catalog.types = types;
    catalog.n_types = 1;
    type.number = PARTNER;
    type.name = type_name;
    type.fields = fields;
    type.n_fields = 4;
    uint8_t *packed = arena_alloc(&fixture->arena, hopnhat__catalog__get_packed_size(&catalog));
    return bytes_of(packed, hopnhat__catalog__pack(&catalog, packed));
}

/* An entry as the hub sends it. */
static inline Hopnhat__Entry *entry(struct fixture *fixture, struct entry_id id, uint64_t rev,
                                    struct bytes value)
{
    Hopnhat__Entry *made = arena_alloc(&fixture->arena, sizeof *made);
    hopnhat__entry__init(made);
    made->replica = id.dot.replica;
    made->seq = id.dot.seq;
    made->has_index = true;
    made->index = id.index;
    made->time = time_of_ms(WALL) + rev;
    made->has_rev = true;
    made->rev = rev;
    made->has_value = value.size != 0;
    made->value.len = value.size;
    made->value.data = arena_copy(&fixture->arena, value.data, value.size);
    return made;
}

static inline void put(struct fixture *fixture, Hopnhat__Record *record, uint32_t field, struct entry_id id,
                       uint64_t rev, struct bytes value)
{
    struct error error;
    Hopnhat__Field *to = record_field_make(&fixture->arena, record, field);
    assert_true(bag_put(&fixture->arena, to, entry(fixture, id, rev, value), &error));
    to->has_changed = true;
    to->changed = rev;
    record->has_rev = true;
    record->rev = rev;
}

static inline void put_text(struct fixture *fixture, Hopnhat__Record *record, uint32_t field, uint64_t seq,
                            uint64_t rev, const char *text)
{
    put(fixture, record, field, (struct entry_id){{HUB_REPLICA, seq}, field}, rev, bytes_of_string(text));
}

/* A record of headquarters, in `everyone`. */
static inline Hopnhat__Record *hub_partner(struct fixture *fixture, uint8_t number, uint64_t rev,
                                           const char *name)
{
    uint8_t id[16] = {number};
    Hopnhat__Record *record = record_new(&fixture->arena, PARTNER, id);
    put_text(fixture, record, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, rev, rev, "everyone");
    put_text(fixture, record, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, rev, rev, "hue");
    put_text(fixture, record, NAME, rev, rev, name);
    return record;
}

static inline Hopnhat__Record *catalog_record(struct fixture *fixture, struct bytes packed,
                                              const char *version, uint64_t rev)
{
    uint8_t id[16] = {0xca, (uint8_t)version[0]};
    Hopnhat__Record *record = record_new(&fixture->arena, HOPNHAT__BUILT_IN_TYPE__TYPE_CATALOG, id);
    put_text(fixture, record, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, rev, rev, "everyone");
    put_text(fixture, record, CATALOG_VERSION, rev, rev, version);
    put(fixture, record, CATALOG_BODY, (struct entry_id){{HUB_REPLICA, rev}, CATALOG_BODY}, rev, packed);
    return record;
}

static inline Hopnhat__Record *office_record(struct fixture *fixture, uint64_t rev)
{
    uint8_t id[16];
    office_record_id("hue", id);
    Hopnhat__Record *record = record_new(&fixture->arena, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id);
    put_text(fixture, record, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, rev, rev, "everyone");
    put_text(fixture, record, OFFICE_CODE, rev, rev, "hue");
    put_text(fixture, record, OFFICE_NAME, rev, rev, "Hue");
    put_text(fixture, record, OFFICE_GROUPS, rev, rev, "cluster:3");
    return record;
}

static inline Hopnhat__Certificate *certify(struct fixture *fixture)
{
    static const char context[] = "hopnhat certificate 1";
    static char office[] = "hue";
    uint8_t text[512];
    Hopnhat__CertificateBody body = HOPNHAT__CERTIFICATE_BODY__INIT;
    Hopnhat__Certificate *certificate = arena_alloc(&fixture->arena, sizeof *certificate);
    hopnhat__certificate__init(certificate);
    body.office = office;
    body.link_key = (ProtobufCBinaryData){LINK_KEY_BYTES, fixture->join.link_keys.public_key};
    body.signing_key = (ProtobufCBinaryData){SIGNING_KEY_BYTES, fixture->join.signing_keys.public_key};
    body.issued_ms = WALL;
    memcpy(text, context, sizeof context - 1);
    size_t size = hopnhat__certificate_body__pack(&body, text + sizeof context - 1);
    certificate->body.len = size;
    certificate->body.data = arena_copy(&fixture->arena, text + sizeof context - 1, size);
    certificate->signature.len = SIGNATURE_BYTES;
    certificate->signature.data = arena_alloc(&fixture->arena, SIGNATURE_BYTES);
    keys_sign(&fixture->hub_keys, bytes_of(text, sizeof context - 1 + size), certificate->signature.data);
    return certificate;
}

static inline Hopnhat__Joined *make_joined(struct fixture *fixture)
{
    Hopnhat__Joined *joined = arena_alloc(&fixture->arena, sizeof *joined);
    hopnhat__joined__init(joined);
    joined->certificate = certify(fixture);
    joined->hub_signing_key = (ProtobufCBinaryData){SIGNING_KEY_BYTES, fixture->hub_keys.public_key};
    joined->epoch = EPOCH;
    joined->time = time_of_ms(WALL);
    joined->records = arena_alloc(&fixture->arena, 2 * sizeof *joined->records);
    joined->records[joined->n_records++] = catalog_record(fixture, fixture->catalog, "1", 1);
    joined->records[joined->n_records++] = office_record(fixture, 2);
    return joined;
}

static inline void open_agent(struct fixture *fixture)
{
    struct error error = {0};
    const struct agent_options options = options_of(fixture);
    const struct agent_outlet outlet = {.context = fixture, .send = take_message, .drop_link = count_drop};
    fixture->agent = agent_open(fixture->directory, &options, &error);
    if (!fixture->agent)
        fail_msg("%s", error.text);
    fixture->session = agent_session_new(fixture->agent, &outlet, &error);
    assert_non_null(fixture->session);
}

static inline void close_agent(struct fixture *fixture)
{
    agent_session_free(fixture->session);
    agent_close(fixture->agent);
    fixture->session = NULL;
    fixture->agent = NULL;
    fixture->first = fixture->last = 0;
}

static inline void begin_join(struct fixture *fixture)
{
    struct enrolment_code code = {.hub_key = {9}, .seed = {1, 2, 3}};
    char text[ENROLMENT_CODE_TEXT_BYTES];
    struct error error = {0};
    enrolment_code_format(&code, text);
    assert_true(join_begin(&fixture->join, text, &error));
    signing_keys_generate(&fixture->hub_keys);
}

static inline int setup(void **state)
{
    struct error error = {0};
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/hopnhat-agent-XXXXXX");
    if (!mkdtemp(fixture->directory) || !keys_start(&error))
        return -1;
    fixture->seed = 1;
    fixture->wall_ms = WALL;
    arena_init(&fixture->arena, 512 << 20);
    fixture->catalog = make_catalog(fixture, 1);
    begin_join(fixture);
    const struct agent_options options = options_of(fixture);
    if (!join_finish(&fixture->join, make_joined(fixture), "tcp://127.0.0.1:1", fixture->directory, &options,
                     WALL, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return -1;
    }
    open_agent(fixture);
    *state = fixture;
    return 0;
}

static inline void remove_files(const char *directory)
{
    static const char *const names[] = {"store/data.mdb", "store/lock.mdb", "store", "lock", ""};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        remove(path);
    }
}

static inline int teardown(void **state)
{
    struct fixture *fixture = *state;
    close_agent(fixture);
    remove_files(fixture->directory);
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

/* The next message that the session sent, which has to be of that kind. */
static inline Hopnhat__Message *sent(struct fixture *fixture, Hopnhat__Message__BodyCase kind)
{
    assert_true(fixture->first < fixture->last);
    Hopnhat__Message *message = fixture->queue[fixture->first++];
    assert_int_equal(message->body_case, kind);
    if (fixture->first == fixture->last)
        fixture->first = fixture->last = 0;
    return message;
}

static inline void assert_silent(const struct fixture *fixture)
{
    assert_int_equal(fixture->first, fixture->last);
}

/* Answers a message of the session. */
static inline void answer(struct fixture *fixture, const Hopnhat__Message *to,
                          Hopnhat__Message__BodyCase kind, void *body)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    message.has_request = true;
    message.request = to->request;
    message.body_case = kind;
    message.welcome = body; /* a union */
    agent_session_receive(fixture->session, &message, fixture->wall_ms);
}

/* A Welcome at the given watermarks, the chains as the agent's Hello says or where `links` says otherwise. */
static inline void welcome(struct fixture *fixture, const Hopnhat__Message *hello, const uint64_t *watermarks,
                           const uint8_t (*links)[LINK_BYTES], uint64_t epoch)
{
    Hopnhat__Welcome body = HOPNHAT__WELCOME__INIT;
    Hopnhat__LogMark marks[8], *list[8];
    uint8_t hash[32];
    body.protocol = fixture->protocol ? fixture->protocol : 1;
    body.epoch = epoch;
    body.time = time_of_ms(fixture->wall_ms);
    body.logs = list;
    body.n_logs = hello->hello->n_logs;
    for (size_t i = 0; i < body.n_logs; i++) {
        const Hopnhat__LogHead *head = hello->hello->logs[i];
        hopnhat__log_mark__init(&marks[i]);
        marks[i].replica = head->replica;
        marks[i].watermark = watermarks[i];
        marks[i].has_link = watermarks[i] != 0;
        marks[i].link = head->link;
        if (links)
            marks[i].link = (ProtobufCBinaryData){LINK_BYTES, (uint8_t *)(uintptr_t)links[i]};
        list[i] = &marks[i];
    }
    crypto_generichash(hash, sizeof hash, fixture->catalog.data, fixture->catalog.size, NULL, 0);
    body.has_catalog = true;
    body.catalog = (ProtobufCBinaryData){sizeof hash, hash};
    body.has_next_hub_key = body.has_next_hub_signature = fixture->next_hub_key.size != 0;
    body.next_hub_key =
        (ProtobufCBinaryData){fixture->next_hub_key.size, (uint8_t *)(uintptr_t)fixture->next_hub_key.data};
    body.next_hub_signature = (ProtobufCBinaryData){fixture->next_hub_signature.size,
                                                    (uint8_t *)(uintptr_t)fixture->next_hub_signature.data};
    answer(fixture, hello, HOPNHAT__MESSAGE__BODY_WELCOME, &body);
}

static inline Hopnhat__Message *say_hello(struct fixture *fixture)
{
    agent_session_link_up(fixture->session, fixture->wall_ms);
    return sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO);
}

/* Opens a session in which every watermark is `watermark`; returns the first Pull, if the session sends one.
 */
static inline void open_session(struct fixture *fixture, uint64_t watermark)
{
    const uint64_t watermarks[] = {watermark, watermark, watermark, watermark};
    welcome(fixture, say_hello(fixture), watermarks, NULL, EPOCH);
}

static inline void acknowledge(struct fixture *fixture, const Hopnhat__Message *push, uint64_t watermark,
                               Hopnhat__Refusal *refusal)
{
    Hopnhat__Ack ack = HOPNHAT__ACK__INIT;
    ack.has_watermark = true;
    ack.watermark = watermark;
    ack.has_moved_ms = true;
    ack.refusals = &refusal;
    ack.n_refusals = refusal ? 1 : 0;
    answer(fixture, push, HOPNHAT__MESSAGE__BODY_ACK, &ack);
}

static inline struct agent_status status_of(struct fixture *fixture)
{
    struct agent_status status;
    struct error error = {0};
    assert_true(agent_status(fixture->agent, &status, &error));
    return status;
}

/* Writes one text field of partner `number`; a new one gets group and owner. `seen` are the entries
 * superseded. */
static inline bool try_write(struct fixture *fixture, uint8_t number, uint32_t field, const char *text,
                             bool is_new, struct entry_list seen, struct dot *dot, struct error *error)
{
    struct new_op ops[3] = {
        {.field = field, .value = bytes_of_string(text), .superseded = seen},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string("everyone")},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string("hue")},
    };
    struct new_edit edit = {.type = PARTNER, .record = {number}, .ops = ops, .op_count = is_new ? 3 : 1};
    if (field == COUNT)
        ops[0].kind = HOPNHAT__OP_KIND__ADD;
    return agent_write(fixture->agent, &edit, 1, "lan", fixture->wall_ms, dot, error);
}

static inline struct dot write_text(struct fixture *fixture, uint8_t number, uint32_t field, const char *text,
                                    bool is_new)
{
    struct error error = {0};
    struct dot dot = {0};
    if (!try_write(fixture, number, field, text, is_new, (struct entry_list){0}, &dot, &error))
        fail_msg("%s", error.text);
    agent_session_tick(fixture->session, fixture->wall_ms);
    return dot;
}

static inline Hopnhat__Record *shown(struct fixture *fixture, uint8_t number)
{
    struct transaction transaction;
    struct error error = {0};
    uint8_t id[16] = {number};
    assert_true(agent_read(fixture->agent, &transaction, &error));
    Hopnhat__Record *record = agent_record(&transaction, PARTNER, id, &fixture->arena);
    assert_false(transaction.failed);
    transaction_abort(&transaction);
    return record;
}

/* How many entries people see in the field, and the text of the one at `place`. */
static inline size_t shown_count(struct fixture *fixture, uint8_t number, uint32_t field)
{
    const Hopnhat__Record *record = shown(fixture, number);
    const Hopnhat__Field *found = record ? record_field(record, field) : NULL;
    return found ? found->n_entries : 0;
}

static inline const char *shown_text(struct fixture *fixture, uint8_t number, uint32_t field, size_t place)
{
    const Hopnhat__Record *record = shown(fixture, number);
    const Hopnhat__Field *found = record ? record_field(record, field) : NULL;
    if (!found || found->n_entries <= place)
        return "";
    const Hopnhat__Entry *at = found->entries[place];
    return arena_string(&fixture->arena, at->value.data, at->value.len);
}

#endif
