#include "api/settings.h"

#include "api/settings_table.h"
#include "base/log.h"
#include "model/catalog_yaml_tree.h"
#include "net/http_listen.h"
#include "net/link_socket.h"
#include "net/service_manager.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { TEXT_BYTES = 1024, FILE_BYTES = 64 * 1024 };

static const char **text_at(struct settings *settings, const struct setting *row)
{
    return (const char **)(void *)((char *)settings + row->offset);
}

static uint64_t *number_at(struct settings *settings, const struct setting *row)
{
    return (uint64_t *)(void *)((char *)settings + row->offset);
}

static const struct setting *find(enum settings_program program, const char *key)
{
    for (size_t i = 0; i < settings_count; i++)
        if ((settings_table[i].programs & program) && strcmp(settings_table[i].key, key) == 0)
            return &settings_table[i];
    return NULL;
}

static bool set_number(struct settings *settings, const struct setting *row, const char *value,
                       struct error *error)
{
    errno = 0;
    uint64_t number = strtoull(value, NULL, 10);
    if (!*value || value[strspn(value, "0123456789")] || errno || number < row->least || number > row->most)
        return error_set(error, ERROR_INPUT,
                         "%s: \"%.40s\" is no number from %" PRIu64 " to %" PRIu64 " (%s)", row->key, value,
                         row->least, row->most, row->unit);
    *number_at(settings, row) = number;
    return true;
}

static bool set_choice(struct settings *settings, const struct setting *row, const char *value,
                       struct error *error)
{
    char names[128] = "";
    for (size_t i = 0; i < SETTING_CHOICES && row->choices[i].name; i++) {
        if (strcmp(row->choices[i].name, value) == 0) {
            *number_at(settings, row) = row->choices[i].value;
            return true;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", row->choices[i].name);
    }
    return error_set(error, ERROR_INPUT, "%s: \"%.40s\" is none of %s", row->key, value, names);
}

/* The minute of the day that the text begins with, "HH:MM"; *text goes behind it. -1: none. */
static int read_minute(const char **text)
{
    const char *at = *text;
    for (size_t i = 0; i < 5; i++)
        if (i == 2 ? at[i] != ':' : at[i] < '0' || at[i] > '9')
            return -1;
    int hour = 10 * (at[0] - '0') + at[1] - '0', minute = 10 * (at[3] - '0') + at[4] - '0';
    *text += 5;
    return hour < 24 && minute < 60 ? 60 * hour + minute : -1;
}

static bool read_hours(const char *text, int *from, int *to)
{
    *from = read_minute(&text);
    if (*from < 0 || *text++ != '-')
        return false;
    *to = read_minute(&text);
    return *to >= 0 && !*text && *from != *to;
}

bool settings_hours_hold(const char *hours, unsigned minute)
{
    int from, to, now = (int)minute;
    if (!read_hours(hours, &from, &to))
        return true;
    return from < to ? now >= from && now < to : now >= from || now < to;
}

static bool are_names(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-, ";
    return !text[strspn(text, plain)];
}

static bool set_text(struct settings *settings, const struct setting *row, const char *value,
                     struct error *error)
{
    size_t size = strlen(value);
    if (size > TEXT_BYTES)
        return error_set(error, ERROR_INPUT, "%s: more than %d bytes", row->key, TEXT_BYTES);
    if (row->kind == SETTING_PATH && size && value[0] != '/')
        return error_set(error, ERROR_INPUT, "%s: \"%.200s\" does not begin with /", row->key, value);
    if ((row->kind == SETTING_ENDPOINT && !link_endpoint_check(value, true, error)) ||
        (row->kind == SETTING_ADDRESS && size && !http_address_check(value, error)))
        return error_prefix(error, "%s", row->key);
    if (row->kind == SETTING_NAMES && !are_names(value))
        return error_set(error, ERROR_INPUT,
                         "%s: \"%.200s\" are not names such as records.example.org, with commas or blanks "
                         "between them",
                         row->key, value);
    int from, to;
    if (row->kind == SETTING_HOURS && size && !read_hours(value, &from, &to))
        return error_set(error, ERROR_INPUT, "%s: \"%.40s\" is not like 19:00-06:00", row->key, value);
    *text_at(settings, row) = arena_string(&settings->arena, value, size);
    return *text_at(settings, row) || out_of_memory(error);
}

static bool set(struct settings *settings, const struct setting *row, const char *value, struct error *error)
{
    if (row->kind == SETTING_NUMBER)
        return set_number(settings, row, value, error);
    if (row->kind == SETTING_CHOICE)
        return set_choice(settings, row, value, error);
    return set_text(settings, row, value, error);
}

/* What is wrong in the file: the first of it. */
struct wrong {
    const char *path;
    struct error *error;
    bool told;
};

static void tell_wrong(void *context, unsigned line, const char *text)
{
    struct wrong *wrong = context;
    if (!wrong->told)
        error_set(wrong->error, ERROR_INPUT, "%s:%u: %s", wrong->path, line, text);
    wrong->told = true;
}

static bool set_from_node(struct settings *settings, const struct settings_source *source,
                          const struct tree_node *node, struct wrong *wrong)
{
    struct error error;
    const struct setting *row = find(source->program, node->key);
    if (!row)
        error_set(&error, ERROR_INPUT, "there is no setting \"%.60s\": `run --help-config` lists them",
                  node->key);
    else if (node->shape != TREE_SCALAR)
        error_set(&error, ERROR_INPUT, "%s: one value is wanted", row->key);
    else if (set(settings, row, node->text, &error))
        return true;
    tell_wrong(wrong, row ? node->line : node->key_line, error.text);
    return false;
}

/* Reads the file into the arena. */
static bool read_file(const char *path, struct arena *arena, struct bytes *content, struct error *error)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_STORE, "cannot read %s: %s", path,
                         strerror(errno));
    char *text = arena_alloc(arena, FILE_BYTES);
    size_t size = text ? fread(text, 1, FILE_BYTES, file) : 0;
    bool whole = !ferror(file) && size < FILE_BYTES;
    fclose(file);
    *content = bytes_of(text, size);
    if (!text)
        return out_of_memory(error);
    return whole || error_set(error, ERROR_INPUT, "%s cannot be read, or has more than %d bytes", path,
                              FILE_BYTES - 1);
}

