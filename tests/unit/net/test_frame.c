#include "net/frame.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <zstd.h>

#include <cmocka.h>

enum { FLAG_PLAIN = 0, FLAG_ZSTD = 1, FLAG_DICTIONARY = 2 };

struct fixture {
    struct frame_codec *codec;
    struct frame_buffer buffer;
    struct arena arena;
    struct error error;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    arena_init(&fixture.arena, LIMIT_MESSAGE_ARENA_BYTES);
    fixture.codec = frame_codec_new(&fixture.error);
    *state = &fixture;
    return fixture.codec ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    frame_codec_free(fixture->codec);
    frame_buffer_release(&fixture->buffer);
    arena_release(&fixture->arena);
    return 0;
}

/* A Bye whose reason is that text; the message lives as long as *bye. */
static Hopnhat__Message bye_message(Hopnhat__Bye *bye, char *reason)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    hopnhat__bye__init(bye);
    bye->reason = reason;
    message.has_request = 1;
    message.request = 7;
    message.body_case = HOPNHAT__MESSAGE__BODY_BYE;
    message.bye = bye;
    return message;
}

/* size characters, either all alike or such as do not compress. */
static char *make_text(size_t size, bool random)
{
    char *text = malloc(size + 1);
    uint64_t seed = 42;
    assert_non_null(text);
    for (size_t i = 0; i < size; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        text[i] = random ? (char)(1 + (seed >> 33) % 127) : 'a';
    }
    text[size] = '\0';
    return text;
}

static void assert_round_trip(struct fixture *fixture, size_t size, bool random, int flag)
{
    Hopnhat__Bye bye;
    char *reason = make_text(size, random);
    Hopnhat__Message message = bye_message(&bye, reason);
    assert_true(frame_pack(fixture->codec, &message, &fixture->buffer, &fixture->error));
    struct bytes frame = frame_buffer_bytes(&fixture->buffer);
    assert_int_equal(frame.data[0], flag);
    assert_true(frame.size <= hopnhat__message__get_packed_size(&message) + 1);
    Hopnhat__Message *read = frame_unpack(fixture->codec, frame, &fixture->arena, &fixture->error);
    assert_non_null(read);
    assert_int_equal(read->request, 7);
    assert_int_equal(read->body_case, HOPNHAT__MESSAGE__BODY_BYE);
    assert_string_equal(read->bye->reason, reason);
    free(reason);
}

static void frames_come_back_as_they_went(void **state)
{
    struct fixture *fixture = *state;
    assert_round_trip(fixture, 0, false, FLAG_PLAIN);
    assert_round_trip(fixture, 60, false, FLAG_PLAIN);
    assert_round_trip(fixture, 200, false, FLAG_DICTIONARY);
    assert_round_trip(fixture, 5000, false, FLAG_DICTIONARY);
    assert_round_trip(fixture, 10000, false, FLAG_ZSTD);
    assert_round_trip(fixture, 300, true, FLAG_PLAIN);
    assert_round_trip(fixture, 2000000, false, FLAG_ZSTD);
    assert_round_trip(fixture, 60, false, FLAG_PLAIN);
}

static void an_empty_message_is_a_frame(void **state)
{
    struct fixture *fixture = *state;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    assert_true(frame_pack(fixture->codec, &message, &fixture->buffer, &fixture->error));
    assert_int_equal(fixture->buffer.size, 1);
    Hopnhat__Message *read =
        frame_unpack(fixture->codec, frame_buffer_bytes(&fixture->buffer), &fixture->arena, &fixture->error);
    assert_non_null(read);
    assert_int_equal(read->body_case, HOPNHAT__MESSAGE__BODY__NOT_SET);
}

