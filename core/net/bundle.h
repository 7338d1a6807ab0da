/* A bundle: messages of the protocol in a file, sealed to the other side's link key and signed by its maker.
 * docs/protocol.md has the form. Knows no store: what the messages mean is the daemons'. */
#ifndef HOPNHAT_NET_BUNDLE_H
#define HOPNHAT_NET_BUNDLE_H

#include "base/arena.h"
#include "base/entropy.h"
#include "net/frame.h"
#include "net/keys.h"

#include "bundle.pb-c.h"

/* A bundle under construction, or the finished file. Begin with bundle_start, end with bundle_release. */
struct bundle {
    struct frame_codec *codec;
    struct frame_buffer frame, content;
    bool full; /* a message did not fit any more, and was left out */
};

/* ERROR_MEMORY. */
bool bundle_start(struct bundle *bundle, struct error *error);
void bundle_release(struct bundle *bundle);

/* Appends a message. Where it does not fit LIMIT_BUNDLE_BYTES it is left out and bundle->full is set: that is
 * no error, and whoever fills the bundle stops then. ERROR_LIMIT, ERROR_MEMORY. */
bool bundle_add(struct bundle *bundle, const Hopnhat__Message *message, struct error *error);

/* Who makes a bundle, and for whom. `header` has kind, office, both keys and time; size and hash are filled
 * in.
 */
struct bundle_parties {
    Hopnhat__BundleHeader *header;
    const uint8_t *recipient; /* link key that it is sealed to */
    const struct signing_keys *signer;
    const struct entropy *entropy;
};

/* Seals and signs what was added: the file, in the arena. */
bool bundle_finish(struct bundle *bundle, const struct bundle_parties *parties, struct arena *arena,
                   struct bytes *file, struct error *error);

/* The header of a file that is whole; in the arena. Nothing in it is proved yet. NULL: ERROR_INPUT (no
 * bundle, of another kind than `kind`, of a newer program), ERROR_CORRUPT (cut short, changed), ERROR_MEMORY.
 * The texts tell an operator what to do. */
Hopnhat__BundleHeader *bundle_header(struct bytes file, Hopnhat__BundleKind kind, struct arena *arena,
                                     struct error *error);

/* The messages of an opened bundle, one after the other. */
struct bundle_reader {
    struct frame_codec *codec;
    struct bytes left; /* in the arena that bundle_open was given */
};

/* Opens a file that bundle_header took, if `signer` signed it and it is sealed to `own`. ERROR_CORRUPT
 * (changed), ERROR_REFUSED (for others), ERROR_LIMIT, ERROR_MEMORY. The caller ends it with bundle_close, in
 * any case. */
bool bundle_open(struct bundle_reader *reader, struct bytes file, const uint8_t signer[SIGNING_KEY_BYTES],
                 const struct link_keys *own, struct arena *arena, struct error *error);
void bundle_close(struct bundle_reader *reader);

/* The next message, in the arena; *end tells (with NULL) that there is none. NULL else: errors of
 * frame_unpack.
 */
Hopnhat__Message *bundle_next(struct bundle_reader *reader, struct arena *arena, bool *end,
                              struct error *error);

#endif
