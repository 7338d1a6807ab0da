/* The forms behind model/value.h, one kind each; for value*.c alone. Reasons in errors leave out the field's
 * name, which the callers put before them. */
#ifndef HOPNHAT_MODEL_VALUE_FORMS_H
#define HOPNHAT_MODEL_VALUE_FORMS_H

#include "base/bytes.h"
#include "base/error.h"
#include "model/decimal.h"

enum { DATE_TEXT_BYTES = 11, TIME_TEXT_BYTES = 20 };

/* A value as an error quotes it, cut where it is long. */
struct quote {
    char text[96];
};

/* Quotes it. */
struct quote value_quote(struct bytes text);

/* People's number into canonical text. text is trimmed. */
bool number_read(struct bytes text, bool whole, char canonical[DECIMAL_TEXT_BYTES], struct error *error);

/* People's date or time into stored text. text is trimmed; present_year as in value_parse_date. */
bool date_read(struct bytes text, bool yearly, int present_year, char stored[DATE_TEXT_BYTES],
               struct error *error);
bool time_read(struct bytes text, int present_year, char stored[TIME_TEXT_BYTES], struct error *error);

/* Whether value is a stored date or time. */
bool date_is_stored(struct bytes value, bool yearly);
bool time_is_stored(struct bytes value);

#endif
