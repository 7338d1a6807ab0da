/* A crowd of light agents for measuring the hub (docs/testing.md).
 *
 *   crowd make HUB_DIRECTORY FILE COUNT     joins them at a hub that is not running
 *   crowd run PORT FILE [--at-once]         connects to 127.0.0.1:PORT; takes commands from stdin:
 *       connect N    so many are to be connected, in order
 *       write        every one in session makes a change
 *   and prints its counts as a line of JSON when they have changed, at most ten times a second. Who comes
 * (back) into session has written something meanwhile. */
#include "crowd.h"

#include "net/loop.h"
#include "net/net.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 256, TICK_MS = 20, PRINT_MS = 100, HANDSHAKES = 50 };

static void print(const struct crowd_counts *counts)
{
    printf("{\"up\": %" PRIu64 ", \"open\": %" PRIu64 ", \"saved\": %" PRIu64 ", \"acknowledged\": %" PRIu64
           ", \"lost\": %" PRIu64 ", \"feeds\": %" PRIu64 ", \"busy\": %" PRIu64 ", \"refused\": %" PRIu64
           ", \"cuts\": %" PRIu64 "}\n",
           counts->up, counts->open, counts->saved, counts->acknowledged, counts->lost, counts->feeds,
           counts->busy, counts->refused, counts->cuts);
    fflush(stdout);
}

/* False at the end of stdin. */
static bool take_command(struct crowd *crowd)
{
    char line[80];
    size_t target;
    if (!fgets(line, sizeof line, stdin))
        return false;
    if (sscanf(line, "connect %zu", &target) == 1)
        crowd->target = target < crowd->head.count ? target : crowd->head.count;
    else if (strcmp(line, "write\n") == 0)
        for (size_t i = 0; i < crowd->head.count; i++)
            member_write(&crowd->members[i]);
    return true;
}

/* New members come a few at a time; who has lost the hub comes when its own time has come. */
static void tick(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->target; i++) {
        struct member *member = &crowd->members[i];
        if (member->state == MEMBER_DOWN && member->due_ms == UINT64_MAX && crowd->connecting < HANDSHAKES)
            member->due_ms = crowd->now_ms;
        member_tick(member);
    }
}

static bool run(struct crowd *crowd)
{
    struct epoll_event events[EVENTS], input = {.events = EPOLLIN};
    struct crowd_counts printed = {0};
    uint64_t ticked_ms = 0, printed_ms = 0;
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (crowd->epoll < 0 || epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0)
        return false;
    print(&crowd->counts);
    for (;;) {
        int count = epoll_wait(crowd->epoll, events, EVENTS, TICK_MS);
        crowd->now_ms = loop_now_ms();
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                member_work(events[i].data.ptr);
            else if (!take_command(crowd))
                return true;
        }
        if (crowd->now_ms - ticked_ms >= TICK_MS) {
            ticked_ms = crowd->now_ms;
            tick(crowd);
        }
        if (crowd->now_ms - printed_ms >= PRINT_MS && memcmp(&printed, &crowd->counts, sizeof printed) != 0) {
            printed_ms = crowd->now_ms;
            printed = crowd->counts;
            print(&printed);
        }
    }
}

static void release(struct crowd *crowd)
{
    for (size_t i = 0; crowd->members && i < crowd->head.count; i++) {
        curve_close(&crowd->members[i].curve);
        arena_release(&crowd->members[i].author.arena);
    }
    free(crowd->members);
    frame_codec_free(crowd->codec);
    frame_buffer_release(&crowd->out);
    arena_release(&crowd->arena);
}

static bool start(const char *port, const char *path, bool at_once, struct error *error)
{
    struct crowd crowd = {.at_once = at_once};
    crowd.address = (struct sockaddr_in){.sin_family = AF_INET,
                                         .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    arena_init(&crowd.arena, LIMIT_MESSAGE_ARENA_BYTES);
    crowd.codec = frame_codec_new(error);
    net_raise_file_limit();
    setvbuf(stdin, NULL, _IONBF, 0);
    bool done = crowd.codec && crowd_load(&crowd, path, error) &&
                (run(&crowd) || error_set(error, ERROR_NETWORK, "cannot wait for events"));
    release(&crowd);
    return done;
}

int main(int count, char **arguments)
{
    struct error error = {0};
    bool makes = count == 5 && strcmp(arguments[1], "make") == 0;
    bool runs = count >= 4 && strcmp(arguments[1], "run") == 0;
    if (!makes && !runs) {
        fprintf(stderr,
                "usage: crowd make HUB_DIRECTORY FILE COUNT\n       crowd run PORT FILE [--at-once]\n");
        return 2;
    }
    bool at_once = runs && count > 4 && strcmp(arguments[4], "--at-once") == 0;
    bool done = keys_start(&error) &&
                (makes ? crowd_make(arguments[2], arguments[3], strtoul(arguments[4], NULL, 10), &error)
                       : start(arguments[2], arguments[3], at_once, &error));
    if (!done)
        fprintf(stderr, "crowd: %s\n", error.text);
    return !done;
}
