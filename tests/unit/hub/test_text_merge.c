#include "hub/text_merge.h"

#include "unit/lib/model.h"

#include <git2.h>
#include <stdio.h>

static struct arena arena;

/* libgit2 where it fails: the linker puts these in the place of its own (tests/CMakeLists.txt). */
static const char *reason; /* NULL: it does not fail; empty: it does not say why */

int __real_git_libgit2_init(void);
int __real_git_merge_file(git_merge_file_result *out, const git_merge_file_input *base,
                          const git_merge_file_input *left, const git_merge_file_input *right,
                          const git_merge_file_options *options);
int __wrap_git_libgit2_init(void);
int __wrap_git_merge_file(git_merge_file_result *out, const git_merge_file_input *base,
                          const git_merge_file_input *left, const git_merge_file_input *right,
                          const git_merge_file_options *options);

static int fail_for_a_reason(void)
{
    git_error_clear();
    if (*reason)
        git_error_set_str(GIT_ERROR_MERGE, reason);
    return -1;
}

int __wrap_git_libgit2_init(void)
{
    return reason ? fail_for_a_reason() : __real_git_libgit2_init();
}

int __wrap_git_merge_file(git_merge_file_result *out, const git_merge_file_input *base,
                          const git_merge_file_input *left, const git_merge_file_input *right,
                          const git_merge_file_options *options)
{
    return reason ? fail_for_a_reason() : __real_git_merge_file(out, base, left, right, options);
}

static int setup(void **state)
{
    struct error error;
    (void)state;
    arena_init(&arena, TEST_ARENA_BYTES);
    return text_merge_start(&error) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    text_merge_end();
    arena_release(&arena);
    return 0;
}

/* NULL: it is not merged. */
static void expect(const char *base, const char *left, const char *right, const char *expected)
{
    struct bytes merged = {0};
    struct error error;
    bool clean;
    for (unsigned turn = 0; turn < 2; turn++) {
        if (!text_merge(text(base), text(turn ? right : left), text(turn ? left : right), &arena, &merged,
                        &clean, &error))
            fail_msg("%s", error.text);
        assert_int_equal(clean, expected != NULL);
        if (expected && !bytes_equal(merged, text(expected)))
            fail_msg("\"%.*s\" instead of \"%s\"", (int)merged.size, (const char *)merged.data, expected);
    }
}

static void different_paragraphs_are_merged(void **state)
{
    (void)state;
    expect("a\nb\nc", "A\nb\nc", "a\nb\nC", "A\nb\nC");
    expect("a\nb\nc", "A\nb\nc", "a\nB\nc", "A\nB\nc"); /* neighbours */
    expect("a\nb\nc\nd", "a\nb\nx\nc\nd", "a\nb\nc\nd\ny", "a\nb\nx\nc\nd\ny");
    expect("a\nb\nc\nd", "b\nc\nd", "a\nb\nc\nD", "b\nc\nD");
    expect("a\n\nb\n\nc", "A\n\nb\n\nc", "a\n\nB\n\nc", "A\n\nB\n\nc"); /* blank lines between them */
    expect("a\nb\n", "A\nb\n", "a\nb\n\n", "A\nb\n\n");                 /* and at the end */
    expect("\na\nb", "\nA\nb", "\na\nb\nc", "\nA\nb\nc");               /* and at the beginning */
    expect("một\nhai\nba", "Một\nhai\nba", "một\nhai\nBa", "Một\nhai\nBa");
}

static void the_same_alteration_is_one(void **state)
{
    (void)state;
    expect("a\nb\nc", "A\nb\nc", "A\nb\nC", "A\nb\nC");
    expect("", "a", "a", "a");
    expect("a\nb", "a\nb\nc", "a\nb\nc", "a\nb\nc");
}

static void one_paragraph_altered_twice_is_for_a_person(void **state)
{
    (void)state;
    expect("a\nb\nc", "a\nx\nc", "a\ny\nc", NULL);
    expect("a\nb\nc", "a\nx\nc", "a\nc", NULL);
    expect("a", "a\nx", "a\ny", NULL); /* which goes first? */
    expect("", "a", "b", NULL);
}

static void marks_of_the_merge_are_text_like_any_other(void **state)
{
    (void)state;
    expect("|\n<<<<<<<\n=======\n>>>>>>>\n|x", "|\n<<<<<<<\n=======\n>>>>>>>\n|y",
           "|!\n<<<<<<<\n=======\n>>>>>>>\n|x", "|!\n<<<<<<<\n=======\n>>>>>>>\n|y");
}

