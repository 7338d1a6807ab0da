/* Replicas, installations, offices and groups in memory; what changes in a transaction is written with it. */
#ifndef HOPNHAT_HUB_REGISTRY_H
#define HOPNHAT_HUB_REGISTRY_H

#include "hub/state.h"

/* Reads all of them. Replaces what was in memory. In registry_rows.c, as is all that knows their rows. */
bool registry_load(struct hub *hub, struct transaction *transaction, struct error *error);
void registry_clear(struct hub *hub);

/* Into memory alone. The replica, which must not be known, begins at seq 0; NULL: out of memory. The
 * installation is copied, and has to be new, too; ERROR_MEMORY. */
struct replica *registry_insert_replica(struct hub *hub, uint64_t number);
bool registry_insert_installation(struct hub *hub, const struct installation *installation,
                                  struct error *error);

/* NULL where there is none. Valid until the registry is loaded again. */
struct replica *registry_replica(const struct hub *hub, uint64_t number);
struct installation *registry_installation(const struct hub *hub, const uint8_t link_key[LINK_KEY_BYTES]);
const struct office *registry_office(const struct hub *hub, const char *code);

/* The group's state, made where it is not known. NULL: out of memory, or the name is too long. */
struct group_state *registry_group(struct hub *hub, struct bytes name);

/* A new replica of the installation (NULL: of the hub itself), at seq 0; written with the transaction that
 * next saves the registry. NULL: out of memory. */
struct replica *registry_add_replica(struct hub *hub, uint64_t number,
                                     const struct installation *installation);

/* Notes that the replica's row is to be written. */
void registry_touch(struct hub *hub, struct replica *replica);

/* The changes from behind the watermark up to `to`, where the chain's link is that, are lost to both sides: a
 * restored hub has lost them, and nobody keeps them any more. That is put on record and logged, and the log
 * goes on behind them: a gap does not block. ERROR_LIMIT: the log has LIMIT_GAPS_PER_LOG already, and what
 * lies between them is not given up for another; ERROR_MEMORY. */
bool registry_note_gap(struct hub *hub, struct replica *replica, uint64_t to, const uint8_t link[LINK_BYTES],
                       struct error *error);

/* Adds the gaps that a replica's row names; in registry_rows.c. False: out of memory. */
bool registry_read_gaps(const Hopnhat__ReplicaState *row, struct gaps *gaps);

/* Registers an installation, in memory and in the transaction. */
bool registry_add_installation(struct hub *hub, struct transaction *transaction,
                               const struct installation *installation, struct error *error);

/* The installation that has announced this link key as its next; NULL: none. */
struct installation *registry_announced(const struct hub *hub, const uint8_t link_key[LINK_KEY_BYTES]);

/* Writes what stands in memory of the installation. */
void registry_save_installation(struct transaction *transaction, const struct installation *installation);

/* The installation goes on under the keys that it has announced, its replicas with it; the former ones count
 * no more. In memory and in the transaction. ERROR_MEMORY. */
bool registry_promote(struct hub *hub, struct transaction *transaction, struct installation *installation,
                      struct error *error);

/* The entries by which the record of its office says that the installation is retired, in the arena; none: it
 * is not. False: out of memory. */
bool registry_retired(const Hopnhat__Record *office, const uint8_t link_key[LINK_KEY_BYTES],
                      struct arena *arena, struct entry_list *entries);

/* Takes over an office's record as it now stands. */
bool registry_set_office(struct hub *hub, const Hopnhat__Record *record, struct error *error);

/* Writes touched replicas and groups into the transaction. */
void registry_save(struct hub *hub, struct transaction *transaction);

#endif
