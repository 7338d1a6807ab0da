#include "store/view_builder.h"

#include "unit/store/fake_source.h"
#include "unit/store/history.h"

#include <signal.h>
#include <sys/wait.h>

static struct fake fake;

static int setup(void **state)
{
    (void)state;
    fake_reads_left = -1;
    fake_open(&fake);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_close(&fake);
    return 0;
}

static struct views *open_views(const char *name)
{
    char path[120];
    struct error error;
    struct record_source source = fake_source(&fake);
    snprintf(path, sizeof path, "%s/%s", fake.directory, name);
    struct views *views = views_open(path, 1 << 28, &source, &error);
    assert_non_null(views);
    return views;
}

static void remove_views(const char *name)
{
    char path[120];
    snprintf(path, sizeof path, "%s/%s/data.mdb", fake.directory, name);
    remove(path);
    snprintf(path, sizeof path, "%s/%s/lock.mdb", fake.directory, name);
    remove(path);
}

static struct view_builder *new_builder(struct views *views, size_t records, size_t rows)
{
    struct view_builder_options options = {.records = records, .rows = rows};
    struct error error;
    struct view_builder *builder = view_builder_new(views, &options, &error);
    assert_non_null(builder);
    return builder;
}

/* Everything but what depends on the way. */
static void assert_same_rows(struct views *a, struct views *b)
{
    struct transaction left, right;
    struct error error;
    assert_true(transaction_begin(&left, a->environment, false, &error));
    assert_true(transaction_begin(&right, b->environment, false, &error));
    for (unsigned database = VIEW_CONTRIBUTION; database <= VIEW_WORDS; database++) {
        struct cursor one, other;
        cursor_open(&one, &left, database);
        cursor_open(&other, &right, database);
        bool here = cursor_seek(&one, bytes_of(NULL, 0)), there = cursor_seek(&other, bytes_of(NULL, 0));
        while (here && there) {
            assert_true(bytes_equal(one.key, other.key));
            assert_true(bytes_equal(one.value, other.value));
            here = cursor_next(&one);
            there = cursor_next(&other);
        }
        assert_int_equal(here, there);
        cursor_close(&one);
        cursor_close(&other);
    }
    transaction_abort(&left);
    transaction_abort(&right);
    uint64_t count_a = 0, count_b = 0;
    assert_true(views_count(a, PARTNER, &count_a, &error) && views_count(b, PARTNER, &count_b, &error));
    assert_int_equal(count_a, count_b);
    assert_int_equal(a->skipped, b->skipped);
}

/* Builds a second set of views from the start. */
static void assert_as_rebuilt(struct views *views)
{
    struct error error;
    struct views *again = open_views("again");
    struct view_builder *builder = new_builder(again, 0, 0);
    assert_true(view_builder_catch_up(builder, &error));
    assert_int_equal(again->position, fake.rev);
    assert_same_rows(views, again);
    view_builder_free(builder);
    views_close(again);
    remove_views("again");
}

static uint64_t count_rows(struct views *views, unsigned database)
{
    struct transaction transaction;
    struct error error;
    assert_true(transaction_begin(&transaction, views->environment, false, &error));
    uint64_t count = transaction_count(&transaction, database);
    transaction_abort(&transaction);
    return count;
}

static void incremental_equals_rebuilt(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct history history;
        struct error error;
        struct views *views = open_views("views");
        struct view_builder *builder = new_builder(views, 1 + seed % 5, 10 + 7 * seed);
        history_begin(&history, &fake, seed);
        for (int i = 0; i < 250; i++) {
            bool more;
            history_step(&history);
            if (history_draw(&history, 3) == 0)
                assert_true(view_builder_step(builder, &more, &error));
        }
        assert_true(view_builder_catch_up(builder, &error));
        assert_int_equal(views->position, fake.rev);
        assert_true(count_rows(views, VIEW_INDEX) > 0 && count_rows(views, VIEW_WORDS) > 0);
        assert_as_rebuilt(views);
        history_end(&history);
        view_builder_free(builder);
        views_close(views);
        if (seed % 3 == 0)
            remove_views("views"); /* else the next one goes on with them */
    }
}

