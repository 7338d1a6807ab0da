/* An office that writes much: makes signed pushes of changes, for the benches. */
#ifndef HOPNHAT_TESTS_BENCH_AUTHOR_H
#define HOPNHAT_TESTS_BENCH_AUTHOR_H

#include "hub/session.h"
#include "model/change.h"

struct author {
    struct signing_keys signing_keys;
    struct link_keys link_keys;
    uint64_t replica, seq;
    uint8_t link[LINK_BYTES];
    uint32_t request, catalog_tag;
    char office[LIMIT_OFFICE_CODE_BYTES + 1];
    const char *group;  /* of new records: everyone, if nothing else is set after author_start */
    struct arena arena; /* of the push being made */
    uint64_t random;
};

/* Makes a hub with the default catalog in a directory that is not there, and opens it. NULL with the reason.
 */
struct hub *author_make_hub(const char *directory, struct error *error);

/* The bench's own generator, so that runs are alike. */
uint64_t author_random(struct author *author);

/* Adds the office to the hub if it is not there, joins it and begins a session. False with the reason. */
bool author_start(struct author *author, struct hub *hub, const char *office, const struct hub_outlet *outlet,
                  struct error *error);
void author_end(struct author *author);

/* A record that the author has made, and the entry that stands in the field that updates write. */
struct made {
    uint8_t id[RECORD_ID_BYTES];
    struct entry_id standing;
};

/* A Push of `count` new records of about 300 bytes (noted in `made`), or of one-field updates of records made
 * before, at random. Each change is one edit. The message is the author's until the next call. */
Hopnhat__Message *author_new_records(struct author *author, size_t count, struct made *made,
                                     struct error *error);
Hopnhat__Message *author_updates(struct author *author, size_t count, struct made *made, size_t made_count,
                                 struct error *error);

#endif
