/* One arena for each test of a program that needs nothing else set up. */
#ifndef HOPNHAT_TESTS_UNIT_LIB_TEST_ARENA_H
#define HOPNHAT_TESTS_UNIT_LIB_TEST_ARENA_H

#include "unit/lib/model.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TEST_ARENA_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

#endif
