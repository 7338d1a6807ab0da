/* A bundle's form: what was put in comes out at whom it was made for, and nothing else is taken. */
#include "base/limits.h"
#include "net/bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct link_keys hub, office, stranger;
static struct signing_keys signer, other_signer;
static struct entropy entropy;
static struct arena arena;
static struct error error;

static int setup(void **state)
{
    (void)state;
    assert_true(keys_start(&error));
    link_keys_generate(&hub);
    link_keys_generate(&office);
    link_keys_generate(&stranger);
    signing_keys_generate(&signer);
    signing_keys_generate(&other_signer);
    entropy = entropy_system();
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static bool add(struct bundle *bundle, uint32_t retry_ms)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Busy busy = HOPNHAT__BUSY__INIT;
    busy.retry_ms = retry_ms;
    message.body_case = HOPNHAT__MESSAGE__BODY_BUSY;
    message.busy = &busy;
    return bundle_add(bundle, &message, &error);
}

static struct bytes finish(struct bundle *bundle)
{
    Hopnhat__BundleHeader header = HOPNHAT__BUNDLE_HEADER__INIT;
    struct bytes file;
    header.kind = HOPNHAT__BUNDLE_KIND__BUNDLE_CHANGES;
    header.office = (char[]){"da-nang"};
    header.link_key = (ProtobufCBinaryData){LINK_KEY_BYTES, office.public_key};
    header.hub_key = (ProtobufCBinaryData){LINK_KEY_BYTES, hub.public_key};
    header.made_ms = 1700000000000;
    const struct bundle_parties parties = {&header, hub.public_key, &signer, &entropy};
    assert_true(bundle_finish(bundle, &parties, &arena, &file, &error));
    bundle_release(bundle);
    return file;
}

static struct bytes make(void)
{
    struct bundle bundle;
    assert_true(bundle_start(&bundle, &error));
    for (uint32_t i = 0; i < 3; i++)
        assert_true(add(&bundle, i));
    return finish(&bundle);
}

/* Whether header and content are taken, as the hub would. */
static bool is_taken(struct bytes file)
{
    struct bundle_reader reader = {0};
    struct arena own;
    arena_init(&own, LIMIT_MESSAGE_ARENA_BYTES);
    bool taken = bundle_header(file, HOPNHAT__BUNDLE_KIND__BUNDLE_CHANGES, &own, &error) &&
                 bundle_open(&reader, file, signer.public_key, &hub, &own, &error);
    bundle_close(&reader);
    arena_release(&own);
    return taken;
}

static void what_was_put_in_comes_out(void **state)
{
    struct bundle_reader reader;
    struct bytes file = make();
    bool end;
    (void)state;
    const Hopnhat__BundleHeader *header =
        bundle_header(file, HOPNHAT__BUNDLE_KIND__BUNDLE_CHANGES, &arena, &error);
    assert_non_null(header);
    assert_string_equal(header->office, "da-nang");
    assert_int_equal(header->made_ms, 1700000000000);
    assert_memory_equal(header->link_key.data, office.public_key, LINK_KEY_BYTES);
    assert_true(bundle_open(&reader, file, signer.public_key, &hub, &arena, &error));
    for (uint32_t i = 0; i < 3; i++) {
        const Hopnhat__Message *message = bundle_next(&reader, &arena, &end, &error);
        assert_non_null(message);
        assert_int_equal(message->busy->retry_ms, i);
    }
    assert_null(bundle_next(&reader, &arena, &end, &error));
    assert_true(end);
    bundle_close(&reader);
}

static void a_torn_file_is_refused(void **state)
{
    struct bytes file = make();
    (void)state;
    assert_true(is_taken(file));
    for (size_t size = 0; size < file.size; size++) {
        assert_false(is_taken(bytes_of(file.data, size)));
        if (size >= 20)
            assert_non_null(strstr(error.text, "cut short"));
    }
}

static void a_changed_file_is_refused(void **state)
{
    struct bytes file = make();
    uint8_t *copy = arena_alloc(&arena, file.size + 1);
    (void)state;
    assert_non_null(copy);
    for (size_t bit = 0; bit < 8 * file.size; bit++) {
        memcpy(copy, file.data, file.size);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(is_taken(bytes_of(copy, file.size)));
    }
    memcpy(copy, file.data, file.size);
    copy[file.size] = 0;
    assert_false(is_taken(bytes_of(copy, file.size + 1)));
}

static void only_who_is_meant_may_open_it(void **state)
{
    struct bundle_reader reader;
    struct bytes file = make();
    (void)state;
    assert_null(bundle_header(file, HOPNHAT__BUNDLE_KIND__BUNDLE_ANSWER, &arena, &error));
    assert_int_equal(error.code, ERROR_INPUT);
    assert_non_null(strstr(error.text, "hopnhat-hub"));
    assert_false(bundle_open(&reader, file, other_signer.public_key, &hub, &arena, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    bundle_close(&reader);
    assert_false(bundle_open(&reader, file, signer.public_key, &stranger, &arena, &error));
    assert_int_equal(error.code, ERROR_REFUSED);
    bundle_close(&reader);
}

static void it_is_bounded(void **state)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Bye bye = HOPNHAT__BYE__INIT;
    enum { TEXT_BYTES = 1024 * 1024 };
    struct bundle bundle;
    char *text = arena_alloc(&arena, TEXT_BYTES + 1);
    uint64_t random = 88172645463325252u;
    size_t count = 0;
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < TEXT_BYTES; i++) { /* xorshift64, Marsaglia 2003: hardly compressed */
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        text[i] = (char)('!' + random % 90);
    }
    text[TEXT_BYTES] = '\0';
    bye.reason = text;
    message.body_case = HOPNHAT__MESSAGE__BODY_BYE;
    message.bye = &bye;
    assert_true(bundle_start(&bundle, &error));
    while (!bundle.full && count < 100) {
        assert_true(bundle_add(&bundle, &message, &error));
        count += !bundle.full;
    }
    assert_in_range(count, LIMIT_BUNDLE_BYTES / TEXT_BYTES, 2 * LIMIT_BUNDLE_BYTES / TEXT_BYTES);
    struct bytes file = finish(&bundle);
    assert_true(file.size < LIMIT_BUNDLE_BYTES + 4096);
    assert_true(is_taken(file));
    /* nor does whoever makes one otherwise get more of it opened */
    struct bundle_reader reader;
    uint8_t *longer = arena_alloc(&arena, file.size + TEXT_BYTES);
    assert_non_null(longer);
    memcpy(longer, file.data, file.size);
    memset(longer + file.size, 0, TEXT_BYTES);
    assert_false(bundle_open(&reader, bytes_of(longer, file.size + TEXT_BYTES), signer.public_key, &hub,
                             &arena, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_put_in_comes_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_file_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_file_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(only_who_is_meant_may_open_it, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
