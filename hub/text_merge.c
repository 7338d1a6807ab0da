#include "hub/text_merge.h"

#include "base/defect.h"

#include <git2.h>
#include <string.h>

/* libgit2 merges lines, and takes alterations of neighbouring lines for one. So each paragraph is a line that
 * begins with a mark, and an empty line follows it; what has no mark in the result was never anybody's. */
static const uint8_t MARK = '|';

static bool failed(struct error *error)
{
    const git_error *last = git_error_last();
    return error_set(error, ERROR_INTERNAL, "texts cannot be merged: %s", last ? last->message : "libgit2");
}

bool text_merge_start(struct error *error)
{
    return git_libgit2_init() > 0 || failed(error);
}

void text_merge_end(void)
{
    git_libgit2_shutdown();
}

/* The length of the paragraph that begins at `at`. */
static size_t paragraph_size(struct bytes text, size_t at)
{
    const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
    return end ? (size_t)(end - (text.data + at)) : text.size - at;
}

static bool lines_of(struct bytes text, struct arena *arena, git_merge_file_input *lines, struct error *error)
{
    size_t paragraphs = 1, at = 0;
    for (size_t i = 0; i < text.size; i++)
        paragraphs += text.data[i] == '\n';
    uint8_t *to = arena_alloc(arena, text.size + 3 * paragraphs);
    if (!to)
        return out_of_memory(error);
    *lines = (git_merge_file_input){.version = GIT_MERGE_FILE_INPUT_VERSION, .ptr = (const char *)to};
    while (text.size && at <= text.size) {
        size_t size = paragraph_size(text, at);
        *to++ = MARK;
        memcpy(to, text.data + at, size);
        to += size;
        *to++ = '\n';
        *to++ = '\n';
        at += size + 1;
    }
    lines->size = (size_t)((const char *)to - lines->ptr);
    return true;
}

static bool text_of(const git_merge_file_result *result, struct arena *arena, struct bytes *text,
                    struct error *error)
{
    struct bytes lines = bytes_of(result->ptr, result->len);
    uint8_t *start = arena_alloc(arena, lines.size + 1), *to = start;
    size_t count = 0;
    if (!start)
        return out_of_memory(error);
    for (size_t at = 0, size; at < lines.size; at += size + 1) {
        size = paragraph_size(lines, at);
        if (size == 0 || lines.data[at] != MARK || (DEFECT(TEXT_DROPS_A_PARAGRAPH) && count == 2))
            continue;
        if (count++ > 0)
            *to++ = '\n';
        memcpy(to, lines.data + at + 1, size - 1);
        to += size - 1;
    }
    *text = bytes_of(start, (size_t)(to - start));
    return true;
}

bool text_merge(struct bytes base, struct bytes left, struct bytes right, struct arena *arena,
                struct bytes *merged, bool *clean, struct error *error)
{
    git_merge_file_input inputs[3];
    git_merge_file_result result = {0};
    if (!lines_of(base, arena, &inputs[0], error) || !lines_of(left, arena, &inputs[1], error) ||
        !lines_of(right, arena, &inputs[2], error))
        return false;
    if (git_merge_file(&result, &inputs[0], &inputs[1], &inputs[2], NULL) != 0)
        return failed(error);
    *clean = result.automergeable != 0;
    bool done = !*clean || text_of(&result, arena, merged, error);
    git_merge_file_result_free(&result);
    return done;
}
