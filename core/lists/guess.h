/* Telling a one-byte encoding from the words that a text has under it. Used by lists/encoding.c alone. */
#ifndef HOPNHAT_LISTS_GUESS_H
#define HOPNHAT_LISTS_GUESS_H

#include "lists/encoding.h"
#include "lists/legacy.h"

/* The one encoding of those that have a reader under which nearly all accented words are Vietnamese, while
 * under each other one many are not. False: none, several, or too little text to tell. */
bool guess_encoding(struct bytes raw, legacy_reader *const *candidates, size_t count,
                    enum list_encoding *encoding);

#endif
