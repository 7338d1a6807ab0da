#include "api/settings.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/hn-settings-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct settings_source source_of(enum settings_program program, const char *const *given)
{
    return (struct settings_source){program, path, given};
}

/* The text of the error that the file gives. */
static const char *wrong(enum settings_program program, const char *text, struct error *error)
{
    struct settings settings;
    struct settings_source source = source_of(program, NULL);
    write_file(text);
    assert_false(settings_begin(&settings, &source, error));
    assert_memory_equal(error->text, path, strlen(path));
    return error->text + strlen(path);
}

static void assert_begins(const char *text, const char *with)
{
    char begin[128];
    snprintf(begin, sizeof begin, "%.*s", (int)strlen(with), text);
    assert_string_equal(begin, with);
}

static void defaults_hold_where_nothing_is_said(void **state)
{
    (void)state;
    static const char *const nothing[] = {"", "# a comment\n\n  # another\n"};
    for (size_t i = 0; i < 2; i++) {
        struct settings settings;
        struct error error;
        struct settings_source source = source_of(SETTINGS_HUB, NULL);
        write_file(nothing[i]);
        assert_true(settings_begin(&settings, &source, &error));
        assert_string_equal(settings.listen, "tcp://*:7410");
        assert_string_equal(settings.http, "");
        assert_string_equal(settings.http_names, "");
        assert_int_equal(settings.backup_interval_h, 24);
        assert_int_equal(settings.backup_keep, 7);
        assert_int_equal(settings.log_level, LOG_LEVEL_INFO);
        settings_release(&settings);
    }
}

static void hours_may_go_over_midnight(void **state)
{
    static const char *const wrong_hours[] = {"19:00",       "19-06",       "24:00-06:00",
                                              "19:60-06:00", "19:00-19:00", "19:00-06:00 "};
    struct error error;
    (void)state;
    assert_true(settings_hours_hold("", 0));
    assert_true(settings_hours_hold("19:00-06:00", 19 * 60));
    assert_true(settings_hours_hold("19:00-06:00", 0));
    assert_false(settings_hours_hold("19:00-06:00", 6 * 60));
    assert_false(settings_hours_hold("12:00-13:30", 11 * 60 + 59));
    assert_true(settings_hours_hold("12:00-13:30", 13 * 60 + 29));
    for (size_t i = 0; i < sizeof wrong_hours / sizeof *wrong_hours; i++) {
        char text[64];
        snprintf(text, sizeof text, "link_bulk_hours: \"%s\"\n", wrong_hours[i]);
        assert_begins(wrong(SETTINGS_AGENT, text, &error), ":1: link_bulk_hours: ");
    }
}

static void the_command_line_overrides_the_file(void **state)
{
    (void)state;
    static const char *const given[] = {"backup_keep=3", "http=127.0.0.1:1", "backup_keep=4", NULL};
    struct settings settings;
    struct error error;
    struct settings_source source = source_of(SETTINGS_AGENT, given);
    write_file("backup_keep: 9\nbackup_directory: /mnt/Sao lưu\nlog_level: warning\n");
    assert_true(settings_begin(&settings, &source, &error));
    assert_int_equal(settings.backup_keep, 4);
    assert_string_equal(settings.http, "127.0.0.1:1");
    assert_string_equal(settings.backup_directory, "/mnt/Sao lưu");
    assert_int_equal(settings.log_level, LOG_LEVEL_WARNING);
    settings_release(&settings);
    log_set_level(LOG_LEVEL_INFO);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    (void)state;
    struct error error;
    assert_begins(wrong(SETTINGS_HUB, "# one\nlisen: tcp://*:1\n", &error),
                  ":2: there is no setting \"lisen\"");
    /* the hub's alone */
    assert_begins(wrong(SETTINGS_AGENT, "listen: tcp://*:1\n", &error), ":1: there is no setting");
    assert_begins(wrong(SETTINGS_HUB, "\nbackup_keep: 65\n", &error),
                  ":2: backup_keep: \"65\" is no number from 2 to 64");
    assert_begins(wrong(SETTINGS_HUB, "backup_keep: -2\n", &error), ":1: backup_keep");
    assert_begins(wrong(SETTINGS_HUB, "backup_keep: 18446744073709551619\n", &error), ":1: backup");
    assert_begins(wrong(SETTINGS_HUB, "backup_keep:\n  - 3\n", &error), ":2: backup_keep: one value");
    assert_begins(wrong(SETTINGS_HUB, "log_level: loud\n", &error),
                  ":1: log_level: \"loud\" is none of error, warning, info");
    assert_begins(wrong(SETTINGS_HUB, "backup_directory: backups\n", &error), ":1: backup_directory");
    assert_begins(wrong(SETTINGS_HUB, "http: a\nhttp: b\n", &error), ":2: the key \"http\" stands twice");
    assert_begins(wrong(SETTINGS_HUB, "http: 127.0.0.1:70000\n", &error), ":1: http: 127.0.0.1:70000 is not");
    assert_begins(wrong(SETTINGS_AGENT, "\nhttp: records.example:80\n", &error), ":2: http: ");
    assert_begins(wrong(SETTINGS_HUB, "listen: tcp://*:99999\n", &error),
                  ":1: listen: 'tcp://*:99999' is not");
    assert_begins(wrong(SETTINGS_HUB, "listen: 127.0.0.1:7410\n", &error), ":1: listen: ");
    assert_begins(wrong(SETTINGS_HUB, "http_names: a.example:80\n", &error), ":1: http_names: ");
    assert_begins(wrong(SETTINGS_HUB, "\nhttp_names: https://a.example\n", &error), ":2: http_names: ");
    assert_begins(wrong(SETTINGS_HUB, "- http\n", &error), ":1: lines of the form");
    assert_begins(wrong(SETTINGS_HUB, "http: \"a\n", &error), ":2: ");
}

