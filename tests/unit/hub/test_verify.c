/* What hub_verify finds in a store that was damaged row by row, and the list of backups. */
#include "hub/admission.h"
#include "hub/backups.h"
#include "hub/custody_piece.h"
#include "hub/headquarters.h"
#include "hub/registry.h"
#include "hub/rotation.h"
#include "hub/verify.h"
#include "store/key.h"
#include "store/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { OFFICES_MADE = 5 };

static const uint64_t WALL_MS = UINT64_C(1750000000000);

static struct hub *hub;
static struct arena arena;
static char directory[64], store[80];
static char found[4096];

static struct bytes pack_catalog(void)
{
    Hopnhat__Catalog catalog = HOPNHAT__CATALOG__INIT;
    catalog.version = 1;
    uint8_t *packed = arena_alloc(&arena, hopnhat__catalog__get_packed_size(&catalog));
    return bytes_of(packed, hopnhat__catalog__pack(&catalog, packed));
}

static const struct hub_options *options(void)
{
    static struct hub_options given;
    given = (struct hub_options){.map_bytes = 1 << 28, .entropy = entropy_system()};
    return &given;
}

static void make_office(unsigned number)
{
    struct error error;
    char code[16];
    snprintf(code, sizeof code, "office-%u", number);
    struct new_op ops[] = {
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string(GROUP_EVERYONE)},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string(HEADQUARTERS_OWNER)},
        {.field = OFFICE_CODE, .value = bytes_of_string(code)},
        {.field = OFFICE_NAME, .value = bytes_of_string(code)},
    };
    struct new_edit edit = {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, .ops = ops, .op_count = 4};
    office_record_id(code, edit.record);
    if (!headquarters_write(hub, &edit, 1, NULL, WALL_MS, &error))
        fail_msg("%s", error.text);
}

static void open_hub(void)
{
    struct error error;
    hub = hub_open(directory, options(), &error);
    if (!hub)
        fail_msg("%s", error.text);
}

static int setup(void **state)
{
    struct error error;
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/hopnhat-verify-XXXXXX");
    arena_init(&arena, 64 << 20);
    if (!mkdtemp(directory) || !keys_start(&error) ||
        !hub_init(directory, options(), pack_catalog(), WALL_MS, &error))
        return -1;
    snprintf(store, sizeof store, "%s/store", directory);
    open_hub();
    for (unsigned i = 0; i < OFFICES_MADE; i++)
        make_office(i);
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"store/data.mdb", "store/lock.mdb", "store", ""};
    char path[128];
    (void)state;
    hub_close(hub);
    hub = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        remove(path);
    }
    arena_release(&arena);
    return 0;
}

static void note(void *context, const char *text)
{
    (void)context;
    size_t size = strlen(found);
    snprintf(found + size, sizeof found - size, "%s\n", text);
}

/* Closes the hub and looks at its store; the breaks' texts are in `found`. */
static uint64_t look(Hopnhat__Backup *marks)
{
    struct error error = {0};
    struct verify verify = {.found = note};
    Hopnhat__BackupHeader header = HOPNHAT__BACKUP_HEADER__INIT;
    hub_close(hub);
    hub = NULL;
    found[0] = '\0';
    if (!hub_verify(store, true, &verify, &header, marks, &arena, &error))
        fail_msg("%s", error.text);
    return verify.breaks;
}

static uint64_t breaks(void)
{
    Hopnhat__Backup marks = HOPNHAT__BACKUP__INIT;
    return look(&marks);
}

static void assert_found(const char *text)
{
    assert_int_not_equal(breaks(), 0);
    if (!strstr(found, text))
        fail_msg("\"%s\" is not in:\n%s", text, found);
}

static struct transaction begin(void)
{
    struct transaction transaction;
    struct error error;
    if (!transaction_begin(&transaction, hub->environment, true, &error))
        fail_msg("%s", error.text);
    return transaction;
}

static void commit(struct transaction *transaction)
{
    struct error error;
    if (!transaction_commit(transaction, &error))
        fail_msg("%s", error.text);
}

