/* Bump allocation for the life of one message, request or transaction. Nothing is freed singly;
 * arena_reset or arena_release ends all of it. Bounded: what would pass the bound gets NULL. */
#ifndef HOPNHAT_BASE_ARENA_H
#define HOPNHAT_BASE_ARENA_H

#include "base/bytes.h"
#include "base/error.h"

#include <protobuf-c/protobuf-c.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used_bytes;          /* handed out since the last reset, rounded up as it was */
    size_t limit_bytes;
    enum error_code failure; /* why the first allocation since the last reset that failed did: ERROR_LIMIT,
                                ERROR_MEMORY; ERROR_NONE where none has */
    ProtobufCAllocator protobuf; /* hand &arena->protobuf to unpack functions; its free does nothing */
};

/* Makes *arena empty with a bound of limit_bytes on what it hands out until a reset. Allocates nothing.
 * The arena must not be moved afterwards (the allocator points back at it). */
void arena_init(struct arena *arena, size_t limit_bytes);

/* size bytes, zeroed, aligned for any object, owned by the arena; NULL past the bound or out of memory. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of data in the arena; for size 0 a non-NULL pointer. NULL as arena_alloc. */
void *arena_copy(struct arena *arena, const void *data, size_t size);

/* Formats into the arena. NULL as arena_alloc. */
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A NUL-ended copy of the first size bytes. NULL as arena_alloc. */
char *arena_string(struct arena *arena, const void *data, size_t size);

/* Ends all allocations, keeps one block of usual size for the next use. */
void arena_reset(struct arena *arena);

/* Ends all allocations and gives all memory back. The arena may be used again. */
void arena_release(struct arena *arena);

#endif
