/* Countries by what people call them. Pure; the list is data/countries.csv, which is part of the program. */
#ifndef HOPNHAT_MODEL_COUNTRY_H
#define HOPNHAT_MODEL_COUNTRY_H

#include "base/bytes.h"

#include <stdbool.h>

enum { COUNTRY_CODE_BYTES = 3 /* with the NUL */ };

/* The ISO 3166-1 alpha-2 code of the country that the text names: by that code or the one of three letters in
 * either case, or by its Vietnamese or English name or other usual ones, folded (base/text.h) and without
 * regard to blanks, hyphens, points, commas, apostrophes and brackets (Cu-ba, Cu Ba). text is trimmed, valid
 * text. False: no such country, or more than one (NGA). Takes microseconds for a code and a fraction of a
 * millisecond for a name: whoever reads a long list remembers what was found. */
bool country_find(struct bytes text, char code[COUNTRY_CODE_BYTES]);

#endif