/* The row at `place` of a database; its copy is in the arena. */
static void row_of(struct transaction *transaction, unsigned database, size_t place, struct bytes *key,
                   struct bytes *value)
{
    struct cursor cursor;
    cursor_open(&cursor, transaction, database);
    assert_true(cursor_seek(&cursor, bytes_of(NULL, 0)));
    while (place--)
        assert_true(cursor_next(&cursor));
    *key = bytes_of(arena_copy(&arena, cursor.key.data, cursor.key.size), cursor.key.size);
    *value = bytes_of(arena_copy(&arena, cursor.value.data, cursor.value.size), cursor.value.size);
    cursor_close(&cursor);
}

static void remove_row(unsigned database, size_t place)
{
    struct transaction transaction = begin();
    struct bytes key, value;
    row_of(&transaction, database, place, &key, &value);
    transaction_delete(&transaction, database, key);
    commit(&transaction);
}

/* Alters the text, which stands somewhere in the row. */
static void alter_row(unsigned database, size_t place, const char *text)
{
    struct transaction transaction = begin();
    struct bytes key, value;
    row_of(&transaction, database, place, &key, &value);
    uint8_t *copy = arena_copy(&arena, value.data, value.size);
    uint8_t *at = memmem(copy, value.size, text, strlen(text));
    assert_non_null(at);
    *at ^= 0x10;
    transaction_put(&transaction, database, key, bytes_of(copy, value.size));
    commit(&transaction);
}

static void a_sound_store_has_no_breaks(void **state)
{
    (void)state;
    if (breaks() != 0)
        fail_msg("%s", found);
}

static void a_missing_change_is_named(void **state)
{
    (void)state;
    remove_row(HUB_LOG, 2);
    assert_found("changes 3 to 3 are missing");
}

static void the_last_change_is_missed(void **state)
{
    (void)state;
    remove_row(HUB_LOG, OFFICES_MADE);
    assert_found("it ends at change 5, and the watermark is 6");
}

static void an_altered_change_breaks_the_chain(void **state)
{
    (void)state;
    alter_row(HUB_LOG, 3, "office-2");
    assert_found("the chain breaks at change 4");
}

static void an_altered_record_is_not_what_the_digest_says(void **state)
{
    (void)state;
    remove_row(HUB_RECORD, 1);
    assert_found("its digest is not that of its records");
}

static void a_lost_feed_row_is_named(void **state)
{
    (void)state;
    remove_row(HUB_FEED, 1);
    assert_found("it has no row in the feed of everyone");
}

static void a_row_that_cannot_be_unpacked_is_named(void **state)
{
    struct transaction transaction = begin();
    struct bytes key, value;
    (void)state;
    row_of(&transaction, HUB_RECORD, 0, &key, &value);
    transaction_put(&transaction, HUB_RECORD, key, bytes_of("\xff\xff\xff", 3));
    commit(&transaction);
    assert_found("record: the row");
}

static void lost_keys_are_named(void **state)
{
    struct transaction transaction = begin();
    (void)state;
    transaction_delete(&transaction, HUB_META, bytes_of_string("signing_keys"));
    commit(&transaction);
    assert_found("the keys are missing");
}

static void back_up(const char *file, uint64_t keep)
{
    struct error error;
    uint64_t replicas[] = {hub->own_replica};
    uint64_t watermarks[] = {registry_replica(hub, hub->own_replica)->watermark};
    char name[16];
    Hopnhat__Backup backup = HOPNHAT__BACKUP__INIT;
    snprintf(name, sizeof name, "%s", file);
    backup.file = name;
    backup.made_ms = WALL_MS;
    backup.replicas = replicas;
    backup.watermarks = watermarks;
    backup.n_replicas = backup.n_watermarks = 1;
    if (!backups_note(hub, &backup, keep, &error))
        fail_msg("%s", error.text);
}

static uint64_t safe(void)
{
    return registry_replica(hub, hub->own_replica)->safe;
}