/* A step that fails leaves rows and position as they were. */
static void failed_step_changes_nothing(void **state)
{
    (void)state;
    struct history history;
    struct error error;
    bool more;
    struct views *views = open_views("views");
    struct view_builder *builder = new_builder(views, 40, 0);
    history_begin(&history, &fake, 99);
    for (int i = 0; i < 200; i++)
        history_step(&history);
    assert_true(view_builder_step(builder, &more, &error));
    assert_true(more);
    uint64_t position = views->position, rows = count_rows(views, VIEW_INDEX);
    for (int reads = 0; reads < 20; reads++) {
        fake_reads_left = reads;
        assert_false(view_builder_step(builder, &more, &error));
        assert_int_equal(error.code, ERROR_STORE);
        assert_int_equal(views->position, position);
        assert_int_equal(count_rows(views, VIEW_INDEX), rows);
    }
    fake_reads_left = -1;
    assert_true(view_builder_catch_up(builder, &error));
    assert_as_rebuilt(views);
    history_end(&history);
    view_builder_free(builder);
    views_close(views);
}

/* Runs in a process of its own: builds in steps of one record until it is killed. */
static void build_for_ever(void)
{
    struct error error;
    fake_reopen(&fake);
    struct views *views = open_views("views");
    struct view_builder *builder = new_builder(views, 1, 0);
    bool more = true;
    while (more && view_builder_step(builder, &more, &error))
        ;
    _exit(0);
}

static void a_killed_builder_is_followed_by_another(void **state)
{
    (void)state;
    struct history history;
    struct error error;
    history_begin(&history, &fake, 5);
    for (int i = 0; i < 400; i++)
        history_step(&history);
    history_end(&history);
    environment_close(fake.environment); /* never two of one directory, nor across a fork */
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            build_for_ever();
        usleep(3000u * (unsigned)(i + 1));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    fake_reopen(&fake);
    struct views *views = open_views("views");
    struct view_builder *builder = new_builder(views, 0, 0);
    assert_true(view_builder_catch_up(builder, &error));
    assert_as_rebuilt(views);
    view_builder_free(builder);
    views_close(views);
}

static bool is_marked(void)
{
    char path[120];
    snprintf(path, sizeof path, "%s/views/unsynced", fake.directory);
    return access(path, F_OK) == 0;
}

static void what_is_left_for_the_disk_is_marked(void **state)
{
    (void)state;
    struct history history;
    struct error error;
    bool more;
    struct views *views = open_views("views");
    struct view_builder *builder = new_builder(views, 10, 0);
    history_begin(&history, &fake, 23);
    for (int i = 0; i < 100; i++)
        history_step(&history);
    history_end(&history);
    assert_true(view_builder_step(builder, &more, &error) && more);
    assert_true(is_marked());
    view_builder_free(builder);
    views_close(views); /* in order: all is on the disk */
    assert_false(is_marked());
    views = open_views("views");
    builder = new_builder(views, 10, 0);
    uint64_t position = views->position;
    assert_true(position > 0);
    assert_true(view_builder_step(builder, &more, &error) && more);
    assert_true(views->position > position);
    assert_true(is_marked());
    assert_true(view_builder_catch_up(builder, &error));
    assert_false(is_marked());
    view_builder_free(builder);
    assert_true(views_unsynced(views));
    views->unsynced = false; /* it ends without a sync, as when the power goes */
    views_close(views);
    views = open_views("views");
    assert_int_equal(views->position, 0);
    assert_false(is_marked());
    builder = new_builder(views, 0, 0);
    assert_true(view_builder_catch_up(builder, &error));
    assert_as_rebuilt(views);
    view_builder_free(builder);
    views_close(views);
}

