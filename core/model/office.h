/* Offices as records of the built-in type. */
#ifndef HOPNHAT_MODEL_OFFICE_H
#define HOPNHAT_MODEL_OFFICE_H

#include "model/bag.h"
#include "model/catalog.h"

/* Field numbers of the type office (catalog_builtin.c). */
enum office_field {
    OFFICE_CODE = 16,
    OFFICE_NAME = 17,
    OFFICE_GROUPS = 18,
    OFFICE_HEADQUARTERS = 19,
    OFFICE_STATUS = 20,
    OFFICE_MERGED_INTO = 21,
    OFFICE_REVOKED = 22,
    OFFICE_REPLICAS = 23,       /* numbers of its replicas, 16 hexadecimal digits: whose an entry is */
    OFFICE_REVOKED_BEFORE = 24, /* milliseconds: installations that joined up to then are revoked */
    OFFICE_REVOKED_KEYS = 25,   /* link keys of revoked installations, in hexadecimal digits */
    OFFICE_RETIRED = 26,        /* link keys of installations that are not waited for, in hexadecimal */
};

/* Field numbers of the type catalog. */
enum catalog_record_field {
    CATALOG_VERSION = 16,
    CATALOG_BODY = 17,
    CATALOG_HASH = 18,
};

extern const char GROUP_EVERYONE[];     /* "everyone" */
extern const char HEADQUARTERS_OWNER[]; /* "headquarters": of what the hub itself makes; no office's code */

/* One office, as its record reads. */
struct office {
    const char *code, *name;
    bool headquarters, revoked;
    const char *const *groups; /* all that it is in: everyone, office:<code>, and those given to it */
    size_t group_count;
    uint64_t revoked_before_ms;
    const char *const *revoked_keys;
    size_t revoked_key_count;
};

/* The id of the record of the office with that code: the first 16 bytes of the BLAKE2b-256, personalised
 * "hopnhat.office", of the code. So an office can be found, and be made once only, by its code. */
void office_record_id(const char *code, uint8_t id[16]);

/* Whether the code is 1 to LIMIT_OFFICE_CODE_BYTES of a-z, 0-9 and -, beginning with a letter. */
bool office_code_is_sound(struct bytes code);

/* Whether the name is one of a group: "everyone", or word:code as in cluster:3, network:laos, office:da-nang.
 */
bool group_is_sound(struct bytes name);

/* Reads a record of type office. Everything is the arena's. ERROR_CORRUPT where it has no code. */
bool office_read(const struct catalog *catalog, const Hopnhat__Record *record, struct arena *arena,
                 struct office *office, struct error *error);

/* Whether the office is in the group. */
bool office_is_in(const struct office *office, struct bytes group);

/* Whether headquarters has revoked the office's installation with that link key (in hexadecimal digits) that
 * joined then. */
bool office_has_revoked(const struct office *office, const char *key, uint64_t joined_ms);

/* The group of records of that audience that the office makes; NULL where it has none (no cluster). */
const char *office_audience(const struct office *office, Hopnhat__Audience audience);

#endif