static void packing_keeps_the_bounds(void **state)
{
    struct fixture *fixture = *state;
    Hopnhat__Bye bye;
    char *reason = make_text(LIMIT_MESSAGE_BYTES, false);
    Hopnhat__Message message = bye_message(&bye, reason);
    assert_false(frame_pack(fixture->codec, &message, &fixture->buffer, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_LIMIT);
    assert_int_equal(fixture->buffer.size, 0);
    free(reason);
    /* below the bound of a message, and too large as a frame as it does not compress to half */
    reason = make_text(LIMIT_MESSAGE_BYTES - 100, true);
    message = bye_message(&bye, reason);
    assert_false(frame_pack(fixture->codec, &message, &fixture->buffer, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_LIMIT);
    assert_int_equal(fixture->buffer.size, 0);
    free(reason);
}

/* Unpacks from an exact copy on the heap, so that ASan sees a read past its end. */
static Hopnhat__Message *unpack_copy(struct fixture *fixture, const void *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, data, size);
    fixture->error = (struct error){0};
    Hopnhat__Message *message =
        frame_unpack(fixture->codec, bytes_of(copy, size), &fixture->arena, &fixture->error);
    free(copy);
    return message;
}

static void assert_refused(struct fixture *fixture, const void *data, size_t size, enum error_code code)
{
    assert_null(unpack_copy(fixture, data, size));
    assert_int_equal(fixture->error.code, code);
    arena_reset(&fixture->arena);
}

/* A frame of flag 1 around size zero bytes. */
static size_t make_bomb(size_t size, uint8_t *frame, size_t capacity)
{
    uint8_t *zeros = calloc(1, size);
    assert_non_null(zeros);
    frame[0] = FLAG_ZSTD;
    size_t packed = ZSTD_compress(frame + 1, capacity - 1, zeros, size, 3);
    free(zeros);
    assert_false(ZSTD_isError(packed));
    return packed + 1;
}

static void bombs_are_refused_before_they_unfold(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t frame[1 << 20];
    size_t size = make_bomb((size_t)LIMIT_MESSAGE_BYTES + 1, frame, sizeof frame);
    assert_refused(fixture, frame, size, ERROR_LIMIT);
    assert_int_equal(fixture->arena.used_bytes, 0);
    /* one whose header names less than it holds */
    size = make_bomb(1000000, frame, sizeof frame);
    uint8_t liar[64] = {FLAG_ZSTD};
    size_t small = ZSTD_compress(liar + 1, sizeof liar - 1, "abcdefgh", 8, 3);
    assert_false(ZSTD_isError(small));
    assert_int_equal(liar[6], 8); /* the content size */
    liar[6] = 7;
    assert_refused(fixture, liar, small + 1, ERROR_CORRUPT);
    liar[6] = 9;
    assert_refused(fixture, liar, small + 1, ERROR_CORRUPT);
}

static void a_compressed_frame_names_its_size_and_stands_alone(void **state)
{
    struct fixture *fixture = *state;
    uint8_t frame[512] = {FLAG_ZSTD};
    ZSTD_CCtx *compressor = ZSTD_createCCtx();
    assert_non_null(compressor);
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_contentSizeFlag, 0);
    size_t size = ZSTD_compress2(compressor, frame + 1, sizeof frame - 1, "", 0);
    ZSTD_freeCCtx(compressor);
    assert_false(ZSTD_isError(size));
    assert_refused(fixture, frame, size + 1, ERROR_CORRUPT);

    size = ZSTD_compress(frame + 1, sizeof frame - 1, "", 0, 3);
    assert_non_null(unpack_copy(fixture, frame, size + 1));
    frame[size + 1] = 0;
    assert_refused(fixture, frame, size + 2, ERROR_CORRUPT);
    size_t second = ZSTD_compress(frame + 1 + size, sizeof frame - 1 - size, "", 0, 3);
    assert_refused(fixture, frame, 1 + size + second, ERROR_CORRUPT);
}

static void cut_frames_are_refused(void **state)
{
    struct fixture *fixture = *state;
    for (int random = 0; random < 2; random++) {
        Hopnhat__Bye bye;
        char *reason = make_text(400, random);
        Hopnhat__Message message = bye_message(&bye, reason);
        assert_true(frame_pack(fixture->codec, &message, &fixture->buffer, &fixture->error));
        struct bytes frame = frame_buffer_bytes(&fixture->buffer);
        assert_refused(fixture, frame.data, 0, ERROR_CORRUPT);
        /* a plain message that ends between two fields is a message */
        size_t first = frame.data[0] == FLAG_PLAIN ? 7 : 1;
        for (size_t size = first; size < frame.size; size++)
            assert_refused(fixture, frame.data, size, ERROR_CORRUPT);
        free(reason);
    }
}

