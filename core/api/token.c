#include "api/token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void token_format(const struct shown *shown, char text[TOKEN_TEXT_BYTES])
{
    snprintf(text, TOKEN_TEXT_BYTES, "%" PRIu64 ".%016" PRIx64, shown->rev, shown->replica);
}

/* A number that ends at `end`, without sign or blanks. */
static bool read_number(const char **text, int base, char end, uint64_t *number)
{
    const char *digits = base == 16 ? "0123456789abcdef" : "0123456789";
    size_t count = strspn(*text, digits);
    if (count == 0 || (*text)[count] != end)
        return false;
    errno = 0;
    *number = strtoull(*text, NULL, base);
    *text += count + 1;
    return errno == 0;
}

bool token_parse(const char *text, struct shown *shown, struct error *error)
{
    struct shown read = {0};
    const char *rest = text;
    if (!read_number(&rest, 10, '.', &read.rev) || !read_number(&rest, 16, '\0', &read.replica))
        return error_set(error, ERROR_INPUT, "token: \"%.80s\" is no token that was shown", text);
    *shown = read;
    return true;
}
