/* Erasures: what headquarters has erased for good, as records of the built-in type. There is one record for
 * each record that something was erased of. Pure.
 *
 * An erasure of a field takes every value that was written to it by somebody who had not been told of the
 * erasure, whether the value has come yet or not. Who has been told names the erasure among what each of his
 * operations on the field supersedes, so that anybody can tell the two apart, in whatever order they come. */
#ifndef HOPNHAT_MODEL_ERASURE_H
#define HOPNHAT_MODEL_ERASURE_H

#include "model/change.h"
#include "model/edit.h"

/* Field numbers of the type erasure (catalog_builtin.c). */
enum erasure_field {
    ERASURE_FIELDS = 16, /* numbers of the erased fields, or ERASURE_ALL */
    ERASURE_REASON = 17,
    ERASURE_TARGET = 18, /* erasure_target_text */
};

extern const char ERASURE_ALL[]; /* "*": every field that the catalog gives the type */

enum { ERASURE_TARGET_TEXT_BYTES = 10 + 1 + RECORD_ID_TEXT_BYTES };

/* The id of the record that tells what was erased of a record: the first 16 bytes of the BLAKE2b-256,
 * personalised "hopnhat.erasure", of type (4 bytes, little endian) and id. */
void erasure_record_id(uint32_t type, const uint8_t id[RECORD_ID_BYTES], uint8_t erasure[RECORD_ID_BYTES]);

/* The record that an erasure speaks of as text: type number, slash, id. */
void erasure_target_text(uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                         char text[ERASURE_TARGET_TEXT_BYTES]);

/* Reads it again. False: the record names none, or one whose erasure it is not. */
bool erasure_target(const Hopnhat__Record *erasure, uint32_t *type, uint8_t id[RECORD_ID_BYTES]);

/* Whether the field was erased. `erasure` may be NULL here and below: nothing was. System fields never are.
 */
bool erasure_covers(const Hopnhat__Record *erasure, uint32_t field);

/* Whether the entry is one of the erasure's, named in the other record by who had been told. */
bool erasure_has(const Hopnhat__Record *erasure, struct entry_id id);

/* Whether an op has a value, and its author had not been told of an erasure of its field: the value goes. */
bool erasure_takes(const Hopnhat__Record *erasure, const struct change *change, const Hopnhat__Op *op);

/* Marks by number the ops of the edit whose values are to go and are still there. Returns whether any is. */
bool erasure_mark(const Hopnhat__Record *erasure, const struct change *change, size_t edit, bool *takes);

/* Whether every value of the edit that is not there any more was to be erased. */
bool erasure_explains(const Hopnhat__Record *erasure, const struct change *change, size_t edit);

/* Makes the edit's ops name the erasures of their fields: their author has been told. ops[] is replaced by a
 * copy in the arena. Errors: ERROR_MEMORY. */
bool erasure_name(const Hopnhat__Record *erasure, struct new_edit *edit, struct arena *arena,
                  struct error *error);

/* Whether a field that the edit writes was erased after the writer was shown the record: ERROR_REFUSED then,
 * and the text tells him to look again. */
bool erasure_was_shown(const Hopnhat__Record *erasure, const struct new_edit *edit, const struct shown *shown,
                       struct error *error);

#endif