static void other_stores_and_catalogs_begin_anew(void **state)
{
    (void)state;
    struct history history;
    struct error error;
    bool more;
    struct views *views = open_views("views");
    struct view_builder *builder = new_builder(views, 50, 0);
    history_begin(&history, &fake, 17);
    for (int i = 0; i < 150; i++)
        history_step(&history);
    assert_true(view_builder_catch_up(builder, &error));
    uint64_t rows = count_rows(views, VIEW_INDEX);
    fake_set_catalog(&fake, 2); /* one more field is indexed */
    assert_true(view_builder_step(builder, &more, &error));
    assert_int_equal(views->target, fake.rev);
    assert_int_equal(views_lag(views, fake.rev), 0);
    assert_int_equal(views_lag(views, fake.rev + 10), 10);
    assert_true(view_builder_catch_up(builder, &error));
    assert_true(count_rows(views, VIEW_INDEX) > rows);
    assert_as_rebuilt(views);
    fake_set_number(&fake, "identity", 2);
    assert_true(view_builder_step(builder, &more, &error));
    assert_true(views->position < fake.rev);
    assert_true(view_builder_catch_up(builder, &error));
    fake.rev -= 20; /* the store is an older one */
    fake_set_number(&fake, "rev", fake.rev);
    assert_true(view_builder_catch_up(builder, &error));
    assert_true(views->position <= fake.rev);
    history_end(&history);
    view_builder_free(builder);
    views_close(views);
}

/* A row that is no record, and one whose counter is no number. */
static void unreadable_records_are_counted(void **state)
{
    (void)state;
    struct transaction transaction;
    struct error error;
    struct key key;
    struct views *views = open_views("views");
    struct view_builder *builder = new_builder(views, 0, 0);
    Hopnhat__Record *record = fake_record(&fake, PARTNER, 1, "da-nang");
    fake_set(&fake, record, NAME, "Good");
    fake_put(&fake, record);
    assert_true(view_builder_catch_up(builder, &error));
    assert_true(transaction_begin(&transaction, fake.environment, true, &error));
    key_record(&key, PARTNER, record->id.data);
    transaction_put(&transaction, FAKE_RECORD, key_bytes(&key), bytes_of_string("\xFF\xFF\xFF garbage"));
    fake_touch(&fake, &transaction, PARTNER, record->id.data);
    assert_true(transaction_commit(&transaction, &error));
    assert_true(view_builder_catch_up(builder, &error));
    assert_int_equal(views->skipped, 1);
    assert_int_equal(views->position, fake.rev);
    assert_int_equal(count_rows(views, VIEW_INDEX), 0);
    fake_put(&fake, record);
    assert_true(view_builder_catch_up(builder, &error));
    assert_int_equal(views->skipped, 0);
    assert_as_rebuilt(views);
    view_builder_free(builder);
    views_close(views);
}

static void spoilt_files_are_made_anew(void **state)
{
    (void)state;
    struct error error;
    char path[120];
    struct views *views = open_views("views");
    views_close(views);
    snprintf(path, sizeof path, "%s/views/data.mdb", fake.directory);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    for (int i = 0; i < 8192; i++)
        fputc('x', file);
    fclose(file);
    Hopnhat__Record *record = fake_record(&fake, PARTNER, 1, "da-nang");
    fake_put(&fake, record);
    views = open_views("views");
    struct view_builder *builder = new_builder(views, 0, 0);
    assert_true(view_builder_catch_up(builder, &error));
    assert_as_rebuilt(views);
    view_builder_free(builder);
    views_close(views);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(incremental_equals_rebuilt, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_step_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_killed_builder_is_followed_by_another, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_left_for_the_disk_is_marked, setup, teardown),
        cmocka_unit_test_setup_teardown(other_stores_and_catalogs_begin_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(unreadable_records_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(spoilt_files_are_made_anew, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
