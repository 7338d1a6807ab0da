/* How many changes a second the hub admits, durable and with its followers running, beside plain LMDB with
 * the same keys, sizes and commits, in one run. Usage: ingest [DIRECTORY [RECORDS]] */
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

enum { BATCH = 1000 };

static uint64_t acks, others;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
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
                    struct made *made, size_t made_count, size_t batches, bool update)
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
        double began = seconds();
        hub_receive(hub, &peer, message, (uint64_t)time(NULL) * 1000, outlet);
        hub_turn(hub, (uint64_t)time(NULL) * 1000, outlet);
        follow_wake(hub->follow);
        took += seconds() - began;
    }
    return took;
}

static void print(const char *what, size_t count, double hub_s, double floor_s)
{
    printf("%-34s %9.0f/s   plain LMDB %9.0f/s   ratio %.2f\n", what, (double)count / hub_s,
           (double)count / floor_s, floor_s / hub_s);
}

static bool bench(struct hub *hub, const char *directory, size_t records)
{
    struct author author;
    struct error error;
    struct hub_outlet outlet = {.send = take_answer};
    struct floor_sizes sizes;
    char path[400];
    size_t updates = records / 5 / BATCH;
    struct made *made = calloc(records, sizeof *made);
    if (!made || !author_start(&author, hub, "bench", &outlet, &error)) {
        fprintf(stderr, "ingest: %s\n", made ? error.text : "out of memory");
        free(made);
        return false;
    }
    double hub_s = admit(hub, &author, &outlet, made, records, records / BATCH, false);
    bool done = hub_s > 0 && read_sizes(hub, &author, &made[records - 1], &sizes);
    snprintf(path, sizeof path, "%s/floor-new", directory);
    double floor_s = done ? floor_run(path, made, records, records / BATCH, BATCH, &sizes, false) : -1;
    if (floor_s > 0) {
        printf("a new record: log %zu B, record %zu B, feed 21 B\n", sizes.log_bytes, sizes.record_bytes);
        print("new records admitted", records, hub_s, floor_s);
    }
    hub_s = floor_s > 0 ? admit(hub, &author, &outlet, made, records, updates, true) : -1;
    if (hub_s > 0) {
        read_sizes(hub, &author, &made[0], &sizes);
        snprintf(path, sizeof path, "%s/floor-update", directory);
        floor_s = floor_run(path, made, records, updates, BATCH, &sizes, true);
        print("random field updates admitted", updates * BATCH, hub_s, floor_s);
    }
    done = hub_s > 0 && floor_s > 0 && others == 0 && acks == records / BATCH + updates;
    if (!done)
        fprintf(stderr, "ingest: %llu acks, %llu other answers\n", (unsigned long long)acks,
                (unsigned long long)others);
    author_end(&author);
    free(made);
    return done;
}

int main(int count, char **arguments)
{
    char directory[200], path[300];
    struct error error;
    size_t records = count > 2 ? strtoul(arguments[2], NULL, 10) / BATCH * BATCH : 500 * (size_t)BATCH;
    snprintf(directory, sizeof directory, "%s/hopnhat-ingest-XXXXXX", count > 1 ? arguments[1] : "/tmp");
    if (!keys_start(&error) || !mkdtemp(directory)) {
        fprintf(stderr, "ingest: cannot begin in %s\n", directory);
        return 1;
    }
    snprintf(path, sizeof path, "%s/hub", directory);
    struct hub *hub = author_make_hub(path, &error);
    if (hub)
        hub->follow = hub_follow(hub, true, &error);
    bool done = hub && hub->follow && bench(hub, directory, records);
    if (!hub || !hub->follow)
        fprintf(stderr, "ingest: %s\n", error.text);
    if (hub) {
        hub_end_sessions(hub);
        follow_close(hub->follow);
    }
    hub_close(hub);
    printf("stores left in %s\n", directory);
    return !done;
}
