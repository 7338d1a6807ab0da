/* The log: whoever makes a daemon complain does not fill its journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* stderr goes to a file until end_capture, which gives what was written in it. */
static int begin_capture(FILE **file)
{
    int former = dup(STDERR_FILENO);
    *file = tmpfile();
    assert_non_null(*file);
    assert_true(former >= 0 && dup2(fileno(*file), STDERR_FILENO) >= 0);
    return former;
}

static const char *end_capture(FILE *file, int former)
{
    static char text[1 << 20];
    assert_true(dup2(former, STDERR_FILENO) >= 0);
    close(former);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static int count(const char *text, const char *word)
{
    int found = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        found++;
    return found;
}

static void complain(const char *what)
{
    log_warning("it did %s", what);
}

static void a_flood_of_one_kind_is_cut_and_the_rest_is_told(void **state)
{
    (void)state;
    FILE *file;
    int former = begin_capture(&file);
    for (int i = 0; i < 10000; i++)
        complain("something bad");
    log_error("something else");
    log_with(LOG_LEVEL_WARNING, "HOPNHAT_OFFICE", "hue", "a third thing");
    const char *text = end_capture(file, former);
    int told = count(text, "something bad\n") + count(text, "something bad (");
    assert_true(told >= LOG_BURST && told <= 2 * LOG_BURST); /* a minute may have ended meanwhile */
    assert_true(count(text, "something bad (no more like this in this minute)\n") >= 1);
    assert_int_equal(count(text, "something else\n"), 1);
    assert_int_equal(count(text, "a third thing\n"), 1);
}

static void what_was_left_out_is_counted(void **state)
{
    (void)state;
    struct log_site site = {.file = "here"};
    unsigned left_out, told = 0;
    bool last;
    for (int i = 1; i <= 100; i++) {
        bool may = log_site_may(&site, 7, &left_out, &last);
        told += may;
        assert_int_equal(last, i == LOG_BURST);
        assert_int_equal(left_out, 0);
    }
    assert_int_equal(told, LOG_BURST);
    assert_true(log_site_may(&site, 9, &left_out, &last));
    assert_int_equal(left_out, 100 - LOG_BURST);
    assert_true(log_site_may(&site, 9, &left_out, &last));
    assert_int_equal(left_out, 0);
    assert_true(log_site_may(&site, 0, &left_out, &last)); /* whatever the clock does */
}

static void a_long_line_keeps_its_note(void **state)
{
    (void)state;
    char longest[3000];
    FILE *file;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    int former = begin_capture(&file);
    for (int i = 0; i < 2 * LOG_BURST; i++)
        log_info("%s", longest);
    assert_true(count(end_capture(file, former), "x (no more like this in this minute)\n") >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_one_kind_is_cut_and_the_rest_is_told),
        cmocka_unit_test(what_was_left_out_is_counted),
        cmocka_unit_test(a_long_line_keeps_its_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
