/* Joining: from the code that headquarters handed out to a store of one's own. The caller carries the
 * messages, over a link with the one-time keys. */
#ifndef HOPNHAT_AGENT_JOIN_H
#define HOPNHAT_AGENT_JOIN_H

#include "agent/state.h"
#include "net/enrolment_code.h"
#include "store/pieces.h"

struct join {
    uint8_t hub_key[LINK_KEY_BYTES];
    struct link_keys once;            /* that the code stands for: for the link that carries the Join */
    struct link_keys link_keys;       /* drawn for this installation */
    struct signing_keys signing_keys; /* the same */
    bool again;                       /* these keys have asked before (joining.h) */
};

/* Reads the typed code and draws keys. ERROR_INPUT where the code cannot be right. End with join_wipe. */
bool join_begin(struct join *join, const char *code, struct error *error);

enum { JOIN_PART_BYTES = 16 * 1024 }; /* a minute of a link of 2.4 kbit/s, before compression */

/* What has come of an answer that comes in parts; {0} at first. Its end frees `data`. */
struct join_parts {
    struct pieces_held held;
    uint8_t *data;
};

/* Adds the part of the answer. *whole: all of it, in the arena, once it is there. ERROR_CORRUPT,
 * ERROR_MEMORY. */
bool join_add_part(struct join_parts *parts, const Hopnhat__Joined *part, struct arena *arena,
                   const Hopnhat__Joined **whole, struct error *error);

/* The Join message; it borrows from *join, and its memory is the arena's. It asks for
 * what follows on what is held of the answer. NULL: ERROR_MEMORY. */
Hopnhat__Message *join_message(const struct join *join, const struct pieces_held *held, struct arena *arena,
                               struct error *error);

/* Checks that the hub's long-term key has signed the certificate, and that it is for these keys; office then
 * holds its code. ERROR_CORRUPT, ERROR_MEMORY. */
bool join_check_certificate(const uint8_t hub_signing_key[SIGNING_KEY_BYTES],
                            const Hopnhat__Certificate *certificate, const uint8_t link_key[LINK_KEY_BYTES],
                            const uint8_t signing_key[SIGNING_KEY_BYTES],
                            char office[LIMIT_OFFICE_CODE_BYTES + 1], struct error *error);

/* Checks the hub's answer: the certificate is signed by the key that comes with it, and is for our keys;
 * office then holds its code. ERROR_CORRUPT, ERROR_MEMORY. */
bool join_check(const struct join *join, const Hopnhat__Joined *joined,
                char office[LIMIT_OFFICE_CODE_BYTES + 1], struct error *error);

/* Makes the store: join_check, then agent_create. */
bool join_finish(const struct join *join, const Hopnhat__Joined *joined, const char *hub_address,
                 const char *directory, const struct agent_options *options, uint64_t wall_ms,
                 struct error *error);

/* Overwrites the secrets. */
void join_wipe(struct join *join);

#endif
