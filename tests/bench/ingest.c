/* How many changes a second the hub admits, durable and with its followers running, beside plain LMDB with
 * the same keys, sizes and commits. Both take turns, in rounds, so that a machine that is now faster and now
 * slower is the same for both; rates are of all rounds, the ratio is the rounds' median.
 * Processor time is this thread's alone: of admission, not of the follower.
 * Usage: ingest [DIRECTORY [RECORDS]] */
#include "author.h"
#include "floor.h"

#include "hub/follow.h"
#include "hub/registry.h"
#include "store/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 1000, ROUNDS = 10, UPDATE_PART = 5 };

static uint64_t acks, others;

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool take_answer(void *context, const struct link_peer *peer, const Hopnhat__Message *message)
{
    (void)context, (void)peer;
    if (message->body_case == HOPNHAT__MESSAGE__BODY_ACK && message->ack->n_refusals == 0)
        acks++;
    else if (message->body_case != HOPNHAT__MESSAGE__BODY_WELCOME)
        others++;
    return true;
}

/* The sizes of the rows that the hub wrote for the last change. */
static bool read_sizes(struct hub *hub, const struct author *author, const struct made *made,
                       struct floor_sizes *sizes)
{
    struct transaction transaction;
    struct error error;
    struct key key;
    struct bytes row;
    if (!transaction_begin(&transaction, hub->environment, false, &error))
        return false;
    key_dot(&key, author->replica, author->seq);
    bool found = transaction_get(&transaction, HUB_LOG, key_bytes(&key), &row);
    sizes->log_bytes = row.size;
    key_record(&key, 16, made->id);
    found = found && transaction_get(&transaction, HUB_RECORD, key_bytes(&key), &row);
    sizes->record_bytes = row.size;
    sizes->feed_bytes = 21;
    transaction_abort(&transaction);
    return found;
}

/* Time spent in the hub alone: making and signing the pushes is the office's work. */
static double admit(struct hub *hub, struct author *author, const struct hub_outlet *outlet,
                    struct made *made, size_t made_count, size_t batches, bool update, double *processor_s)
{
    struct link_peer peer = {.connection = 1};
    struct error error;
    double took = 0;
    memcpy(peer.key, author->link_keys.public_key, LINK_KEY_BYTES);
    for (size_t i = 0; i < batches; i++) {
        Hopnhat__Message *message = update ? author_updates(author, BATCH, made, made_count, &error)
                                           : author_new_records(author, BATCH, made + i * BATCH, &error);
        if (!message) {
            fprintf(stderr, "ingest: %s\n", error.text);
            return -1;
        }
        double began = seconds(CLOCK_MONOTONIC), worked = seconds(CLOCK_THREAD_CPUTIME_ID);
        hub_receive(hub, &peer, message, (uint64_t)time(NULL) * 1000, outlet);
        hub_turn(hub, outlet);
        follow_wake(hub->follow);
        took += seconds(CLOCK_MONOTONIC) - began;
        *processor_s += seconds(CLOCK_THREAD_CPUTIME_ID) - worked;
    }
    return took;
}

struct bench {
    struct hub *hub;
    struct author author;
    struct hub_outlet outlet;
    struct floor *floor;
    struct floor_sizes sizes;
    struct made *made;
    size_t records;
};

/* What the rounds of one kind of change came to. */
struct result {
    double hub_s, floor_s, hub_processor_s, floor_processor_s, ratios[ROUNDS];
    size_t changes, rounds;
};

