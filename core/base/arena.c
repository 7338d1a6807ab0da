#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BLOCK_BYTES = 16 * 1024, LARGEST_BLOCK_BYTES = 1024 * 1024 };

struct arena_block {
    struct arena_block *older;
    size_t capacity, used;
    alignas(max_align_t) uint8_t data[];
};

static void *protobuf_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void protobuf_free(void *arena, void *pointer)
{
    (void)arena, (void)pointer;
}

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){
        .limit_bytes = limit_bytes,
        .protobuf = {.alloc = protobuf_alloc, .free = protobuf_free, .allocator_data = arena},
    };
}

static struct arena_block *add_block(struct arena *arena, size_t least)
{
    size_t capacity = arena->blocks ? arena->blocks->capacity * 2 : FIRST_BLOCK_BYTES;
    if (capacity > LARGEST_BLOCK_BYTES)
        capacity = LARGEST_BLOCK_BYTES;
    if (capacity < least)
        capacity = least;
    struct arena_block *block = malloc(sizeof *block + capacity);
    if (!block)
        return NULL;
    *block = (struct arena_block){.older = arena->blocks, .capacity = capacity};
    arena->blocks = block;
    return block;
}

static void *fail(struct arena *arena, enum error_code why)
{
    if (arena->failure == ERROR_NONE)
        arena->failure = why;
    return NULL;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t alignment = alignof(max_align_t), room = arena->limit_bytes - arena->used_bytes;
    if (size > room)
        return fail(arena, ERROR_LIMIT);
    size_t rounded = size ? (size + alignment - 1) / alignment * alignment : alignment;
    if (rounded > room || rounded < size)
        return fail(arena, ERROR_LIMIT);
    struct arena_block *block = arena->blocks;
    if (!block || block->capacity - block->used < rounded)
        block = add_block(arena, rounded);
    if (!block)
        return fail(arena, ERROR_MEMORY);
    void *result = block->data + block->used;
    block->used += rounded;
    arena->used_bytes += rounded;
    return memset(result, 0, rounded);
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
    void *copy = arena_alloc(arena, size);
    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

char *arena_string(struct arena *arena, const void *data, size_t size)
{
    char *copy = arena_alloc(arena, size + 1);
    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->blocks;
    if (kept && kept->capacity > LARGEST_BLOCK_BYTES) {
        arena_release(arena);
    } else if (kept) {
        while (kept->older) {
            struct arena_block *older = kept->older;
            kept->older = older->older;
            free(older);
        }
        kept->used = 0;
    }
    arena->used_bytes = 0;
    arena->failure = ERROR_NONE;
}

void arena_release(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->older;
        free(block);
    }
    arena->used_bytes = 0;
    arena->failure = ERROR_NONE;
}
