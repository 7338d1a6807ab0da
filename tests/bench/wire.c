/* What 10,000 records cost on the wire to a new office, beside `zstd -3` of the same records in plain
 * protobuf. Usage: wire [DIRECTORY] */
#include "author.h"

#include "hub/feed.h"
#include "hub/registry.h"
#include "net/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zstd.h>

enum { BATCH = 1000, BATCHES = 10 };

static bool ignore(void *context, const struct link_peer *peer, const Hopnhat__Message *message)
{
    (void)context, (void)peer, (void)message;
    return true;
}

/* The records of a part in plain protobuf, one after the other. */
static void add_records(const Hopnhat__Feed *feed, struct frame_buffer *plain)
{
    for (size_t i = 0; i < feed->n_items; i++) {
        size_t size = hopnhat__record__get_packed_size(feed->items[i]->record);
        uint8_t *grown = realloc(plain->data, plain->size + size);
        if (!grown)
            return;
        plain->data = grown;
        plain->size += hopnhat__record__pack(feed->items[i]->record, plain->data + plain->size);
    }
}

/* Reads the whole feed of a new office; returns the bytes of its frames. */
static size_t read_feed(struct hub *hub, const struct feed_reader *reader, struct frame_buffer *plain,
                        size_t credit_bytes, struct error *error)
{
    struct frame_codec *codec = frame_codec_new(error);
    struct frame_buffer frame = {0};
    struct feed_state state = {0}, next = {0};
    struct arena arena;
    size_t total = 0;
    bool head = false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    while (codec && !head) {
        Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
        message.body_case = HOPNHAT__MESSAGE__BODY_FEED;
        if (!feed_part(hub, reader, &state, credit_bytes, HOPNHAT__PULL_SCOPE__PULL_ALL, &arena,
                       &message.feed, &next, error) ||
            !frame_pack(codec, &message, &frame, error))
            break;
        head = message.feed->head;
        total += frame.size;
        if (plain)
            add_records(message.feed, plain);
        feed_state_release(&state);
        state = next;
        next = (struct feed_state){0};
        arena_reset(&arena);
    }
    feed_state_release(&state);
    feed_state_release(&next);
    frame_buffer_release(&frame);
    frame_codec_free(codec);
    arena_release(&arena);
    return head ? total : 0;
}

static bool bench(struct hub *hub, struct error *error)
{
    struct author author;
    struct hub_outlet outlet = {.send = ignore};
    struct made made[BATCH];
    struct frame_buffer plain = {0};
    bool done = author_start(&author, hub, "bench", &outlet, error);
    for (size_t i = 0; done && i < BATCHES; i++) {
        struct link_peer peer = {.connection = 1};
        Hopnhat__Message *message = author_new_records(&author, BATCH, made, error);
        memcpy(peer.key, author.link_keys.public_key, LINK_KEY_BYTES);
        hub_receive(hub, &peer, message, (uint64_t)time(NULL) * 1000, &outlet);
        hub_turn(hub, &outlet);
    }
    const struct feed_reader reader = {.office = registry_office(hub, "bench")};
    for (size_t credit = 1024; done && credit <= LIMIT_FEED_BYTES; credit *= credit < 65536 ? 4 : 2) {
        plain.size = 0;
        size_t wire = read_feed(hub, &reader, &plain, credit, error);
        size_t room = ZSTD_compressBound(plain.size);
        void *packed = malloc(room);
        size_t zstd = packed ? ZSTD_compress(packed, room, plain.data, plain.size, 3) : 0;
        free(packed);
        done = wire && zstd;
        if (done)
            printf("%d records in parts of %zu KiB: %zu B on the wire; plain protobuf %zu B, zstd -3 of it "
                   "%zu B; "
                   "ratio %.2f\n",
                   BATCH * BATCHES, credit / 1024, wire, plain.size, zstd, (double)wire / (double)zstd);
    }
    free(plain.data);
    author_end(&author);
    return done;
}

int main(int count, char **arguments)
{
    char directory[200], path[300];
    struct error error;
    snprintf(directory, sizeof directory, "%s/hopnhat-wire-XXXXXX", count > 1 ? arguments[1] : "/tmp");
    if (!keys_start(&error) || !mkdtemp(directory))
        return 1;
    snprintf(path, sizeof path, "%s/hub", directory);
    struct hub *hub = author_make_hub(path, &error);
    bool done = hub && bench(hub, &error);
    if (!done)
        fprintf(stderr, "wire: %s\n", error.text);
    if (hub)
        hub_end_sessions(hub);
    hub_close(hub);
    printf("store left in %s\n", directory);
    return !done;
}
