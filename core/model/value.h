/* The values of fields: their one stored (canonical) text form for each ValueKind of proto/catalog.proto, and
 * the reading of what people type. Pure: no clock, no locale, no I/O; two machines always agree.
 *
 * Stored forms:
 *   text       UTF-8 in NFC, no control characters but tab and line feed, at most most_bytes
 *   integer    canonical decimal (model/decimal.h) without fraction, 18 digits at most
 *   decimal    canonical decimal, 18 digits before the point and 9 after it at most
 *   date       YYYY-MM-DD, YYYY-MM or YYYY, of a real calendar day; --MM-DD only where the field says yearly
 *   time       YYYY-MM-DDTHH:MM, with :SS only where the seconds are not 00
 *   boolean    true, false
 *   enum       the name of a choice, retired or not
 *   reference  36 characters, lower case: 8-4-4-4-12
 *   country    two capital letters
 *   bytes      anything
 * The empty value means cleared and is right for every field. Kinds that this version does not know are
 * checked for size alone. least, most and pattern hold for every value; a pattern covers all of the value. A
 * date given in part lies within a range if any of its days does.
 *
 * How people's numbers are read, with USD, US$ or $ before or after them left out:
 *   1.234.567,5   1,234,567.00   1 234 567,5   two kinds of mark: the last one is the decimal mark
 *   1.234.567     1,234,567                    one kind, several times: thousands
 *   1234567.5     12,5    0.125                one mark, not before a group of three: the decimal mark
 *   1.234                                      one point before a group of three: thousands, as in Vietnamese
 *   1,234         thousands in a whole number or with a dollar sign; else it may mean either: refused
 * So stored text is not always what people would type for it: a stored "1.234" reads as 1234. Whoever writes
 * values into a file that people hand back writes value_show's form, which always reads back as the same. */
#ifndef HOPNHAT_MODEL_VALUE_H
#define HOPNHAT_MODEL_VALUE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

#include <catalog.pb-c.h>

/* Reads what a person typed for the field into its stored form: *value lies in the arena. Blanks at the ends
 * are left out; nothing but blanks clears (an empty value). Dates also as d/m/yyyy (or with . or -), m/yyyy,
 * and d/m in a yearly field; times also "d/m/yyyy 8:30" and "8h30", and a day alone, which is its beginning;
 * booleans also yes, no, có, không, 1, 0; choices by name, label or alias, folded, but no retired one;
 * countries by name or code (model/country.h). Line ends become line feeds.
 * Errors: ERROR_INPUT or ERROR_LIMIT with the field's name and what was expected, ERROR_MEMORY. */
bool value_parse(struct arena *arena, const Hopnhat__FieldDefinition *field, const char *text,
                 struct bytes *value, struct error *error);

/* The same for a date or time field of an old list, where a year may have two digits: it is read as the
 * latest year that ends so and is at most ten years after present_year (0: refused as in value_parse). */
bool value_parse_date(struct arena *arena, const Hopnhat__FieldDefinition *field, const char *text,
                      int present_year, struct bytes *value, struct error *error);

/* Whether value is in the field's stored form and within its bounds. Allocates nothing, except for a pattern
 * and for text in scripts other than Latin. Errors: as value_parse. */
bool value_check(const Hopnhat__FieldDefinition *field, struct bytes value, struct error *error);

/* Whether the value of a date or time field is not before that of the other one (both in stored form; dates
 * given in part as far as both are given; cleared ones are never wrong). ERROR_INPUT. */
bool value_check_order(const Hopnhat__FieldDefinition *field, struct bytes value,
                       const Hopnhat__FieldDefinition *other, struct bytes earlier, struct error *error);

/* Less, equal or greater than 0, by meaning: numbers by size, dates and times by day, choices in the order of
 * the catalog, false before true, all else by bytes. The cleared and what is no stored form come first. */
int value_compare(const Hopnhat__FieldDefinition *field, struct bytes a, struct bytes b);

/* value as text that value_parse reads back as the same value, NUL-ended, in the arena. It is the stored text
 * except for a decimal such as "1.234", which is written "1.2340". NULL and ERROR_MEMORY. */
char *value_show(struct arena *arena, const Hopnhat__FieldDefinition *field, struct bytes value,
                 struct error *error);

#endif
