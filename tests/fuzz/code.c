/* libFuzzer: text that people and scripts hand in: enrolment codes, tokens, conditions, values of every kind.
 * What is read is written and read again as the same. */
#include "api/token.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "model/value.h"
#include "net/enrolment_code.h"
#include "store/condition.h"

#include <string.h>

static void read_code(const char *text)
{
    struct enrolment_code code, again;
    char printed[ENROLMENT_CODE_TEXT_BYTES];
    struct error error;
    if (!enrolment_code_parse(text, &code, &error))
        return;
    enrolment_code_format(&code, printed);
    fuzz_assert(enrolment_code_parse(printed, &again, &error) && memcmp(&code, &again, sizeof code) == 0);
}

static void read_token(const char *text)
{
    struct shown shown, again;
    char printed[TOKEN_TEXT_BYTES];
    struct error error;
    if (!token_parse(text, &shown, &error))
        return;
    token_format(&shown, printed);
    fuzz_assert(token_parse(printed, &again, &error) && again.rev == shown.rev &&
                again.replica == shown.replica);
}

static void read_values(const char *text, struct arena *arena)
{
    const struct catalog_type *type = catalog_type(fuzz_catalog(), 16);
    struct bytes value, again;
    struct error error;
    for (uint32_t number = 16; number <= 27; number++) {
        const Hopnhat__FieldDefinition *field = type_field(type, number);
        value_parse_date(arena, field, text, 2026, &value, &error);
        if (!value_parse(arena, field, text, &value, &error))
            continue;
        fuzz_assert(value_check(field, value, &error));
        fuzz_assert(value_compare(field, value, value) == 0);
        const char *shown = value_show(arena, field, value, &error);
        if (shown && value_parse(arena, field, shown, &again, &error))
            fuzz_assert(bytes_equal(value, again));
        else
            fuzz_assert(arena->failure != ERROR_NONE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct condition condition;
    struct error error;
    arena_init(&arena, 16 << 20);
    const char *text = size <= LIMIT_VALUE_BYTES ? arena_string(&arena, data, size) : NULL;
    if (text) {
        read_code(text);
        read_token(text);
        read_values(text, &arena);
        condition_parse(fuzz_catalog(), catalog_type(fuzz_catalog(), 16), text, &arena, &condition, &error);
    }
    arena_release(&arena);
    return 0;
}
