/* Many light agents in one process: what tests/bench/crowd is made of. They speak the protocol as agents do
 * (real keys, Hello, Push, Pull), and keep nothing but where they stand. */
#ifndef HOPNHAT_TESTS_BENCH_CROWD_H
#define HOPNHAT_TESTS_BENCH_CROWD_H

#include "author.h"
#include "curve.h"

#include "net/frame.h"

#include <netinet/in.h>

/* What a crowd file holds of one member, who joined when the file was made. */
struct crowd_row {
    struct link_keys link_keys;
    struct signing_keys signing_keys;
    uint64_t replica;
    char office[LIMIT_OFFICE_CODE_BYTES + 1];
};

struct crowd_head {
    uint8_t hub_key[LINK_KEY_BYTES];
    uint64_t epoch, rev; /* every member has read the feed up to here */
    uint32_t catalog_tag, count;
};

struct crowd_counts {
    uint64_t up;           /* connected, keys proved */
    uint64_t open;         /* in session, at the head, a Pull held by the hub */
    uint64_t saved;        /* changes made */
    uint64_t acknowledged; /* of these, by the hub */
    uint64_t lost;         /* acknowledged, and then not known any more: must stay 0 */
    uint64_t feeds;        /* parts that came */
    uint64_t busy, refused, cuts;
};

struct crowd {
    struct crowd_head head;
    struct member *members;
    struct sockaddr_in address;
    struct frame_codec *codec;
    struct frame_buffer out;
    struct arena arena; /* of one message */
    struct crowd_counts counts;
    int epoll;
    bool at_once; /* members that lose the hub come again without back-off */
    size_t target, connecting;
    uint64_t now_ms;
};

struct member {
    struct author author;
    char group[LIMIT_GROUP_NAME_BYTES + 1]; /* its own office's: it writes into this */
    struct curve curve;
    struct crowd *crowd;
    uint64_t due_ms;           /* when to do what comes next; UINT64_MAX: it waits for the hub */
    uint64_t ping_ms;          /* the next heartbeat */
    uint64_t rev;              /* where it stands: at the head of this */
    uint64_t acknowledged;     /* its own seq */
    Hopnhat__Message *pushing; /* the change that the hub has not acknowledged yet; in author's arena */
    unsigned attempts;
    uint32_t applied, waits_for;
    enum { MEMBER_DOWN, MEMBER_CONNECTING, MEMBER_GREETING, MEMBER_PUSHING, MEMBER_PULLING } state;
    bool open, wants_write;
};

/* crowd_file.c: lets `count` members join in up to 1,000 offices of the hub in the directory (which no daemon
 * holds), and writes the file. Reads it. False with the reason. */
bool crowd_make(const char *hub_directory, const char *path, size_t count, struct error *error);
bool crowd_load(struct crowd *crowd, const char *path, struct error *error);

/* crowd_member.c: something is due; the socket has something; one more change is made and offered; the
 * connection is over. */
void member_tick(struct member *member);
void member_work(struct member *member);
void member_write(struct member *member);
void member_down(struct member *member);

#endif
