#include "api/commands_bundle.h"

#include "api/commands.h"
#include "api/output_file.h"
#include "base/limits.h"
#include "base/new_file.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES = LIMIT_BUNDLE_BYTES + 64 * 1024 }; /* with header, signature and seal */

static bool decode(const char *text, struct arena *arena, struct bytes *file, struct error *error)
{
    size_t size = strlen(text), decoded;
    uint8_t *data = arena_alloc(arena, size / 4 * 3 + 1);
    if (!data)
        return out_of_memory(error);
    if (sodium_base642bin(data, size / 4 * 3 + 1, text, size, NULL, &decoded, NULL,
                          sodium_base64_VARIANT_ORIGINAL))
        return error_set(error, ERROR_INPUT, "content: not base64");
    *file = bytes_of(data, decoded);
    return true;
}

bool api_file_content(const struct api_call *call, struct bytes *file, struct error *error)
{
    const char *text = json_string_value(json_object_get(call->body, "content"));
    return text ? decode(text, call->arena, file, error)
                : error_set(error, ERROR_INPUT, "content: the file, as base64");
}

bool api_file_add(json_t *answer, struct bytes file, struct arena *arena)
{
    size_t size = sodium_base64_encoded_len(file.size, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena_alloc(arena, size);
    return text && sodium_bin2base64(text, size, file.data, file.size, sodium_base64_VARIANT_ORIGINAL) &&
           json_object_set_new(answer, "content", json_stringn_nocheck(text, size - 1)) == 0;
}

static bool file_failed(struct error *error, const char *what, const char *path)
{
    return error_set(error,
                     errno == ENOENT   ? ERROR_NOT_FOUND
                     : errno == ENOSPC ? ERROR_FULL
                                       : ERROR_STORE,
                     "cannot %s %s: %s", what, path, strerror(errno));
}

static bool read_file(const char *path, struct arena *arena, struct bytes *file, struct error *error)
{
    struct stat is;
    FILE *from = fopen(path, "rb");
    if (!from)
        return file_failed(error, "read", path);
    bool done = fstat(fileno(from), &is) == 0 || file_failed(error, "read", path);
    if (done && is.st_size > FILE_BYTES)
        done = error_set(error, ERROR_LIMIT, "%s passes LIMIT_BUNDLE_BYTES: it is no bundle", path);
    uint8_t *data = done ? arena_alloc(arena, (size_t)is.st_size + 1) : NULL;
    if (done && !data)
        done = out_of_memory(error);
    if (done)
        *file = bytes_of(data, fread(data, 1, (size_t)is.st_size, from));
    if (done && ferror(from))
        done = file_failed(error, "read", path);
    fclose(from);
    return done;
}

/* Whole and durable, or not at all: sticks are pulled out early. */
static bool write_file(const char *path, struct bytes file, struct arena *arena, struct error *error)
{
    char *part = arena_format(arena, "%s.part", path);
    if (!part)
        return out_of_memory(error);
    int descriptor = new_file_open(part, 0600);
    if (descriptor < 0)
        return file_failed(error, "write", part);
    bool done = true;
    for (size_t at = 0; done && at < file.size;) {
        ssize_t size = write(descriptor, file.data + at, file.size - at);
        done = size > 0 || (size < 0 && errno == EINTR) || file_failed(error, "write", part);
        at += size > 0 ? (size_t)size : 0;
    }
    done = done && (fsync(descriptor) == 0 || file_failed(error, "write", part));
    close(descriptor);
    if (done && rename(part, path) != 0)
        done = file_failed(error, "write", path);
    if (!done)
        unlink(part);
    return done;
}

static void print_result(struct cli *cli, json_t *answer)
{
    json_object_del(answer, "content");
    if (cli->json)
        cli_print_json(answer);
    else
        command_print_object(answer);
}

/* The last argument is the file; an office before it, at the hub. */
bool command_bundle_export(struct cli *cli, struct error *error)
{
    const char *path = cli->arguments[cli->argument_count - 1];
    const char *office = cli->argument_count > 1 ? cli->arguments[0] : NULL;
    json_t *answer = NULL, *body = json_pack("{s:s*}", "office", office);
    struct bytes file;
    bool done = (body || out_of_memory(error)) &&
                output_file_may_be(path, "bundle", cli->data, &cli->arena, error) &&
                cli_call(cli, "POST", body, &answer, error, "/v1/bundles/export");
    const char *content = json_string_value(json_object_get(answer, "content"));
    done = done && (content || error_set(error, ERROR_INTERNAL, "the daemon sent no bundle")) &&
           decode(content, &cli->arena, &file, error) && write_file(path, file, &cli->arena, error);
    if (done) {
        json_object_set_new(answer, "file", json_string(path));
        json_object_set_new(answer, "bytes", json_integer((json_int_t)file.size));
        print_result(cli, answer);
    }
    json_decref(body);
    json_decref(answer);
    return done;
}

bool command_bundle_import(struct cli *cli, struct error *error)
{
    const char *path = cli->arguments[0];
    struct bytes file;
    json_t *answer = NULL, *body = json_object();
    bool done =
        read_file(path, &cli->arena, &file, error) &&
        (body && api_file_add(body, file, &cli->arena) ? true : out_of_memory(error)) &&
        (cli_call(cli, "POST", body, &answer, error, "/v1/bundles") || error_prefix(error, "%s", path));
    if (done)
        print_result(cli, answer);
    json_decref(body);
    json_decref(answer);
    return done;
}
