#include "store/query_search.h"

#include "model/fold.h"
#include "store/contribution.h"
#include "store/search_hits.h"
#include "store/words.h"

enum { SEARCH_EXAMINED = 20000, SCRATCH_BYTES = 512 * 1024 * 1024, TERMS_BYTES = 16 * 1024 * 1024 };

struct search_run {
    struct query *query;
    const struct search_query *search;
    search_visit *visit;
    void *user;
    struct search_result *result;
    struct search_terms terms;
    struct arena kept, scratch;
    size_t tail_next, examined, shown, shown_bytes;
    bool full, failed;
    struct error *error;
};

static bool add_term(struct search_run *run, struct bytes word, bool begins)
{
    for (size_t i = 0; i < run->terms.count; i++)
        if (run->terms.words[i].begins == begins && bytes_equal(run->terms.words[i].word, word))
            return true;
    if (run->terms.count == LIMIT_SEARCH_WORDS)
        return error_set(run->error, ERROR_LIMIT, "search: more than %d words", LIMIT_SEARCH_WORDS);
    run->terms.words[run->terms.count++] = (struct search_word){.word = word, .begins = begins};
    return true;
}

/* One piece between blanks may come to several words; a star makes the last of them a beginning. */
static bool add_piece(struct search_run *run, struct bytes piece)
{
    struct words words = {0};
    bool begins = piece.size > 0 && piece.data[piece.size - 1] == '*';
    if (!words_add(&words, piece, &run->kept, run->error))
        return false;
    for (size_t i = 0; i < words.count; i++)
        if (!add_term(run, words.words[i], begins && i + 1 == words.count))
            return false;
    return true;
}

static bool read_terms(struct search_run *run)
{
    const char *text = run->search->text;
    while (*text) {
        size_t size = strcspn(text, " \t\r\n");
        if (size && !add_piece(run, bytes_of(text, size)))
            return false;
        text += size;
        text += *text != '\0';
    }
    return run->terms.count ||
           error_set(run->error, ERROR_INPUT, "search: \"%.60s\" has no words", run->search->text);
}

/* Whether the record is not deleted and has all words. */
static bool matches(struct search_run *run, const Hopnhat__Record *record, bool *matching)
{
    const struct catalog_type *type = catalog_type(run->query->catalog, record->type);
    struct words words = {0};
    bool deleted;
    *matching = false;
    if (!type)
        return true;
    if (!fold_deleted(type, record, &run->scratch, &deleted, NULL, run->error))
        return false;
    if (deleted)
        return true;
    if (!contribution_words(type, record, &run->scratch, &words, run->error))
        return false;
    *matching = true;
    for (size_t i = 0; i < run->terms.count && *matching; i++)
        *matching = words_have(&words, run->terms.words[i].word, run->terms.words[i].begins);
    return true;
}

/* Whether the page has as much as it may. */
static bool is_full(const struct search_run *run)
{
    return run->shown >= run->search->limit ||
           (run->search->most_bytes && run->shown_bytes >= run->search->most_bytes);
}

/* Shows the record if it matches, and notes that the page might end here. */
static bool show(struct search_run *run, uint32_t type, const uint8_t *id, const Hopnhat__Record *record)
{
    bool matching = false;
    if (record && !matches(run, record, &matching))
        return false;
    if (matching && !run->visit(run->user, record, run->error))
        return false;
    run->shown += matching;
    if (matching && run->search->most_bytes)
        run->shown_bytes += hopnhat__record__get_packed_size(record);
    run->examined++;
    run->result->next.type = type;
    memcpy(run->result->next.id, id, RECORD_ID_BYTES);
    run->full = is_full(run) || run->examined >= SEARCH_EXAMINED;
    run->result->more = run->full;
    return true;
}

static bool read_and_show(struct search_run *run, uint32_t type, const uint8_t *id)
{
    const Hopnhat__Record *record;
    arena_reset(&run->scratch);
    return query_read(run->query, type, id, &run->scratch, &record, run->error) &&
           show(run, type, id, record);
}

