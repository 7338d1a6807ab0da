/* Random histories of a fake store, the same for the same seed. */
#ifndef HOPNHAT_TESTS_UNIT_STORE_HISTORY_H
#define HOPNHAT_TESTS_UNIT_STORE_HISTORY_H

#include "unit/store/fake_source.h"

struct history {
    struct fake *fake;
    uint64_t state;
    Hopnhat__Record **records;
    size_t count;
};

enum { HISTORY_RECORDS = 120 };

static inline uint32_t history_draw(struct history *history, uint32_t below)
{
    history->state = history->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(history->state >> 33) % below;
}

static inline const char *history_pick(struct history *history, const char *const *words, size_t count)
{
    return words[history_draw(history, (uint32_t)count)];
}

static inline const char *history_value(struct history *history, uint32_t field)
{
    static const char *const names[] = {"Hội hữu nghị Việt - Lào",
                                        "Quảng Trị xanh",
                                        "QUANG TRI green",
                                        "An",
                                        "Ăn",
                                        "Đà Nẵng",
                                        "Dương",
                                        "Room to Read",
                                        "",
                                        "中国人民"};
    static const char *const countries[] = {"LA", "KH", "FR", "JP", "US", ""};
    static const char *const sectors[] = {"education", "health", "môi trường", "nước sạch", "mìn"};
    static const char *const sums[] = {"0", "1.5", "-3", "1200000", "0.000000001", "7", ""};
    static const char *const states[] = {"prospect", "active", "dormant", "ended", ""};
    static const char *const dates[] = {"1999", "2001-02", "2001-02-03", "2024-12-31", ""};
    static char long_text[1000];
    switch (field) {
    case NAME:
        if (history_draw(history, 8) > 0)
            return history_pick(history, names, 10);
        memset(long_text, 'k', 900);
        snprintf(long_text + 900, 90, " %u", history_draw(history, 5));
        return long_text;
    case COUNTRY:
        return history_pick(history, countries, 6);
    case SECTORS:
        return history_pick(history, sectors, 5);
    case COMMITTED:
        return history_pick(history, sums, 7);
    case STATUS:
        return history_pick(history, states, 5);
    default:
        return history_pick(history, dates, 5);
    }
}

static inline void history_edit(struct history *history, Hopnhat__Record *record)
{
    uint32_t field = NAME + history_draw(history, 6);
    static const char *const owners[] = {"da-nang", "ha-noi", "lao-cai"};
    if (history_draw(history, 10) == 0)
        fake_set(history->fake, record, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER,
                 history_pick(history, owners, 3));
    else if (field == SECTORS && history_draw(history, 2))
        fake_add(history->fake, record, field, history_value(history, field));
    else
        fake_set(history->fake, record, field, history_value(history, field));
}

/* One more change: a new record, an edit, a deletion or a removal. */
static inline void history_step(struct history *history)
{
    struct fake *fake = history->fake;
    uint32_t place = history_draw(history, HISTORY_RECORDS);
    Hopnhat__Record *record = history->records[place];
    if (!record) {
        record = history->records[place] = fake_record(fake, PARTNER, place, "da-nang");
        for (uint32_t field = NAME; field <= SINCE; field++)
            if (history_draw(history, 4))
                fake_set(fake, record, field, history_value(history, field));
    } else if (history_draw(history, 12) == 0) {
        fake_store(fake, PARTNER, record->id.data, NULL);
        history->records[place] = NULL;
        return;
    } else if (history_draw(history, 12) == 0) {
        fake_delete(fake, record);
    } else {
        history_edit(history, record);
    }
    fake_put(fake, record);
}

static inline void history_begin(struct history *history, struct fake *fake, uint64_t seed)
{
    *history = (struct history){.fake = fake, .state = seed * 2654435761u + 1};
    history->records = calloc(HISTORY_RECORDS, sizeof(Hopnhat__Record *));
    assert_non_null(history->records);
}

static inline void history_end(struct history *history)
{
    free(history->records);
}

#endif