static void what_is_given_wrong_is_wrong_usage(void **state)
{
    (void)state;
    static const char *const wrong_ones[] = {"keep=3", "backup_keep", "backup_keep=x", "=", ""};
    for (size_t i = 0; i < sizeof wrong_ones / sizeof *wrong_ones; i++) {
        const char *const given[] = {wrong_ones[i], NULL};
        struct settings settings;
        struct error error;
        const struct settings_source source = {SETTINGS_HUB, NULL, given};
        assert_false(settings_begin(&settings, &source, &error));
        assert_int_equal(error.code, ERROR_USAGE);
    }
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct settings settings;
    struct error error;
    const struct settings_source source = {SETTINGS_HUB, "/tmp/hn-there-is-no-such-file", NULL};
    assert_false(settings_begin(&settings, &source, &error));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
}

static void a_reload_changes_what_may_change_and_nothing_where_it_is_wrong(void **state)
{
    (void)state;
    struct settings settings;
    struct arena arena;
    struct error error;
    struct settings_source source = source_of(SETTINGS_HUB, NULL);
    write_file("listen: tcp://*:1\nbackup_keep: 3\nbackup_directory: /a\n");
    assert_true(settings_begin(&settings, &source, &error));
    write_file("listen: tcp://*:2\nbackup_keep: 4\nbackup_directory: /b\n");
    assert_true(settings_reload(&settings, &source, &error));
    assert_string_equal(settings.listen, "tcp://*:1"); /* needs a new start */
    assert_int_equal(settings.backup_keep, 4);
    assert_string_equal(settings.backup_directory, "/b");
    write_file("backup_keep: 5\nhttp: 127.0.0.1:70000\n"); /* even if it had needed a new start */
    assert_false(settings_reload(&settings, &source, &error));
    assert_string_equal(error.text + strlen(path),
                        ":2: http: 127.0.0.1:70000 is not of the form ADDRESS:PORT with numbers");
    assert_int_equal(settings.backup_keep, 4);
    write_file("backup_keep: 5\nbackup_directory: c\n");
    assert_false(settings_reload(&settings, &source, &error));
    assert_int_equal(error.code, ERROR_INPUT);
    assert_int_equal(settings.backup_keep, 4);
    assert_string_equal(settings.backup_directory, "/b");
    arena_init(&arena, 10000);
    assert_string_equal(settings_text(&settings, SETTINGS_HUB, &arena),
                        "listen: tcp://*:1, backup_directory: /b, backup_keep: 4");
    arena_release(&arena);
    settings_release(&settings);
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_where_nothing_is_said),
        cmocka_unit_test(hours_may_go_over_midnight),
        cmocka_unit_test(the_command_line_overrides_the_file),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(what_is_given_wrong_is_wrong_usage),
        cmocka_unit_test(a_file_that_is_not_there_is_an_error),
        cmocka_unit_test(a_reload_changes_what_may_change_and_nothing_where_it_is_wrong),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