static int compare_ratios(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print(const char *what, struct result *result)
{
    qsort(result->ratios, result->rounds, sizeof *result->ratios, compare_ratios);
    printf("%-34s %9.0f/s   plain LMDB %9.0f/s   ratio %.2f (%.2f to %.2f)\n", what,
           (double)result->changes / result->hub_s, (double)result->changes / result->floor_s,
           result->ratios[result->rounds / 2], result->ratios[0], result->ratios[result->rounds - 1]);
    printf("    processor: %.1f us each, plain LMDB %.1f us\n",
           1e6 * result->hub_processor_s / (double)result->changes,
           1e6 * result->floor_processor_s / (double)result->changes);
}

/* The hub's round, and then the floor's while no follower is at work. */
static bool run_round(struct bench *bench, size_t number, size_t batches, bool update, struct result *result)
{
    struct error error;
    struct made *made = update ? bench->made : bench->made + number * batches * BATCH;
    double hub_s = admit(bench->hub, &bench->author, &bench->outlet, made, bench->records, batches, update,
                         &result->hub_processor_s);
    if (hub_s < 0 || !follow_settle(bench->hub->follow, &error) ||
        !read_sizes(bench->hub, &bench->author, made, &bench->sizes))
        return false;
    double worked = seconds(CLOCK_THREAD_CPUTIME_ID),
           floor_s = floor_write(bench->floor, batches, BATCH, &bench->sizes, update);
    result->floor_processor_s += seconds(CLOCK_THREAD_CPUTIME_ID) - worked;
    result->hub_s += hub_s;
    result->floor_s += floor_s;
    result->changes += batches * BATCH;
    result->ratios[result->rounds++] = floor_s / hub_s;
    return floor_s > 0;
}

static bool run(struct bench *bench)
{
    struct result fresh = {0}, updates = {0};
    size_t batches = bench->records / BATCH / ROUNDS,
           update_batches = (batches + UPDATE_PART - 1) / UPDATE_PART;
    bool done = true;
    for (size_t i = 0; done && i < ROUNDS; i++)
        done = run_round(bench, i, batches, false, &fresh);
    if (done) {
        printf("a new record: log %zu B, record %zu B, feed 21 B\n", bench->sizes.log_bytes,
               bench->sizes.record_bytes);
        print("new records admitted", &fresh);
    }
    for (size_t i = 0; done && i < ROUNDS; i++)
        done = run_round(bench, i, update_batches, true, &updates);
    if (done)
        print("random field updates admitted", &updates);
    return done && others == 0 && acks == (batches + update_batches) * ROUNDS;
}

static bool start(struct bench *bench, const char *directory, size_t records, struct error *error)
{
    char path[400];
    bench->records = records;
    bench->outlet.send = take_answer;
    bench->made = calloc(records, sizeof *bench->made);
    snprintf(path, sizeof path, "%s/floor", directory);
    bench->floor = bench->made ? floor_new(path, bench->made, records) : NULL;
    if (!bench->floor)
        return error_set(error, ERROR_STORE, "the floor cannot be opened in %s", path);
    snprintf(path, sizeof path, "%s/hub", directory);
    bench->hub = author_make_hub(path, error);
    if (bench->hub)
        bench->hub->follow = hub_follow(bench->hub, true, error);
    return bench->hub && bench->hub->follow &&
           author_start(&bench->author, bench->hub, "bench", &bench->outlet, error);
}

static void release(struct bench *bench)
{
    if (bench->hub) {
        hub_end_sessions(bench->hub);
        follow_close(bench->hub->follow);
        author_end(&bench->author);
    }
    hub_close(bench->hub);
    floor_free(bench->floor);
    free(bench->made);
}

int main(int count, char **arguments)
{
    char directory[200];
    struct error error = {0};
    struct bench bench = {0};
    const size_t whole = (size_t)BATCH * ROUNDS;
    size_t records = (count > 2 ? strtoul(arguments[2], NULL, 10) : 500000) / whole * whole;
    snprintf(directory, sizeof directory, "%s/hopnhat-ingest-XXXXXX", count > 1 ? arguments[1] : "/tmp");
    if (records == 0 || !keys_start(&error) || !mkdtemp(directory)) {
        fprintf(stderr, "ingest: cannot begin in %s with %zu records\n", directory, records);
        return 1;
    }
    bool started = start(&bench, directory, records, &error), done = started && run(&bench);
    if (!done)
        fprintf(stderr, "ingest: %s; %llu acks, %llu other answers\n", error.text, (unsigned long long)acks,
                (unsigned long long)others);
    release(&bench);
    printf("stores left in %s\n", directory);
    return !done;
}