/* Whether there are only comments and blank lines: nothing is set then. */
static bool says_nothing(struct bytes content)
{
    bool comment = false;
    for (size_t i = 0; i < content.size; i++) {
        char at = (char)content.data[i];
        comment = at != '\n' && (comment || at == '#');
        if (!comment && !strchr(" \t\r\n", at))
            return false;
    }
    return true;
}

static bool set_from_file(struct settings *settings, const struct settings_source *source,
                          struct error *error)
{
    struct wrong wrong = {.path = source->path, .error = error};
    const struct tree_report report = {.tell = tell_wrong, .context = &wrong};
    struct bytes content;
    struct arena arena;
    arena_init(&arena, 32 * FILE_BYTES);
    bool done = read_file(source->path, &arena, &content, error);
    if (done && !says_nothing(content)) {
        const struct tree_node *root = tree_read(content, &arena, &report);
        if (root && root->shape != TREE_MAP)
            tell_wrong(&wrong, root->line, "lines of the form `key: value` are wanted");
        for (const struct tree_node *node = root && !wrong.told ? root->first : NULL; node; node = node->next)
            if (!set_from_node(settings, source, node, &wrong))
                break;
        done = !wrong.told;
    }
    arena_release(&arena);
    return done;
}

static bool set_given(struct settings *settings, const struct settings_source *source, struct error *error)
{
    for (const char *const *given = source->given; given && *given; given++) {
        char key[64] = "";
        const char *sign = strchr(*given, '=');
        if (sign && (size_t)(sign - *given) < sizeof key)
            memcpy(key, *given, (size_t)(sign - *given));
        const struct setting *row = find(source->program, key);
        if (!row)
            return error_set(error, ERROR_USAGE,
                             "\"%.80s\" is no KEY=VALUE of a setting: `run --help-config` lists them",
                             *given);
        if (!set(settings, row, sign + 1, error)) {
            error->code = ERROR_USAGE;
            return false;
        }
    }
    return true;
}

