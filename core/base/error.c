#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

bool error_set(struct error *error, enum error_code code, const char *format, ...)
{
    va_list arguments;
    error->code = code;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

bool out_of_memory(struct error *error)
{
    return error_set(error, ERROR_MEMORY, "out of memory");
}

bool error_prefix(struct error *error, const char *format, ...)
{
    char before[sizeof error->text], whole[2 * sizeof error->text + 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(before, sizeof before, format, arguments);
    va_end(arguments);
    snprintf(whole, sizeof whole, "%s: %s", before, error->text);
    snprintf(error->text, sizeof error->text, "%.*s", (int)sizeof error->text - 1, whole);
    return false;
}

const char *error_code_name(enum error_code code)
{
    static const char *const names[] = {
        [ERROR_NONE] = "none",
        [ERROR_USAGE] = "usage",
        [ERROR_INPUT] = "input",
        [ERROR_NOT_FOUND] = "not_found",
        [ERROR_REFUSED] = "refused",
        [ERROR_LIMIT] = "limit",
        [ERROR_STORE] = "store",
        [ERROR_FULL] = "full",
        [ERROR_CORRUPT] = "corrupt",
        [ERROR_NETWORK] = "network",
        [ERROR_UNAVAILABLE] = "unavailable",
        [ERROR_MEMORY] = "memory",
        [ERROR_INTERNAL] = "internal",
    };
    return code < sizeof names / sizeof *names && names[code] ? names[code] : "unknown";
}