enum { PARAGRAPHS = 12, TEXTS = 3000, TEXT_BYTES = 400 };

/* A text as the paragraphs that are in it: 0 none, 1 as in the base, else somebody's. Behind each place may
 * stand one that was put in. */
struct plain {
    unsigned at[PARAGRAPHS], behind[PARAGRAPHS];
};

static void write_plain(const struct plain *plain, char to[TEXT_BYTES])
{
    size_t size = 0;
    to[0] = '\0';
    for (unsigned i = 0; i < PARAGRAPHS; i++) {
        if (plain->at[i])
            size +=
                (size_t)snprintf(to + size, TEXT_BYTES - size, "%s%u.%u", size ? "\n" : "", i, plain->at[i]);
        if (plain->behind[i])
            size += (size_t)snprintf(to + size, TEXT_BYTES - size, "%s%u+%u", size ? "\n" : "", i,
                                     plain->behind[i]);
    }
}

/* Alterations with an untouched paragraph between them are always merged, into just what both did. */
static void far_alterations_are_never_lost(void **state)
{
    (void)state;
    struct dice dice = {7};
    for (unsigned round = 0; round < TEXTS; round++) {
        struct plain base = {0}, left, right, both;
        char texts[4][TEXT_BYTES];
        for (unsigned i = 0; i < PARAGRAPHS; i++)
            base.at[i] = 1;
        left = right = both = base;
        for (unsigned i = 1; i < PARAGRAPHS - 1; i += 3) {
            struct plain *one = dice_percent(&dice, 50) ? &left : &right;
            unsigned writer = one == &left ? 2 : 3, what = dice_below(&dice, 4);
            if (what == 0)
                one->at[i] = both.at[i] = writer;
            else if (what == 1)
                one->at[i] = both.at[i] = 0;
            else if (what == 2)
                one->behind[i] = both.behind[i] = writer;
        }
        write_plain(&base, texts[0]);
        write_plain(&left, texts[1]);
        write_plain(&right, texts[2]);
        write_plain(&both, texts[3]);
        expect(texts[0], texts[1], texts[2], texts[3]);
        arena_reset(&arena);
    }
}

static void a_long_text_is_merged(void **state)
{
    (void)state;
    enum { LINES = 30000 };
    char *base = arena_alloc(&arena, 2 * LINES + 2), *left = arena_alloc(&arena, 2 * LINES + 2);
    assert_non_null(base);
    assert_non_null(left);
    for (unsigned i = 0; i < LINES; i++)
        memcpy(base + (size_t)2 * i, "x\n", 2);
    memcpy(left, base, (size_t)2 * LINES);
    left[0] = 'y';
    expect(base, left, base, left);
}

static void memory_that_ends_is_told_as_that(void **state)
{
    (void)state;
    bool done = false;
    for (size_t limit = 0; !done; limit += 8) {
        struct arena small;
        struct bytes merged;
        struct error error;
        bool clean;
        arena_init(&small, limit);
        done = text_merge(text("a\nb"), text("A\nb"), text("a\nB"), &small, &merged, &clean, &error);
        if (!done)
            assert_int_equal(error.code, ERROR_MEMORY);
        arena_release(&small);
    }
}

static void a_library_that_fails_is_told(void **state)
{
    (void)state;
    static const char *const reasons[] = {"the tables are full", ""};
    for (size_t i = 0; i < LENGTH(reasons); i++) {
        struct bytes merged;
        struct error error = {0}, at_start = {0};
        bool clean;
        reason = reasons[i];
        bool started = text_merge_start(&at_start);
        bool done = text_merge(text("a"), text("b"), text("a"), &arena, &merged, &clean, &error);
        reason = NULL;
        assert_false(started);
        assert_false(done);
        assert_int_equal(at_start.code, ERROR_INTERNAL);
        assert_int_equal(error.code, ERROR_INTERNAL);
        assert_non_null(strstr(error.text, *reasons[i] ? reasons[i] : "libgit2"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(different_paragraphs_are_merged),
        cmocka_unit_test(the_same_alteration_is_one),
        cmocka_unit_test(one_paragraph_altered_twice_is_for_a_person),
        cmocka_unit_test(marks_of_the_merge_are_text_like_any_other),
        cmocka_unit_test(far_alterations_are_never_lost),
        cmocka_unit_test(a_long_text_is_merged),
        cmocka_unit_test(memory_that_ends_is_told_as_that),
        cmocka_unit_test(a_library_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
