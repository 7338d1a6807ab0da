/* A hub in a directory of its own, with two offices, for tests of what it does with messages. */
#ifndef HOPNHAT_TESTS_UNIT_HUB_MADE_HUB_H
#define HOPNHAT_TESTS_UNIT_HUB_MADE_HUB_H

#include "hub/headquarters.h"
#include "hub/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WALL_MS UINT64_C(1750000000000)

struct made_hub {
    struct hub *hub;
    struct arena arena;
    char directory[64];
};

static inline const struct hub_options *made_options(void)
{
    static struct hub_options given;
    given = (struct hub_options){.map_bytes = 1 << 28, .entropy = entropy_system()};
    return &given;
}

static inline void made_office(struct made_hub *made, const char *code, const char *group)
{
    struct error error;
    struct new_op ops[] = {
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string(GROUP_EVERYONE)},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string(HEADQUARTERS_OWNER)},
        {.field = OFFICE_CODE, .value = bytes_of_string(code)},
        {.field = OFFICE_NAME, .value = bytes_of_string(code)},
        {.field = OFFICE_GROUPS, .value = bytes_of_string(group)},
    };
    struct new_edit edit = {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, .ops = ops, .op_count = 5};
    office_record_id(code, edit.record);
    if (!headquarters_write(made->hub, &edit, 1, NULL, WALL_MS, &error))
        fail_msg("%s", error.text);
}

static inline void made_open(struct made_hub *made)
{
    struct error error;
    made->hub = hub_open(made->directory, made_options(), &error);
    if (!made->hub)
        fail_msg("%s", error.text);
}

static inline void made_reopen(struct made_hub *made)
{
    hub_close(made->hub);
    made_open(made);
}

/* With the offices hue and da-nang, both of cluster:1. */
static inline int made_setup(void **state)
{
    struct error error;
    struct made_hub *made = calloc(1, sizeof *made);
    Hopnhat__Catalog catalog = HOPNHAT__CATALOG__INIT;
    assert_non_null(made);
    snprintf(made->directory, sizeof made->directory, "/tmp/hopnhat-hub-XXXXXX");
    arena_init(&made->arena, 64 << 20);
    catalog.version = 1;
    uint8_t *packed = arena_alloc(&made->arena, hopnhat__catalog__get_packed_size(&catalog));
    struct bytes bytes = bytes_of(packed, hopnhat__catalog__pack(&catalog, packed));
    if (!mkdtemp(made->directory) || !keys_start(&error) ||
        !hub_init(made->directory, made_options(), bytes, WALL_MS, &error))
        return -1;
    made_open(made);
    made_office(made, "hue", "cluster:1");
    made_office(made, "da-nang", "cluster:1");
    *state = made;
    return 0;
}

static inline int made_teardown(void **state)
{
    static const char *const names[] = {"store/data.mdb", "store/lock.mdb", "store", ""};
    struct made_hub *made = *state;
    char path[128];
    hub_close(made->hub);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", made->directory, names[i]);
        remove(path);
    }
    arena_release(&made->arena);
    free(made);
    return 0;
}

#endif
