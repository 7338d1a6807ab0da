/* How many records a second the views take, beside plain LMDB that writes the same rows with the same
 * commits, in one run. Usage: follow [DIRECTORY [RECORDS]] */
#include "author.h"

#include "hub/source.h"
#include "store/view_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PUSH = 1000, STEP = 5000 };

/* Every row that the views hold of one record. */
struct row {
    uint8_t database;
    struct bytes key, value;
};

struct rows {
    struct row *rows;
    size_t count, capacity;
    size_t *ends; /* of each record, in the order in which it was made */
    size_t records;
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool drop_answer(void *context, const struct link_peer *peer, const Hopnhat__Message *message)
{
    (void)context, (void)peer, (void)message;
    return true;
}

static bool admit(struct hub *hub, struct author *author, const struct hub_outlet *outlet, struct made *made,
                  size_t records, struct error *error)
{
    struct link_peer peer = {.connection = 1};
    memcpy(peer.key, author->link_keys.public_key, LINK_KEY_BYTES);
    for (size_t i = 0; i < records; i += PUSH) {
        Hopnhat__Message *message = author_new_records(author, PUSH, made + i, error);
        if (!message)
            return false;
        hub_receive(hub, &peer, message, (uint64_t)time(NULL) * 1000, outlet);
        hub_turn(hub, outlet);
    }
    return true;
}

static bool add_row(struct rows *rows, uint8_t database, struct bytes key, struct bytes value,
                    struct arena *arena)
{
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? 2 * rows->capacity : 1024;
        struct row *grown = realloc(rows->rows, capacity * sizeof *grown);
        if (!grown)
            return false;
        rows->rows = grown;
        rows->capacity = capacity;
    }
    struct row *row = &rows->rows[rows->count++];
    row->database = database;
    row->key = bytes_of(arena_copy(arena, key.data, key.size), key.size);
    row->value = bytes_of(arena_copy(arena, value.data, value.size), value.size);
    return row->key.data && row->value.data;
}

/* Reads the rows of one record out of the views. */
static bool read_record(struct transaction *views, const struct made *made, struct rows *rows,
                        struct arena *arena)
{
    struct contribution contribution;
    struct error error;
    struct bytes stored;
    struct key key;
    key_record(&key, 16, made->id);
    if (!transaction_get(views, VIEW_CONTRIBUTION, key_bytes(&key), &stored) ||
        !contribution_unpack(stored, arena, &contribution, &error) ||
        !add_row(rows, VIEW_CONTRIBUTION, key_bytes(&key), stored, arena))
        return false;
    for (size_t i = 0; i < contribution.count; i++) {
        contribution_key(&contribution.rows[i], 16, made->id, &key);
        if (!add_row(rows, contribution.rows[i].database, key_bytes(&key), bytes_of("", 0), arena))
            return false;
    }
    rows->ends[rows->records++] = rows->count;
    return true;
}

static bool read_rows(struct views *views, const struct made *made, size_t records, struct rows *rows,
                      struct arena *arena)
{
    struct transaction transaction;
    struct error error;
    rows->ends = calloc(records, sizeof *rows->ends);
    bool done = rows->ends && transaction_begin(&transaction, views->environment, false, &error);
    for (size_t i = 0; done && i < records; i++)
        done = read_record(&transaction, &made[i], rows, arena);
    if (rows->ends)
        transaction_abort(&transaction);
    return done;
}

/* The same rows, transaction by transaction, by nothing but LMDB. Negative on error. */
static double run_floor(const char *directory, const struct rows *rows)
{
    static const char *const names[] = {"meta", "contribution", "index", "words"};
    struct error error;
    struct environment *environment = environment_open(directory, names, 4, UINT64_C(16) << 30, &error);
    bool done = environment != NULL;
    size_t next = 0;
    double began = seconds();
    for (size_t record = 0; done && record < rows->records;) {
        struct transaction transaction;
        record = record + STEP < rows->records ? record + STEP : rows->records;
        done = transaction_begin(&transaction, environment, true, &error);
        for (; done && next < rows->ends[record - 1]; next++)
            transaction_put(&transaction, rows->rows[next].database, rows->rows[next].key,
                            rows->rows[next].value);
        done = done && transaction_commit(&transaction, &error);
    }
    double took = seconds() - began;
    environment_close(environment);
    return done ? took : -1;
}

static bool compare(struct hub *hub, const char *directory, const struct made *made, size_t records,
                    struct error *error)
{
    struct record_source source = hub_source(hub->environment);
    struct view_builder_options options = {.records = STEP, .rows = STEP * 100};
    struct rows rows = {0};
    struct arena arena;
    char path[300];
    snprintf(path, sizeof path, "%s/views", directory);
    struct views *views = views_open(path, UINT64_C(16) << 30, &source, error);
    struct view_builder *builder = views ? view_builder_new(views, &options, error) : NULL;
    double began = seconds();
    bool done = builder && view_builder_catch_up(builder, error);
    double took = seconds() - began, floor_s = -1;
    arena_init(&arena, (size_t)8 << 30);
    if (done && read_rows(views, made, records, &rows, &arena)) {
        snprintf(path, sizeof path, "%s/floor", directory);
        floor_s = run_floor(path, &rows);
    }
    if (floor_s > 0)
        printf("views of %zu records, %.1f rows each: %.0f records/s   plain LMDB %.0f/s   ratio %.2f\n",
               records, (double)rows.count / (double)records, (double)records / took,
               (double)records / floor_s, floor_s / took);
    arena_release(&arena);
    free(rows.rows);
    free(rows.ends);
    view_builder_free(builder);
    views_close(views);
    return floor_s > 0;
}

int main(int count, char **arguments)
{
    char directory[200], path[300];
    struct error error = {0};
    struct author author;
    struct hub_outlet outlet = {.send = drop_answer};
    size_t records = count > 2 ? strtoul(arguments[2], NULL, 10) / PUSH * PUSH : 200 * (size_t)PUSH;
    struct made *made = calloc(records, sizeof *made);
    snprintf(directory, sizeof directory, "%s/hopnhat-follow-XXXXXX", count > 1 ? arguments[1] : "/tmp");
    if (!made || !keys_start(&error) || !mkdtemp(directory)) {
        fprintf(stderr, "follow: cannot begin in %s\n", directory);
        free(made);
        return 1;
    }
    snprintf(path, sizeof path, "%s/hub", directory);
    struct hub *hub = author_make_hub(path, &error);
    bool done = hub && author_start(&author, hub, "bench", &outlet, &error);
    if (done) {
        done = admit(hub, &author, &outlet, made, records, &error) &&
               compare(hub, directory, made, records, &error);
        author_end(&author);
        hub_end_sessions(hub);
    }
    if (!done)
        fprintf(stderr, "follow: %s\n", error.text);
    hub_close(hub);
    free(made);
    printf("stores left in %s\n", directory);
    return !done;
}
