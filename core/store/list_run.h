/* One list under way: what query_list.c, list_index.c and list_collect.c share. */
#ifndef HOPNHAT_STORE_LIST_RUN_H
#define HOPNHAT_STORE_LIST_RUN_H

#include "store/query_list.h"

/* A record's place in the order. */
struct list_entry {
    struct sort_key key;
    uint8_t id[RECORD_ID_BYTES];
    struct bytes
        rest; /* where the key is cut: the beginning of the value, for records whose keys are equal */
};

struct list_run {
    struct query *query;
    const struct list_query *list;
    list_visit *visit;
    void *user;
    struct list_result *result;
    uint32_t type;
    struct arena kept;       /* of the whole list */
    struct arena scratch;    /* of one record */
    struct list_entry *tail; /* those of the tail that are wanted, in the list's order */
    size_t tail_count, tail_next;
    struct list_entry after;
    bool after_group; /* nothing of after's group of equal cut keys is known to have been shown */
    size_t examined, shown, shown_bytes;
    bool full; /* the page has ended */
    struct error *error;
};

enum { LIST_EXAMINED = 20000 }; /* records that one page looks at, so that it is answered soon */

/* Negative where a comes before b in the list. */
int list_entry_compare(const struct list_run *run, const struct list_entry *a, const struct list_entry *b);

/* Reads the record in the scratch arena, which is reset, and whether it is wanted; *record is NULL where not.
 */
bool list_read(struct list_run *run, const uint8_t id[RECORD_ID_BYTES], const Hopnhat__Record **record);

/* Where the record stands; `rest` is in the scratch arena. */
bool list_place_of(struct list_run *run, const Hopnhat__Record *record, struct list_entry *entry);

/* Copies `rest` into `kept`. */
bool list_keep(struct list_run *run, struct list_entry *entry);

/* Whether the entry was on a former page. */
bool list_is_before(const struct list_run *run, const struct list_entry *entry);

/* Hands the record to the caller, and notes where the page would end. */
bool list_show(struct list_run *run, const Hopnhat__Record *record, const struct list_entry *entry);

/* Notes that a record has been looked at for nothing. */
void list_pass(struct list_run *run, const struct list_entry *entry);

/* Over the index: the records that have the condition's value, by id; all records by the sorted field. */
bool list_by_value(struct list_run *run, const struct condition *condition);
bool list_by_order(struct list_run *run);

/* Collects all that are wanted and sorts them: from the index where `condition` is not NULL, else from all.
 */
bool list_by_collecting(struct list_run *run, const struct condition *condition);

/* Goes on in the order that was kept for the list; shows nothing where none was, or it is at its end. */
bool list_go_on(struct list_run *run);

/* Rows of the index that have the condition's value: counts them up to `most`; visits the ids of those that
 * are not in the tail, ascending after `after` (NULL: all), until visit returns false. */
bool list_count_value(struct list_run *run, const struct condition *condition, size_t most, size_t *count);
bool list_each_value(struct list_run *run, const struct condition *condition, const uint8_t *after,
                     bool (*visit)(struct list_run *run, const uint8_t *id, void *user), void *user);

#endif
