#include "store/format.h"

#include "base/log.h"
#include "base/patience.h"
#include "store/environment_state.h"
#include "store/meta.h"

#include <inttypes.h>

static const char NAME[] = "format";

uint64_t format_present(const struct format *format)
{
    return format->step_count + 1;
}

static bool read_number(struct environment *environment, const struct format *format, uint64_t *number,
                        struct error *error)
{
    struct transaction snapshot;
    if (!transaction_begin(&snapshot, environment, false, error))
        return false;
    *number = meta_number(&snapshot, format->meta, NAME, 0);
    bool read = transaction_is_sound(&snapshot, error);
    transaction_abort(&snapshot);
    return read;
}

bool format_is_newer(struct environment *environment, const struct format *format, struct error *error)
{
    uint64_t number;
    struct error unreadable;
    if (!read_number(environment, format, &number, &unreadable) || number <= format_present(format))
        return false;
    error_set(error, ERROR_REFUSED, "the store in %s was written by a newer %s: install that one",
              environment->directory, format->program);
    return true;
}

static bool go_on(struct environment *environment, const struct format *format, uint64_t from,
                  struct error *error)
{
    struct transaction transaction;
    if (!transaction_begin(&transaction, environment, true, error))
        return false;
    if (!format->steps[from - 1](&transaction, error)) {
        transaction_abort(&transaction);
        return false;
    }
    meta_put_number(&transaction, format->meta, NAME, from + 1);
    return transaction_commit(&transaction, error);
}

bool format_bring_forward(struct environment *environment, const struct format *format, struct error *error)
{
    uint64_t number;
    if (format_is_newer(environment, format, error) || !read_number(environment, format, &number, error))
        return false;
    for (; number && number < format_present(format); number++) {
        patience_ask();
        if (!go_on(environment, format, number, error))
            return error_prefix(error, "the store cannot be brought forward to format %" PRIu64, number + 1);
        log_info("the store in %s was of format %" PRIu64 ", and is of format %" PRIu64 " now",
                 environment->directory, number, number + 1);
    }
    return true;
}
