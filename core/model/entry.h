/* Names of entries and of changes. */
#ifndef HOPNHAT_MODEL_ENTRY_H
#define HOPNHAT_MODEL_ENTRY_H

#include "record.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names a change: the seq of one replica's log. Seq starts at 1 and has no gaps. */
struct dot {
    uint64_t replica, seq;
};

/* Names an entry: the op number `index` (over all edits) of the change `dot`. */
struct entry_id {
    struct dot dot;
    uint32_t index;
};

/* A list of ids in somebody's arena. */
struct entry_list {
    struct entry_id *ids;
    size_t count;
};

static inline int dot_compare(struct dot a, struct dot b)
{
    if (a.replica != b.replica)
        return a.replica < b.replica ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

static inline int entry_id_compare(struct entry_id a, struct entry_id b)
{
    int order = dot_compare(a.dot, b.dot);
    return order ? order : (a.index > b.index) - (a.index < b.index);
}

static inline struct entry_id entry_id_of(const Hopnhat__Entry *entry)
{
    return (struct entry_id){{entry->replica, entry->seq}, entry->index};
}

static inline struct entry_id entry_id_unpacked(const Hopnhat__EntryId *id)
{
    return (struct entry_id){{id->replica, id->seq}, id->index};
}

#endif
