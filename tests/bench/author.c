#include "author.h"

#include "base/uuid.h"
#include "hub/enrolment.h"
#include "hub/headquarters.h"
#include "hub/registry.h"
#include "model/catalog_yaml.h"

#include <stdio.h>
#include <sys/time.h>

enum { PARTNER = 16 };

static uint64_t wall_ms(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

static bool load_catalog(struct arena *arena, struct bytes *packed, struct error *error)
{
    struct catalog_errors *errors = arena_alloc(arena, sizeof *errors);
    char *text = arena_alloc(arena, LIMIT_CATALOG_BYTES);
    FILE *file = fopen(SOURCE_DIR "/deploy/catalog/vufo.yaml", "rb");
    size_t size = file && text ? fread(text, 1, LIMIT_CATALOG_BYTES, file) : 0;
    if (file)
        fclose(file);
    return (size && errors && catalog_from_yaml(bytes_of(text, size), "vufo.yaml", arena, packed, errors)) ||
           error_set(error, ERROR_INPUT, "the default catalog cannot be read");
}

struct hub *author_make_hub(const char *directory, struct error *error)
{
    struct hub_options options = {.take_lock = true, .entropy = entropy_system()};
    struct arena arena;
    struct bytes catalog;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool made =
        load_catalog(&arena, &catalog, error) && hub_init(directory, &options, catalog, wall_ms(), error);
    arena_release(&arena);
    return made ? hub_open(directory, &options, error) : NULL;
}

uint64_t author_random(struct author *author)
{
    author->random ^= author->random << 13; /* xorshift64, Marsaglia 2003 */
    author->random ^= author->random >> 7;
    author->random ^= author->random << 17;
    return author->random;
}

static struct new_op put(uint32_t field, const char *value)
{
    return (struct new_op){.field = field, .kind = HOPNHAT__OP_KIND__PUT, .value = bytes_of_string(value)};
}

static bool add_office(struct hub *hub, const char *office, struct error *error)
{
    struct new_op ops[] = {put(HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, GROUP_EVERYONE),
                           put(HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, HEADQUARTERS_OWNER),
                           put(OFFICE_CODE, office), put(OFFICE_NAME, office)};
    struct new_edit edit = {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, .ops = ops, .op_count = 4};
    office_record_id(office, edit.record);
    return headquarters_write(hub, &edit, 1, NULL, wall_ms(), error);
}

static bool join(struct author *author, struct hub *hub, const char *office, struct error *error)
{
    char text[ENROLMENT_CODE_TEXT_BYTES];
    struct enrolment_code code;
    struct link_keys once;
    Hopnhat__Join message = HOPNHAT__JOIN__INIT;
    link_keys_generate(&author->link_keys);
    signing_keys_generate(&author->signing_keys);
    message.protocol = PROTOCOL_VERSION;
    message.link_key = (ProtobufCBinaryData){LINK_KEY_BYTES, author->link_keys.public_key};
    message.signing_key = (ProtobufCBinaryData){SIGNING_KEY_BYTES, author->signing_keys.public_key};
    return enrolment_create(hub, office, wall_ms(), 60000, text, error) &&
           enrolment_code_parse(text, &code, error) && link_keys_from_seed(&once, code.seed, error) &&
           enrolment_join(hub, once.public_key, &message, wall_ms(), &author->arena, error);
}

static bool say_hello(struct author *author, struct hub *hub, const struct hub_outlet *outlet,
                      struct error *error)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Hello hello = HOPNHAT__HELLO__INIT;
    Hopnhat__LogHead log = HOPNHAT__LOG_HEAD__INIT, *logs[] = {&log};
    struct link_peer peer = {.connection = 1};
    memcpy(peer.key, author->link_keys.public_key, LINK_KEY_BYTES);
    keys_random(&author->replica, sizeof author->replica);
    log.replica = author->replica;
    chain_start(author->replica, author->link);
    hello.protocol = PROTOCOL_VERSION;
    hello.time = time_of_ms(wall_ms());
    hello.logs = logs;
    hello.n_logs = 1;
    message.has_request = true;
    message.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    hub->pace = (struct pace){0}; /* where joins are fast many begin at once, and the hub would be Busy */
    hub_receive(hub, &peer, &message, wall_ms(), outlet);
    const struct hub_session *session;
    HASH_FIND(hh, hub->sessions, peer.key, LINK_KEY_BYTES, session);
    return session || error_set(error, ERROR_INTERNAL, "the hub did not welcome the bench");
}

bool author_start(struct author *author, struct hub *hub, const char *office, const struct hub_outlet *outlet,
                  struct error *error)
{
    *author = (struct author){.random = UINT64_C(0x853c49e6748fea9b)};
    arena_init(&author->arena, (size_t)LIMIT_MESSAGE_ARENA_BYTES * 4);
    author->catalog_tag = catalog_tag(hub->catalog);
    author->group = GROUP_EVERYONE;
    snprintf(author->office, sizeof author->office, "%s", office);
    return (registry_office(hub, office) || add_office(hub, office, error)) &&
           join(author, hub, office, error) && say_hello(author, hub, outlet, error);
}

void author_end(struct author *author)
{
    arena_release(&author->arena);
}