static bool is_past(const struct search_run *run, const uint8_t key[RECORD_KEY_BYTES])
{
    uint8_t after[RECORD_KEY_BYTES];
    if (!run->search->after)
        return true;
    put_u32_be(after, run->search->after->type);
    memcpy(after + 4, run->search->after->id, RECORD_ID_BYTES);
    return memcmp(key, after, sizeof after) > 0;
}

/* Shows what of the tail comes before the key (NULL: all). */
static bool show_tail(struct search_run *run, const uint8_t *key)
{
    const struct query *query = run->query;
    for (; run->tail_next < query->tail_count && !run->full; run->tail_next++) {
        const struct source_row *row = &query->tail[run->tail_next];
        uint8_t own[RECORD_KEY_BYTES];
        put_u32_be(own, row->type);
        memcpy(own + 4, row->id, RECORD_ID_BYTES);
        if (key && memcmp(own, key, sizeof own) >= 0)
            return true;
        if (is_past(run, own) && !read_and_show(run, row->type, row->id))
            return false;
    }
    return true;
}

/* The least key greater than this one. */
static bool step_over(uint8_t key[RECORD_KEY_BYTES])
{
    for (size_t i = RECORD_KEY_BYTES; i-- > 0;)
        if (++key[i] != 0)
            return true;
    return false;
}

static bool search_words(struct search_run *run, struct search_hits *hits)
{
    uint8_t key[RECORD_KEY_BYTES] = {0};
    put_u32_be(key, run->search->type);
    if (run->search->after) {
        put_u32_be(key, run->search->after->type);
        memcpy(key + 4, run->search->after->id, RECORD_ID_BYTES);
        if (!step_over(key))
            return true;
    }
    while (!run->full && search_hits_next(hits, key)) {
        uint32_t type = get_u32_be(key);
        if (run->search->type && type != run->search->type)
            break;
        if (!show_tail(run, key))
            return false;
        if (!run->full && !query_is_in_tail(run->query, type, key + 4) && !read_and_show(run, type, key + 4))
            return false;
        if (!step_over(key))
            break;
    }
    return show_tail(run, NULL);
}

static bool search_index(struct search_run *run)
{
    struct search_hits hits;
    bool done =
        search_hits_open(&hits, &run->query->views, &run->terms, run->error) && search_words(run, &hits);
    search_hits_close(&hits);
    return done;
}

static bool scan_record(void *user, const Hopnhat__Record *record)
{
    struct search_run *run = user;
    arena_reset(&run->scratch);
    size_t examined = run->examined;
    run->failed = !show(run, record->type, record->id.data, record);
    run->full = is_full(run); /* without an index a page looks at all of them */
    run->result->more = run->full;
    if (!run->failed && examined >= SEARCH_SCANNED)
        run->failed = !error_set(run->error, ERROR_UNAVAILABLE,
                                 "search: the index is still being built; try again in a while");
    return !run->failed && !run->full;
}

static bool search_all(struct search_run *run)
{
    const struct catalog *catalog = run->query->catalog;
    const struct search_place *after = run->search->after;
    for (size_t i = 0; i < catalog_type_count(catalog) && !run->full; i++) {
        uint32_t type = type_definition(catalog_type_at(catalog, i))->number;
        if ((run->search->type && type != run->search->type) || (after && type < after->type))
            continue;
        const uint8_t *from = after && type == after->type ? after->id : NULL;
        if (!run->query->querier->source->scan(&run->query->store, type, from, scan_record, run,
                                               run->error) ||
            run->failed)
            return false;
    }
    return true;
}

bool query_search(struct query *query, const struct search_query *search, search_visit *visit, void *user,
                  struct search_result *result, struct error *error)
{
    struct search_run run = {
        .query = query, .search = search, .visit = visit, .user = user, .result = result, .error = error};
    *result = (struct search_result){0};
    arena_init(&run.kept, TERMS_BYTES);
    arena_init(&run.scratch, SCRATCH_BYTES);
    bool done = read_terms(&run) && query_load_tail(query, search->type, error);
    if (done)
        done = query->indexed ? search_index(&run) : search_all(&run);
    arena_release(&run.kept);
    arena_release(&run.scratch);
    return done && transaction_is_sound(&query->store, error) && transaction_is_sound(&query->views, error);
}
