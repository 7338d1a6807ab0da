#include "model/office.h"

#include "base/limits.h"
#include "model/fold.h"

#include <sodium.h>
#include <stdlib.h>

const char GROUP_EVERYONE[] = "everyone";
const char HEADQUARTERS_OWNER[] = "headquarters";

void office_record_id(const char *code, uint8_t id[16])
{
    static const uint8_t no_salt[16], person[16] = "hopnhat.office";
    uint8_t hash[32];
    crypto_generichash_blake2b_salt_personal(hash, sizeof hash, (const uint8_t *)code, strlen(code), NULL, 0,
                                             no_salt, person);
    memcpy(id, hash, 16);
}

static bool is_word(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return text.size > 0;
}

bool office_code_is_sound(struct bytes code)
{
    return is_word(code) && code.data[0] >= 'a' && code.data[0] <= 'z' &&
           code.size <= LIMIT_OFFICE_CODE_BYTES;
}

bool group_is_sound(struct bytes name)
{
    if (name.size > LIMIT_GROUP_NAME_BYTES)
        return false;
    if (bytes_equal(name, bytes_of_string(GROUP_EVERYONE)))
        return true;
    const uint8_t *colon = name.size ? memchr(name.data, ':', name.size) : NULL;
    if (!colon)
        return false;
    size_t before = (size_t)(colon - name.data);
    return is_word(bytes_of(name.data, before)) && is_word(bytes_of(colon + 1, name.size - before - 1));
}

/* Reads one field of the office; *values is empty where it is not set. */
static bool read_field(const struct catalog_type *type, const Hopnhat__Record *record, uint32_t number,
                       struct arena *arena, struct reading *reading, struct error *error)
{
    const Hopnhat__FieldDefinition *definition = type_field(type, number);
    if (!definition)
        return error_set(error, ERROR_INTERNAL, "the type office has no field %u", number);
    return fold_field(type, record, definition, arena, reading, error);
}

static bool read_text(const struct catalog_type *type, const Hopnhat__Record *record, uint32_t number,
                      struct arena *arena, const char **text, struct error *error)
{
    struct reading reading;
    if (!read_field(type, record, number, arena, &reading, error))
        return false;
    *text = reading.count ? arena_string(arena, reading.values[0].data, reading.values[0].size) : "";
    return *text || out_of_memory(error);
}

static bool read_groups(const struct catalog_type *type, const Hopnhat__Record *record, struct arena *arena,
                        struct office *office, struct error *error)
{
    struct reading reading;
    if (!read_field(type, record, OFFICE_GROUPS, arena, &reading, error))
        return false;
    const char **groups = arena_alloc(arena, (reading.count + 2) * sizeof(char *));
    if (!groups)
        return out_of_memory(error);
    office->groups = groups;
    groups[office->group_count++] = GROUP_EVERYONE;
    groups[office->group_count] = arena_format(arena, "office:%s", office->code);
    if (!groups[office->group_count++])
        return out_of_memory(error);
    for (size_t i = 0; i < reading.count && office->group_count < LIMIT_GROUPS_PER_OFFICE; i++) {
        if (office_is_in(office, reading.values[i]))
            continue;
        const char *group = arena_string(arena, reading.values[i].data, reading.values[i].size);
        if (!group)
            return out_of_memory(error);
        groups[office->group_count++] = group;
    }
    return true;
}

static bool read_revocations(const struct catalog_type *type, const Hopnhat__Record *record,
                             struct arena *arena, struct office *office, struct error *error)
{
    struct reading reading;
    const char *before;
    if (!read_text(type, record, OFFICE_REVOKED_BEFORE, arena, &before, error) ||
        !read_field(type, record, OFFICE_REVOKED_KEYS, arena, &reading, error))
        return false;
    office->revoked_before_ms = strtoull(before, NULL, 10);
    const char **keys = arena_alloc(arena, (reading.count + 1) * sizeof(char *));
    for (size_t i = 0; keys && i < reading.count; i++)
        if ((keys[office->revoked_key_count] =
                 arena_string(arena, reading.values[i].data, reading.values[i].size)))
            office->revoked_key_count++;
    office->revoked_keys = keys;
    return (keys && office->revoked_key_count == reading.count) || out_of_memory(error);
}

bool office_has_revoked(const struct office *office, const char *key, uint64_t joined_ms)
{
    for (size_t i = 0; i < office->revoked_key_count; i++)
        if (strcmp(office->revoked_keys[i], key) == 0)
            return true;
    return joined_ms <= office->revoked_before_ms;
}

bool office_read(const struct catalog *catalog, const Hopnhat__Record *record, struct arena *arena,
                 struct office *office, struct error *error)
{
    const struct catalog_type *type = catalog_type(catalog, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE);
    const char *headquarters, *revoked;
    *office = (struct office){0};
    if (!type)
        return error_set(error, ERROR_INTERNAL, "the catalog has no type office");
    if (!read_text(type, record, OFFICE_CODE, arena, &office->code, error) ||
        !read_text(type, record, OFFICE_NAME, arena, &office->name, error) ||
        !read_text(type, record, OFFICE_HEADQUARTERS, arena, &headquarters, error) ||
        !read_text(type, record, OFFICE_REVOKED, arena, &revoked, error))
        return false;
    if (!office_code_is_sound(bytes_of_string(office->code)))
        return error_set(error, ERROR_CORRUPT, "an office record without a code");
    office->headquarters = strcmp(headquarters, "true") == 0;
    office->revoked = strcmp(revoked, "true") == 0;
    return read_groups(type, record, arena, office, error) &&
           read_revocations(type, record, arena, office, error);
}

bool office_is_in(const struct office *office, struct bytes group)
{
    for (size_t i = 0; i < office->group_count; i++)
        if (bytes_equal(bytes_of_string(office->groups[i]), group))
            return true;
    return false;
}

const char *office_audience(const struct office *office, Hopnhat__Audience audience)
{
    const char *prefix = audience == HOPNHAT__AUDIENCE__AUDIENCE_EVERYONE  ? GROUP_EVERYONE
                         : audience == HOPNHAT__AUDIENCE__AUDIENCE_CLUSTER ? "cluster:"
                                                                           : "office:";
    for (size_t i = 0; i < office->group_count; i++)
        if (strncmp(office->groups[i], prefix, strlen(prefix)) == 0)
            return office->groups[i];
    return NULL;
}