static bool add_change(struct author *author, Hopnhat__Push *push, const struct new_edit *edit,
                       struct error *error)
{
    struct bytes stored;
    struct change change;
    struct new_change fresh = {.replica = author->replica,
                               .time = time_of_ms(wall_ms()),
                               .catalog_tag = author->catalog_tag,
                               .author = "bench",
                               .edits = edit,
                               .edit_count = 1};
    for (size_t i = 0; i < SEED_BYTES; i++)
        fresh.seed[i] = (uint8_t)author_random(author);
    if (!change_pack(&fresh, &author->arena, &stored, error) ||
        !change_unpack(&change, (struct dot){author->replica, author->seq + 1}, stored, &author->arena,
                       error) ||
        !chain_next(author->link, change.logged, author->link, error))
        return false;
    author->seq++;
    push->changes[push->n_changes++] =
        (ProtobufCBinaryData){stored.size, arena_copy(&author->arena, stored.data, stored.size)};
    return true;
}

static Hopnhat__Message *begin_push(struct author *author, size_t count)
{
    arena_reset(&author->arena);
    Hopnhat__Message *message = arena_alloc(&author->arena, sizeof *message);
    Hopnhat__Push *push = arena_alloc(&author->arena, sizeof *push);
    hopnhat__message__init(message);
    hopnhat__push__init(push);
    push->changes = arena_alloc(&author->arena, count * sizeof *push->changes);
    push->first = author->seq + 1;
    message->has_request = true;
    message->request = ++author->request;
    message->body_case = HOPNHAT__MESSAGE__BODY_PUSH;
    message->push = push;
    return message;
}

static Hopnhat__Message *sign(struct author *author, Hopnhat__Message *message)
{
    uint8_t text[SIGNED_LINK_BYTES];
    chain_signed_text(author->replica, author->seq, author->link, text);
    message->push->signature.len = SIGNATURE_BYTES;
    message->push->signature.data = arena_alloc(&author->arena, SIGNATURE_BYTES);
    keys_sign(&author->signing_keys, bytes_of(text, sizeof text), message->push->signature.data);
    return message;
}

Hopnhat__Message *author_new_records(struct author *author, size_t count, struct made *made,
                                     struct error *error)
{
    static const char *const names[] = {"Hội Hữu nghị", "Quỹ Phát triển", "Medical Committee",
                                        "Enfants du Mékong"};
    static const char *const countries[] = {"FR", "US", "NL", "JP"};
    Hopnhat__Message *message = begin_push(author, count);
    for (size_t i = 0; i < count; i++) {
        char name[80], note[120], amount[24], since[16];
        uint8_t random[10];
        struct record_id id;
        uint64_t number = author_random(author);
        for (size_t j = 0; j < sizeof random; j++)
            random[j] = (uint8_t)author_random(author);
        record_id_generate(&id, wall_ms(), random);
        memcpy(made[i].id, id.bytes, RECORD_ID_BYTES);
        made[i].standing = (struct entry_id){{author->replica, author->seq + 1}, 7};
        snprintf(name, sizeof name, "%s %llu", names[number % 4], (unsigned long long)(number >> 40));
        snprintf(note, sizeof note,
                 "gặp tại hội nghị tháng %llu, hẹn làm việc lại; nhập từ phiếu giấy số %llu",
                 (unsigned long long)(number % 12 + 1), (unsigned long long)(number >> 44));
        snprintf(amount, sizeof amount, "%llu", (unsigned long long)(number % 9000000 + 1));
        snprintf(since, sizeof since, "%llu-0%llu-1%llu", (unsigned long long)(number % 30 + 1990),
                 (unsigned long long)(number % 9 + 1), (unsigned long long)(number % 8));
        struct new_op ops[] = {put(HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, author->group),
                               put(HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, author->office),
                               put(16, name),
                               put(19, countries[number % 4]),
                               put(20, "Trẻ em"),
                               put(21, since),
                               put(22, "active"),
                               put(17, note)};
        struct new_edit edit = {.type = PARTNER, .ops = ops, .op_count = sizeof ops / sizeof *ops};
        memcpy(edit.record, id.bytes, 16);
        if (!add_change(author, message->push, &edit, error))
            return NULL;
    }
    return sign(author, message);
}

Hopnhat__Message *author_updates(struct author *author, size_t count, struct made *made, size_t made_count,
                                 struct error *error)
{
    Hopnhat__Message *message = begin_push(author, count);
    for (size_t i = 0; i < count; i++) {
        char note[100];
        struct made *record = &made[author_random(author) % made_count];
        snprintf(note, sizeof note, "đã trao đổi thư từ lần %llu",
                 (unsigned long long)(author_random(author) >> 32));
        struct new_op op = put(17, note);
        struct new_edit edit = {.type = PARTNER, .ops = &op, .op_count = 1};
        op.superseded = (struct entry_list){.ids = &record->standing, .count = 1};
        memcpy(edit.record, record->id, RECORD_ID_BYTES);
        if (!add_change(author, message->push, &edit, error))
            return NULL;
        record->standing = (struct entry_id){{author->replica, author->seq}, 0};
    }
    return sign(author, message);
}
