#include "fuzz/fuzz.h"

#include "model/catalog_yaml.h"
#include "model/fold.h"

#include <stdio.h>
#include <stdlib.h>

static const char CATALOG[] =
    "version: 1\nname: test\ntypes:\n  - number: 16\n    name: partner\n    fields:\n"
    "      - {number: 16, name: name, vi: Tên, en: Name}\n"
    "      - {number: 17, name: country, kind: country, policy: authority}\n"
    "      - {number: 18, name: sectors, policy: union}\n"
    "      - {number: 19, name: notes, policy: thread}\n"
    "      - {number: 20, name: since, kind: date, policy: lowest}\n"
    "      - {number: 21, name: amount, kind: decimal, policy: highest}\n"
    "      - {number: 22, name: visits, kind: integer, policy: sum}\n"
    "      - {number: 23, name: report, policy: text}\n"
    "      - {number: 24, name: status, policy: review, kind: enum, choices: [{name: open}, {name: shut}]}\n"
    "      - {number: 25, name: begin, kind: time, unit: stay}\n"
    "      - {number: 26, name: end, kind: time, unit: stay}\n"
    "      - {number: 27, name: active, kind: boolean}\n";

void fuzz_assert(bool holds)
{
    if (!holds)
        abort();
}

const struct catalog *fuzz_catalog(void)
{
    static struct catalog *catalog;
    static struct catalog_errors errors;
    struct arena arena;
    struct error error;
    struct bytes packed;
    if (catalog)
        return catalog;
    arena_init(&arena, 16 << 20);
    if (!catalog_from_yaml(bytes_of_string(CATALOG), "test", &arena, &packed, &errors))
        fprintf(stderr, "%s\n", errors.list[0].text);
    else
        catalog = catalog_load(packed, &error);
    arena_release(&arena);
    fuzz_assert(catalog != NULL);
    return catalog;
}

void fuzz_read_record(const Hopnhat__Record *record, struct arena *arena)
{
    const struct catalog_type *type = catalog_type(fuzz_catalog(), record->type);
    struct reading reading;
    struct error error;
    bool deleted, altered;
    if (!type)
        return;
    for (uint32_t number = 1; number <= 27; number++)
        if (type_field(type, number))
            fold_field(type, record, type_field(type, number), arena, &reading, &error);
    fold_deleted(type, record, arena, &deleted, &altered, &error);
    fold_group(record);
    fold_owner(record);
}

bool fuzz_adds(const Hopnhat__Edit *edit)
{
    for (size_t i = 0; i < edit->n_ops; i++)
        if (edit->ops[i]->kind == HOPNHAT__OP_KIND__ADD)
            return true;
    return false;
}
