/* An emulated link between two network namespaces:
 *
 *     link NAME NAMESPACE NAMESPACE SEED
 *
 * makes a TUN device NAME in each of the two (paths, as /run/netns/hub), prints "ready", and carries packets
 * between them as the shape says (way.h). It is driven over stdin, a line each, and ends with it; every line
 * is answered by one on stdout. Root only.
 *
 *     shape RATE_BITS DELAY_US JITTER_US LOSS QUEUE_BYTES    answers "ok"
 *     cut, mend                                              loses everything; carries again. "ok"
 *     count        "PACKETS BYTES LOST OVERFLOWED", twice: from the first namespace to the second, and back
 */
#include "way.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 256, TURN_PACKETS = 256 };

struct link {
    int devices[2];
    struct shape shape;
    struct way ways[2]; /* from devices[i] to devices[1 - i] */
    bool cut;
    char line[LINE_BYTES];
    size_t line_size;
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* A TUN device in the namespace, without blocking; -1 with errno. The process stays in that namespace. */
static int make_device(const char *name, const char *namespace)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int space = open(namespace, O_RDONLY | O_CLOEXEC);
    if (space < 0)
        return -1;
    int entered = setns(space, CLONE_NEWNET);
    close(space);
    if (entered < 0)
        return -1;
    int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (device >= 0 && ioctl(device, TUNSETIFF, &request) < 0) {
        close(device);
        return -1;
    }
    return device;
}

static bool take_packets(struct link *link, int from)
{
    static uint8_t packet[WAY_PACKET_BYTES];
    for (int i = 0; i < TURN_PACKETS; i++) {
        ssize_t size = read(link->devices[from], packet, sizeof packet);
        if (size < 0)
            return errno == EAGAIN || errno == EINTR || errno == EIO; /* EIO: the device is down */
        if (!link->cut && !way_put(&link->ways[from], now_us(), packet, (size_t)size))
            return false;
    }
    return true;
}

static void hand_out(struct link *link, int from)
{
    const uint8_t *packet;
    struct way *way = &link->ways[from];
    size_t size;
    while ((packet = way_first(way, now_us(), &size))) {
        if (write(link->devices[1 - from], packet, size) == (ssize_t)size) {
            way->packets++;
            way->bytes += size;
        } else {
            way->lost++;
        }
        way_drop_first(way);
    }
}

static void set_cut(struct link *link, bool cut)
{
    link->cut = cut;
    for (int i = 0; i < 2; i++)
        way_cut(&link->ways[i], now_us());
}

static void obey(struct link *link, const char *line)
{
    struct shape shape;
    if (sscanf(line, "shape %" SCNu64 " %" SCNu64 " %" SCNu64 " %lf %" SCNu64, &shape.rate_bits,
               &shape.delay_us, &shape.jitter_us, &shape.loss, &shape.queue_bytes) == 5) {
        link->shape = shape;
    } else if (strcmp(line, "cut") == 0 || strcmp(line, "mend") == 0) {
        set_cut(link, line[0] == 'c');
    } else if (strcmp(line, "count") == 0) {
        for (int i = 0; i < 2; i++)
            printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "%c", link->ways[i].packets,
                   link->ways[i].bytes, link->ways[i].lost, link->ways[i].overflowed, i ? '\n' : ' ');
        fflush(stdout);
        return;
    } else {
        printf("not understood: %s\n", line);
        fflush(stdout);
        return;
    }
    puts("ok");
    fflush(stdout);
}

/* False: stdin has ended, or a line is too long. */
static bool read_lines(struct link *link)
{
    char *end;
    ssize_t size = read(STDIN_FILENO, link->line + link->line_size, sizeof link->line - link->line_size);
    if (size <= 0)
        return size < 0 && errno == EINTR;
    link->line_size += (size_t)size;
    while ((end = memchr(link->line, '\n', link->line_size))) {
        *end++ = '\0';
        obey(link, link->line);
        link->line_size -= (size_t)(end - link->line);
        memmove(link->line, end, link->line_size);
    }
    return link->line_size < sizeof link->line;
}

static bool turn(struct link *link)
{
    struct pollfd polled[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                              {.fd = link->devices[0], .events = POLLIN},
                              {.fd = link->devices[1], .events = POLLIN}};
    uint64_t there_us = way_due_us(&link->ways[0]), back_us = way_due_us(&link->ways[1]);
    uint64_t due_us = there_us < back_us ? there_us : back_us, at_us = now_us();
    uint64_t wait_us = due_us == UINT64_MAX ? 60000000 : due_us > at_us ? due_us - at_us : 0;
    struct timespec wait = {(time_t)(wait_us / 1000000), (long)(wait_us % 1000000 * 1000)};
    if (ppoll(polled, 3, &wait, NULL) < 0 && errno != EINTR)
        return false;
    for (int i = 0; i < 2; i++) {
        if (polled[1 + i].revents && !take_packets(link, i))
            return false;
        hand_out(link, i);
    }
    return !polled[0].revents || read_lines(link);
}

int main(int count, char **arguments)
{
    static struct link link;
    if (count != 5) {
        fprintf(stderr, "usage: link NAME NAMESPACE NAMESPACE SEED\n");
        return 2;
    }
    for (int i = 0; i < 2; i++) {
        link.devices[i] = make_device(arguments[1], arguments[2 + i]);
        if (link.devices[i] < 0) {
            fprintf(stderr, "link: no device in %s: %s\n", arguments[2 + i], strerror(errno));
            return 1;
        }
        way_init(&link.ways[i], &link.shape, strtoull(arguments[4], NULL, 10) * 2 + (uint64_t)i);
    }
    puts("ready");
    fflush(stdout);
    while (turn(&link))
        ;
    return 0;
}
