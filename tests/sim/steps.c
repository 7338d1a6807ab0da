#include "steps.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool steps_all(struct steps *steps, unsigned last)
{
    *steps = (struct steps){.numbers = malloc((last + 1) * sizeof *steps->numbers)};
    for (unsigned i = 1; steps->numbers && i <= last; i++)
        steps->numbers[steps->count++] = i;
    return steps->numbers != NULL;
}

/* Reads a number of 1 to `last` above `least`, and what follows it. */
static bool read_number(const char **text, unsigned above, unsigned last, unsigned *number)
{
    char *end;
    unsigned long value = strtoul(*text, &end, 10);
    if (**text < '0' || **text > '9' || value <= above || value > last)
        return false;
    *number = (unsigned)value;
    *text = end;
    return true;
}

bool steps_parse(struct steps *steps, const char *text, unsigned last)
{
    unsigned number = 0, end;
    *steps = (struct steps){.numbers = malloc((last + 1) * sizeof *steps->numbers)};
    if (!steps->numbers)
        return false;
    for (;;) {
        bool read = read_number(&text, number, last, &number);
        end = number;
        if (read && *text == '-') {
            text++;
            read = read_number(&text, number, last, &end);
        }
        if (!read || (*text && *text != ',')) {
            steps_release(steps);
            return false;
        }
        while (number <= end)
            steps->numbers[steps->count++] = number++;
        number = end;
        if (*text++ == 0)
            return true;
    }
}

char *steps_format(const struct steps *steps)
{
    size_t room = 24 * steps->count + 1, at = 0;
    char *text = malloc(room);
    if (!text)
        return NULL;
    text[0] = 0;
    for (size_t i = 0, end; i < steps->count; i = end) {
        for (end = i + 1; end < steps->count && steps->numbers[end] == steps->numbers[end - 1] + 1;)
            end++;
        at += (size_t)snprintf(text + at, room - at, "%s%u", i ? "," : "", steps->numbers[i]);
        if (end - i > 1)
            at += (size_t)snprintf(text + at, room - at, "%c%u", end - i > 2 ? '-' : ',',
                                   steps->numbers[end - 1]);
    }
    return text;
}

void steps_release(struct steps *steps)
{
    free(steps->numbers);
    *steps = (struct steps){0};
}

static uint64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Leaves `size` steps from place `at` on out, if the rest fails without them. */
static bool leave_out(struct steps *steps, size_t at, size_t size, unsigned *room,
                      const struct steps_trial *trial)
{
    struct steps rest = {.numbers = room, .count = steps->count - size};
    memcpy(room, steps->numbers, at * sizeof *room);
    memcpy(room + at, steps->numbers + at + size, (rest.count - at) * sizeof *room);
    if (!trial->fails(trial->context, &rest))
        return false;
    memcpy(steps->numbers, room, rest.count * sizeof *room);
    steps->count = rest.count;
    return true;
}

void steps_shrink(struct steps *steps, const struct steps_trial *trial, unsigned most_ms)
{
    uint64_t until_ms = monotonic_ms() + most_ms;
    unsigned *room = malloc((steps->count + 1) * sizeof *room);
    size_t size = steps->count;
    while (room && size) {
        bool shorter = false;
        /* From the end on: what comes last is needed least, and alters nothing before it. */
        for (size_t at = steps->count; at && monotonic_ms() < until_ms;) {
            size_t piece = at < size ? at : size;
            at -= piece;
            shorter |= leave_out(steps, at, piece, room, trial);
        }
        if (monotonic_ms() >= until_ms)
            break;
        if (size > steps->count)
            size = steps->count;
        else if (size > 1)
            size = (size + 1) / 2;
        else if (!shorter)
            break;
    }
    free(room);
}
