/* Makes a hub with so many records that an office of its own has entered, for benches of the daemons.
 * Usage: fill DIRECTORY RECORDS */
#include "author.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 1000 };

static bool ignore(void *context, const struct link_peer *peer, const Hopnhat__Message *message)
{
    (void)context, (void)peer, (void)message;
    return true;
}

static bool fill(struct hub *hub, size_t batches, struct error *error)
{
    struct author author;
    struct hub_outlet outlet = {.send = ignore};
    struct made made[BATCH];
    bool done = author_start(&author, hub, "bench", &outlet, error);
    for (size_t i = 0; done && i < batches; i++) {
        struct link_peer peer = {.connection = 1};
        Hopnhat__Message *message = author_new_records(&author, BATCH, made, error);
        memcpy(peer.key, author.link_keys.public_key, LINK_KEY_BYTES);
        done = message != NULL;
        if (done)
            hub_receive(hub, &peer, message, (uint64_t)time(NULL) * 1000, &outlet);
        hub_turn(hub, &outlet);
    }
    author_end(&author);
    return done;
}

int main(int count, char **arguments)
{
    struct error error;
    if (count != 3) {
        fprintf(stderr, "usage: fill DIRECTORY RECORDS\n");
        return 2;
    }
    struct hub *hub = keys_start(&error) ? author_make_hub(arguments[1], &error) : NULL;
    bool done = hub && fill(hub, strtoul(arguments[2], NULL, 10) / BATCH, &error);
    if (!done)
        fprintf(stderr, "fill: %s\n", error.text);
    if (hub)
        hub_end_sessions(hub);
    hub_close(hub);
    return !done;
}