static bool read_all(struct settings *settings, const struct settings_source *source, struct error *error)
{
    bool done = true;
    *settings = (struct settings){
        .listen = "", .http = "", .http_names = "", .backup_directory = "", .link_bulk_hours = ""};
    arena_init(&settings->arena, FILE_BYTES);
    for (size_t i = 0; i < settings_count && done; i++)
        if (settings_table[i].programs & source->program)
            done = set(settings, &settings_table[i], settings_table[i].absent, error);
    done = done && (!source->path || set_from_file(settings, source, error)) &&
           set_given(settings, source, error);
    if (!done)
        settings_release(settings);
    return done;
}

void settings_release(struct settings *settings)
{
    arena_release(&settings->arena);
}

/* Takes over what stands in `from`; *changed tells whether it was another value. */
static bool keep(struct settings *settings, struct settings *from, const struct setting *row, bool *changed,
                 struct error *error)
{
    if (row->kind == SETTING_NUMBER || row->kind == SETTING_CHOICE) {
        *changed = *number_at(settings, row) != *number_at(from, row);
        *number_at(settings, row) = *number_at(from, row);
        return true;
    }
    *changed = strcmp(*text_at(settings, row), *text_at(from, row)) != 0;
    return set_text(settings, row, *text_at(from, row), error);
}

static void put_in_force(const struct settings *settings)
{
    log_set_level((enum log_level)settings->log_level);
}

bool settings_begin(struct settings *settings, const struct settings_source *source, struct error *error)
{
    bool done = read_all(settings, source, error);
    if (done)
        put_in_force(settings);
    return done;
}

static bool read_again(struct settings *settings, const struct settings_source *source, struct error *error)
{
    struct settings next;
    bool done = read_all(&next, source, error);
    if (!done)
        return false;
    for (size_t i = 0; i < settings_count && done; i++) {
        bool changed = false;
        if (!settings_table[i].live && (settings_table[i].programs & source->program))
            done = keep(&next, settings, &settings_table[i], &changed, error);
        if (changed)
            log_warning("%s: the change takes effect when the service is started again",
                        settings_table[i].key);
    }
    settings_release(done ? settings : &next);
    if (done)
        *settings = next;
    return done;
}

bool settings_reload(struct settings *settings, const struct settings_source *source, struct error *error)
{
    service_manager_reloading();
    bool done = read_again(settings, source, error);
    if (done) {
        put_in_force(settings);
        log_info("the settings were read again from %s", source->path);
    } else {
        log_error("the settings stay as they were: %s", error->text);
    }
    service_manager_reloaded();
    return done;
}

/* The value as a file has it. */
static char *value_text(struct settings *settings, const struct setting *row, struct arena *arena)
{
    if (row->kind == SETTING_NUMBER)
        return arena_format(arena, "%" PRIu64, *number_at(settings, row));
    for (size_t i = 0; row->kind == SETTING_CHOICE && i < SETTING_CHOICES && row->choices[i].name; i++)
        if (row->choices[i].value == *number_at(settings, row))
            return arena_format(arena, "%s", row->choices[i].name);
    return arena_format(arena, "%s", row->kind == SETTING_CHOICE ? "?" : *text_at(settings, row));
}

char *settings_text(struct settings *settings, enum settings_program program, struct arena *arena)
{
    char *text = arena_string(arena, "", 0);
    for (size_t i = 0; i < settings_count && text; i++) {
        if (!(settings_table[i].programs & program))
            continue;
        const char *value = value_text(settings, &settings_table[i], arena);
        if (!value)
            return NULL;
        if (strcmp(value, settings_table[i].absent) != 0)
            text = arena_format(arena, "%s%s%s: %s", text, *text ? ", " : "", settings_table[i].key, value);
    }
    return text;
}
