/* Frames where memory runs out, and where zstd fails: the linker puts the functions of this file in the place
 * of the real ones (tests/CMakeLists.txt). */
#include "base/limits.h"
#include "net/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <zstd.h>

#include <cmocka.h>

static long left = -1; /* calls that succeed from now on; -1: all */
static bool compression_fails, compression_is_in_vain;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
ZSTD_CCtx *__real_ZSTD_createCCtx(void);
ZSTD_DCtx *__real_ZSTD_createDCtx(void);
ZSTD_CDict *__real_ZSTD_createCDict(const void *dictionary, size_t size, int level);
ZSTD_DDict *__real_ZSTD_createDDict(const void *dictionary, size_t size);
size_t __real_ZSTD_compressCCtx(ZSTD_CCtx *context, void *to, size_t room, const void *from, size_t size,
                                int level);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
ZSTD_CCtx *__wrap_ZSTD_createCCtx(void);
ZSTD_DCtx *__wrap_ZSTD_createDCtx(void);
ZSTD_CDict *__wrap_ZSTD_createCDict(const void *dictionary, size_t size, int level);
ZSTD_DDict *__wrap_ZSTD_createDDict(const void *dictionary, size_t size);
size_t __wrap_ZSTD_compressCCtx(ZSTD_CCtx *context, void *to, size_t room, const void *from, size_t size,
                                int level);

static bool spent(void)
{
    if (left < 0)
        return false;
    return left-- == 0 ? (left = 0, true) : false;
}

void *__wrap_malloc(size_t size)
{
    return spent() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return spent() ? NULL : __real_calloc(count, size);
}

ZSTD_CCtx *__wrap_ZSTD_createCCtx(void)
{
    return spent() ? NULL : __real_ZSTD_createCCtx();
}

ZSTD_DCtx *__wrap_ZSTD_createDCtx(void)
{
    return spent() ? NULL : __real_ZSTD_createDCtx();
}

ZSTD_CDict *__wrap_ZSTD_createCDict(const void *dictionary, size_t size, int level)
{
    return spent() ? NULL : __real_ZSTD_createCDict(dictionary, size, level);
}

ZSTD_DDict *__wrap_ZSTD_createDDict(const void *dictionary, size_t size)
{
    return spent() ? NULL : __real_ZSTD_createDDict(dictionary, size);
}

size_t __wrap_ZSTD_compressCCtx(ZSTD_CCtx *context, void *to, size_t room, const void *from, size_t size,
                                int level)
{
    if (compression_fails)
        return (size_t)-64; /* an error code of zstd's */
    if (compression_is_in_vain)
        return size;
    return __real_ZSTD_compressCCtx(context, to, room, from, size, level);
}

static struct frame_codec *codec;
static struct frame_buffer buffer;
static struct error error;
static char reason[8001];

static bool pack(size_t size)
{
    Hopnhat__Bye bye = HOPNHAT__BYE__INIT;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    memset(reason, 'a', size);
    reason[size] = '\0';
    bye.reason = reason;
    message.body_case = HOPNHAT__MESSAGE__BODY_BYE;
    message.bye = &bye;
    return frame_pack(codec, &message, &buffer, &error);
}

/* Fails with ERROR_MEMORY while calls run out, then succeeds; what failed left nothing in the buffer. */
static unsigned starve(size_t size)
{
    for (unsigned failed = 0; failed < 20; failed++) {
        frame_buffer_release(&buffer);
        codec = frame_codec_new(&error);
        assert_non_null(codec);
        left = (long)failed;
        bool done = pack(size);
        left = -1;
        frame_codec_free(codec);
        if (done)
            return failed;
        assert_int_equal(error.code, ERROR_MEMORY);
        assert_int_equal(buffer.size, 0);
    }
    fail_msg("it never succeeds");
    return 0;
}

static void a_codec_is_whole_or_not_there(void **state)
{
    (void)state;
    for (left = 0; left < 5;) {
        long calls = left;
        assert_null(frame_codec_new(&error));
        assert_int_equal(error.code, ERROR_MEMORY);
        left = calls + 1;
    }
    left = -1;
    frame_codec_free(NULL);
}

static void packing_without_memory(void **state)
{
    (void)state;
    assert_int_equal(starve(10), 1);
    assert_int_equal(starve(8000), 2);
    compression_is_in_vain = true;
    assert_true(starve(8000) >= 2);
    assert_int_equal(buffer.data[0], 0);
    compression_is_in_vain = false;
}

static void compression_that_fails(void **state)
{
    (void)state;
    codec = frame_codec_new(&error);
    compression_fails = true;
    assert_false(pack(8000));
    assert_int_equal(error.code, ERROR_MEMORY);
    compression_fails = false;
    assert_true(pack(8000));
    frame_codec_free(codec);
    frame_buffer_release(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_codec_is_whole_or_not_there),
        cmocka_unit_test(packing_without_memory),
        cmocka_unit_test(compression_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