/* A frame that says which dictionary it needs is not taken for one with another, or with none. */
static void a_dictionary_that_is_not_ours_is_refused(void **state)
{
    struct fixture *fixture = *state;
    Hopnhat__Bye bye;
    char *reason = make_text(1000, false);
    Hopnhat__Message message = bye_message(&bye, reason);
    assert_true(frame_pack(fixture->codec, &message, &fixture->buffer, &fixture->error));
    uint8_t frame[1000];
    size_t size = fixture->buffer.size;
    assert_in_range(size, 10, sizeof frame);
    memcpy(frame, fixture->buffer.data, size);
    assert_int_equal(frame[0], FLAG_DICTIONARY);
    frame[0] = FLAG_ZSTD;
    assert_refused(fixture, frame, size, ERROR_CORRUPT);
    frame[0] = FLAG_DICTIONARY;
    assert_non_null(unpack_copy(fixture, frame, size));
    assert_int_equal(frame[6], 1); /* the dictionary's number */
    frame[6] = 2;
    assert_refused(fixture, frame, size, ERROR_CORRUPT);
    frame[0] = FLAG_DICTIONARY;
    size_t plain = ZSTD_compress(frame + 1, sizeof frame - 1, "abcdefgh", 8, 3);
    assert_refused(fixture, frame, plain + 1, ERROR_CORRUPT);
    free(reason);
}

static void unknown_codings_and_large_frames_are_refused(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned flag = 3; flag < 256; flag++) {
        uint8_t frame[] = {(uint8_t)flag, 0, 0};
        assert_refused(fixture, frame, sizeof frame, ERROR_CORRUPT);
    }
    uint8_t *large = calloc(1, (size_t)LIMIT_FRAME_BYTES + 1);
    assert_non_null(large);
    assert_refused(fixture, large, (size_t)LIMIT_FRAME_BYTES + 1, ERROR_LIMIT);
    free(large);
}

static void garbage_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    uint64_t seed = 1;
    Hopnhat__Bye bye;
    char *reason = make_text(600, false);
    Hopnhat__Message message = bye_message(&bye, reason);
    assert_true(frame_pack(fixture->codec, &message, &fixture->buffer, &fixture->error));
    free(reason);
    struct bytes good = frame_buffer_bytes(&fixture->buffer);
    for (int round = 0; round < 20000; round++) {
        uint8_t frame[64];
        size_t size = good.size < sizeof frame ? good.size : sizeof frame;
        memcpy(frame, good.data, size);
        for (int flips = 0; flips < 3; flips++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            frame[(seed >> 33) % size] ^= (uint8_t)(seed >> 50);
        }
        if (round % 2)
            frame[0] = FLAG_PLAIN;
        unpack_copy(fixture, frame, size);
        arena_reset(&fixture->arena);
    }
}

static void a_message_that_outgrows_the_arena_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct arena small;
    char *reason = make_text(100000, false);
    Hopnhat__Bye bye;
    Hopnhat__Message message = bye_message(&bye, reason);
    assert_true(frame_pack(fixture->codec, &message, &fixture->buffer, &fixture->error));
    free(reason);
    for (size_t limit = 0; limit < 210000; limit += 9973) {
        arena_init(&small, limit);
        Hopnhat__Message *read =
            frame_unpack(fixture->codec, frame_buffer_bytes(&fixture->buffer), &small, &fixture->error);
        if (limit < 200000)
            assert_null(read);
        arena_release(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_come_back_as_they_went, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_message_is_a_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packing_keeps_the_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bombs_are_refused_before_they_unfold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_compressed_frame_names_its_size_and_stands_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(cut_frames_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dictionary_that_is_not_ours_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_codings_and_large_frames_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(garbage_does_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_that_outgrows_the_arena_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
