#include "base/text.h"
#include "model/value_forms.h"

#include <stdio.h>

/* A number among the digits of a date: its value and how many digits it was written with. */
struct part {
    unsigned value;
    size_t digits;
};

struct date {
    unsigned year, month, day; /* 0: not given */
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static struct part take_number(struct bytes *text)
{
    struct part part = {0};
    while (part.digits < text->size && is_digit(text->data[part.digits]) && part.digits < 5)
        part.value = part.value * 10 + (text->data[part.digits++] - (unsigned)'0');
    *text = bytes_of(text->data + part.digits, text->size - part.digits);
    return part;
}

static bool take_byte(struct bytes *text, char byte)
{
    if (text->size == 0 || text->data[0] != (uint8_t)byte)
        return false;
    *text = bytes_of(text->data + 1, text->size - 1);
    return true;
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap =
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); /* year 0 (every year): 29 February is */
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool is_real(struct date date)
{
    if (date.year > 9999 || date.month > 12 || (date.day > 0 && date.month == 0))
        return false;
    return date.day == 0 || date.day <= days_in(date.year, date.month);
}

/* Exactly `digits` digits with a value above 0. */
static bool take_stored(struct bytes *text, size_t digits, unsigned *value)
{
    struct part part = take_number(text);
    *value = part.value;
    return part.digits == digits && part.value > 0;
}

/* The longest stored date at the start of *text. */
static bool take_stored_date(struct bytes *text, bool yearly, struct date *date)
{
    *date = (struct date){0};
    if (take_byte(text, '-'))
        return yearly && take_byte(text, '-') && take_stored(text, 2, &date->month) && take_byte(text, '-') &&
               take_stored(text, 2, &date->day) && is_real(*date);
    if (!take_stored(text, 4, &date->year))
        return false;
    if (take_byte(text, '-') && !take_stored(text, 2, &date->month))
        return false;
    if (date->month && take_byte(text, '-') && !take_stored(text, 2, &date->day))
        return false;
    return is_real(*date);
}

bool date_is_stored(struct bytes value, bool yearly)
{
    struct date date;
    return take_stored_date(&value, yearly, &date) && value.size == 0;
}

bool time_is_stored(struct bytes value)
{
    struct date date;
    if (!take_stored_date(&value, false, &date) || date.day == 0 || !take_byte(&value, 'T'))
        return false;
    struct part hour = take_number(&value);
    bool colon = take_byte(&value, ':');
    struct part minute = take_number(&value), second = {.digits = 2, .value = 1};
    if (take_byte(&value, ':'))
        second = take_number(&value);
    return colon && value.size == 0 && hour.digits == 2 && minute.digits == 2 && second.digits == 2 &&
           hour.value < 24 && minute.value < 60 && second.value < 60 && second.value > 0;
}

static void write_date(struct date date, char stored[DATE_TEXT_BYTES])
{
    /* the remainders tell the compiler what is_real has checked: it fits */
    unsigned year = date.year % 10000, month = date.month % 100, day = date.day % 100;
    if (year == 0)
        snprintf(stored, DATE_TEXT_BYTES, "--%02u-%02u", month, day);
    else if (day > 0)
        snprintf(stored, DATE_TEXT_BYTES, "%04u-%02u-%02u", year, month, day);
    else if (month > 0)
        snprintf(stored, DATE_TEXT_BYTES, "%04u-%02u", year, month);
    else
        snprintf(stored, DATE_TEXT_BYTES, "%04u", year);
}

/* The latest year that ends in these two digits and is at most ten years ahead; 0 if none may be guessed. */
static unsigned full_year(struct part year, int present_year)
{
    if (year.digits == 4)
        return year.value;
    if (year.digits != 2 || present_year < 100)
        return 0;
    unsigned latest = (unsigned)present_year + 10;
    return latest - (latest - year.value) % 100;
}

/* Up to three numbers with the same mark between them, at the start of *text. Returns how many. */
static int take_parts(struct bytes *text, struct part parts[3])
{
    int count = 0;
    uint8_t mark = 0;
    while (count < 3 && text->size > 0 && is_digit(text->data[0])) {
        parts[count++] = take_number(text);
        if (count == 3 || text->size < 2 || !is_digit(text->data[1]) || !memchr("/-.", text->data[0], 3))
            break;
        if (mark && text->data[0] != mark)
            return 0;
        mark = text->data[0];
        take_byte(text, (char)mark);
    }
    return count;
}

/* Year first as in ISO 8601, or day first as people write it. */
static bool take_date(struct bytes *text, bool yearly, int present_year, struct date *date)
{
    if (text->size > 0 && text->data[0] == '-')
        return take_stored_date(text, yearly, date);
    struct part parts[3] = {0};
    int count = take_parts(text, parts);
    *date = (struct date){0};
    bool given = true; /* no part that was written is 0 */
    for (int i = 0; i < count; i++)
        given = given && (parts[i].value > 0 || (i == 2 && parts[i].digits == 2));
    if (count == 0 || !given)
        return false;
    if (parts[0].digits == 4) {
        if (parts[1].digits > 2 || parts[2].digits > 2)
            return false;
        *date = (struct date){.year = parts[0].value, .month = parts[1].value, .day = parts[2].value};
        return is_real(*date) && (count < 3 || date->day > 0);
    }
    if (parts[0].digits > 2 || count == 1)
        return false;
    if (count == 2 && parts[1].digits == 4)
        *date = (struct date){.year = parts[1].value, .month = parts[0].value};
    else if (count == 2 && yearly && parts[1].digits <= 2)
        *date = (struct date){.month = parts[1].value, .day = parts[0].value};
    else if (count == 3 && parts[1].digits <= 2)
        *date = (struct date){
            .year = full_year(parts[2], present_year), .month = parts[1].value, .day = parts[0].value};
    return is_real(*date) && (date->year > 0 || (count == 2 && date->day > 0));
}

/* "8:30", "08:30:15", "8h30", "8h". */
static bool take_clock(struct bytes *text, unsigned clock[3])
{
    struct part hour = take_number(text), minute = {.digits = 2}, second = {.digits = 2};
    if (hour.digits < 1 || hour.digits > 2)
        return false;
    if (take_byte(text, 'h')) {
        if (text->size > 0)
            minute = take_number(text);
    } else {
        if (!take_byte(text, ':'))
            return false;
        minute = take_number(text);
        if (take_byte(text, ':'))
            second = take_number(text);
    }
    clock[0] = hour.value, clock[1] = minute.value, clock[2] = second.value;
    return minute.digits == 2 && second.digits == 2 && hour.value < 24 && minute.value < 60 &&
           second.value < 60;
}

/* The clock behind a date, after a T or a blank. */
static bool take_clock_apart(struct bytes *text, unsigned clock[3])
{
    bool apart = take_byte(text, 'T');
    struct bytes trimmed = text_trim(*text);
    if (!apart) {
        apart = trimmed.size < text->size;
        *text = trimmed;
    }
    return apart && take_clock(text, clock) && text->size == 0;
}

/* Midnight, as spreadsheets write it behind a date. */
static bool take_midnight(struct bytes *text)
{
    unsigned clock[3] = {0};
    return take_clock_apart(text, clock) && clock[0] + clock[1] + clock[2] == 0;
}

bool date_read(struct bytes text, bool yearly, int present_year, char stored[DATE_TEXT_BYTES],
               struct error *error)
{
    struct bytes rest = text;
    struct date date;
    if (!take_date(&rest, yearly, present_year, &date) || (rest.size > 0 && !take_midnight(&rest)))
        return error_set(error, ERROR_INPUT,
                         "\"%s\" is not a date: write %sdd/mm/yyyy, YYYY-MM-DD, YYYY-MM or YYYY",
                         value_quote(text).text, yearly ? "dd/mm, --MM-DD, " : "");
    write_date(date, stored);
    return true;
}

bool time_read(struct bytes text, int present_year, char stored[TIME_TEXT_BYTES], struct error *error)
{
    struct bytes rest = text;
    struct date date;
    unsigned clock[3] = {0}; /* of a day alone: its beginning */
    if (!take_date(&rest, false, present_year, &date) || date.day == 0 ||
        (rest.size > 0 && !take_clock_apart(&rest, clock)))
        return error_set(error, ERROR_INPUT,
                         "\"%s\" is not a time: write dd/mm/yyyy HH:MM, YYYY-MM-DDTHH:MM or the day alone",
                         value_quote(text).text);
    char day[DATE_TEXT_BYTES];
    write_date(date, day);
    if (clock[2] > 0)
        snprintf(stored, TIME_TEXT_BYTES, "%sT%02u:%02u:%02u", day, clock[0] % 100, clock[1] % 100,
                 clock[2] % 100);
    else
        snprintf(stored, TIME_TEXT_BYTES, "%sT%02u:%02u", day, clock[0] % 100, clock[1] % 100);
    return true;
}
