/* Which versions of the protocol (docs/protocol.md) the programs speak: their own, and the one before. */
#ifndef HOPNHAT_NET_PROTOCOL_H
#define HOPNHAT_NET_PROTOCOL_H

/* Set to -1 in the programs that tests build as the version before this one. */
#ifndef HOPNHAT_PROTOCOL_AHEAD
#define HOPNHAT_PROTOCOL_AHEAD 0
#endif

enum {
    PROTOCOL_VERSION = 2 + HOPNHAT_PROTOCOL_AHEAD,
    PROTOCOL_OLDEST = PROTOCOL_VERSION > 1 ? PROTOCOL_VERSION - 1 : 1,
};

#endif
