#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>

enum { OFFICES = 1000 };

static bool ignore(void *context, const struct link_peer *peer, const Hopnhat__Message *message)
{
    (void)context, (void)peer, (void)message;
    return true;
}

static bool write_member(struct hub *hub, FILE *file, size_t number, struct error *error)
{
    const struct hub_outlet outlet = {.send = ignore};
    struct crowd_row row = {0};
    struct author author;
    snprintf(row.office, sizeof row.office, "crowd-%zu", number % OFFICES);
    bool done = author_start(&author, hub, row.office, &outlet, error);
    row.link_keys = author.link_keys;
    row.signing_keys = author.signing_keys;
    row.replica = author.replica;
    author_end(&author);
    if (!done)
        return false;
    return fwrite(&row, sizeof row, 1, file) == 1 ||
           error_set(error, ERROR_STORE, "cannot write the crowd file");
}

static bool write_members(struct hub *hub, FILE *file, size_t count, struct error *error)
{
    struct crowd_head head = {.count = (uint32_t)count};
    bool done = fwrite(&head, sizeof head, 1, file) == 1;
    for (size_t i = 0; done && i < count; i++)
        done = write_member(hub, file, i, error);
    memcpy(head.hub_key, hub->link_keys.public_key, LINK_KEY_BYTES);
    head.epoch = hub->epoch;
    head.rev = hub->rev;
    head.catalog_tag = catalog_tag(hub->catalog);
    return done && fseek(file, 0, SEEK_SET) == 0 && fwrite(&head, sizeof head, 1, file) == 1;
}

bool crowd_make(const char *hub_directory, const char *path, size_t count, struct error *error)
{
    struct hub_options options = {.take_lock = true, .entropy = entropy_system()};
    struct hub *hub = hub_open(hub_directory, &options, error);
    FILE *file = hub ? fopen(path, "wb") : NULL;
    bool done = file && write_members(hub, file, count, error);
    if (file && fclose(file) != 0)
        done = error_set(error, ERROR_STORE, "cannot write the crowd file");
    if (hub)
        hub_end_sessions(hub);
    hub_close(hub);
    return done;
}

static bool read_members(struct crowd *crowd, FILE *file)
{
    if (fread(&crowd->head, sizeof crowd->head, 1, file) != 1)
        return false;
    crowd->members = calloc(crowd->head.count + 1, sizeof *crowd->members);
    for (size_t i = 0; crowd->members && i < crowd->head.count; i++) {
        struct member *member = &crowd->members[i];
        struct crowd_row row;
        if (fread(&row, sizeof row, 1, file) != 1)
            return false;
        member->author = (struct author){.signing_keys = row.signing_keys,
                                         .link_keys = row.link_keys,
                                         .replica = row.replica,
                                         .random = row.replica,
                                         .catalog_tag = crowd->head.catalog_tag,
                                         .group = member->group};
        memcpy(member->author.office, row.office, sizeof row.office);
        snprintf(member->group, sizeof member->group, "office:%.48s", row.office);
        arena_init(&member->author.arena, LIMIT_MESSAGE_ARENA_BYTES);
        chain_start(row.replica, member->author.link);
        member->curve.fd = -1;
        member->crowd = crowd;
        member->rev = crowd->head.rev;
        member->due_ms = UINT64_MAX;
    }
    return crowd->members != NULL;
}

bool crowd_load(struct crowd *crowd, const char *path, struct error *error)
{
    FILE *file = fopen(path, "rb");
    bool done = file && read_members(crowd, file);
    if (file)
        fclose(file);
    return done || error_set(error, ERROR_INPUT, "cannot read the crowd file %s", path);
}