static void what_is_in_the_oldest_kept_backup_is_safe(void **state)
{
    struct error error;
    (void)state;
    assert_int_equal(safe(), 0);
    back_up("a", 2);
    assert_int_equal(safe(), 6);
    make_office(10);
    back_up("b", 2);
    assert_int_equal(hub->backups, 2);
    assert_int_equal(safe(), 6);
    make_office(11);
    back_up("c", 2); /* "a" is kept no more */
    assert_int_equal(hub->backups, 2);
    assert_int_equal(safe(), 7);
    back_up("b", 5); /* overwritten */
    assert_int_equal(hub->backups, 2);
    assert_int_equal(safe(), 8);
    hub_close(hub);
    open_hub();
    assert_int_equal(safe(), 8);
    uint64_t former = hub->own_replica;
    assert_true(hub_mark_restored(hub, NULL, NULL, &error)); /* it came from a backup which is kept, too */
    assert_int_equal(hub->backups, 3);
    assert_int_equal(registry_replica(hub, former)->safe, 8);
    make_office(12);
    back_up("d", 5);
    assert_int_equal(safe(), 0); /* the older ones know nothing of the new number */
    assert_int_equal(breaks(), 0);
}

/* What counts is what the copy holds, and not when it was made, or noted. */
static void the_key_changes_once_the_newest_backup_holds_the_next(void **state)
{
    struct error error;
    Hopnhat__Backup under_way = HOPNHAT__BACKUP__INIT, later = HOPNHAT__BACKUP__INIT;
    (void)state;
    assert_int_equal(look(&under_way), 0);
    open_hub();
    assert_true(rotation_begin(hub, &error));
    assert_int_equal(look(&later), 0);
    open_hub();
    assert_false(rotation_finish(hub, true, &error));
    under_way.made_ms = WALL_MS;
    later.made_ms = WALL_MS - 1;
    assert_true(backups_note(hub, &under_way, 5, &error));
    assert_false(rotation_finish(hub, true, &error));
    assert_non_null(strstr(error.text, "backup"));
    assert_true(backups_note(hub, &later, 5, &error));
    hub_close(hub);
    open_hub();
    assert_true(rotation_finish(hub, true, &error));
    assert_true(rotation_begin(hub, &error));
    assert_false(rotation_finish(hub, true, &error)); /* that is yet another key */
}

/* Pieces of a log are taken by the hub that made them once it has been restored, in order, and by no other.
 */
static void a_piece_comes_back_in_order_only_and_unaltered(void **state)
{
    static const uint8_t GIVER[LINK_KEY_BYTES];
    struct error error;
    Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
    const struct replica *own = registry_replica(hub, hub->own_replica);
    Hopnhat__CustodyPiece *pieces[] = {custody_piece_make(hub, own, 1, 128 * 1024, &arena, &error)};
    (void)state;
    assert_non_null(pieces[0]);
    assert_int_equal(pieces[0]->last, 6);
    custody.pieces = pieces;
    custody.n_pieces = 1;
    assert_false(custody_pieces_take(hub, GIVER, &custody, WALL_MS, &error)); /* of the present number */
    assert_true(hub_mark_restored(hub, NULL, NULL, &error));
    assert_true(custody_pieces_take(hub, GIVER, &custody, WALL_MS, &error)); /* nothing is new */
    pieces[0]->sealed.data[60] ^= 1;
    assert_false(custody_pieces_take(hub, GIVER, &custody, WALL_MS, &error));
    assert_int_equal(error.code, ERROR_REFUSED);
    pieces[0]->sealed.data[60] ^= 1;
    pieces[0]->first = 2;
    assert_false(custody_pieces_take(hub, GIVER, &custody, WALL_MS, &error));
    assert_int_equal(breaks(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sound_store_has_no_breaks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_change_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_change_is_missed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_altered_change_breaks_the_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(an_altered_record_is_not_what_the_digest_says, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_feed_row_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_that_cannot_be_unpacked_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(lost_keys_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_in_the_oldest_kept_backup_is_safe, setup, teardown),
        cmocka_unit_test_setup_teardown(the_key_changes_once_the_newest_backup_holds_the_next, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_piece_comes_back_in_order_only_and_unaltered, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
