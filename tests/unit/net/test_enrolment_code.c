#include "net/enrolment_code.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static struct enrolment_code make_code(void)
{
    struct enrolment_code code;
    for (size_t i = 0; i < sizeof code.hub_key; i++)
        code.hub_key[i] = (uint8_t)(i * 37 + 5);
    for (size_t i = 0; i < sizeof code.seed; i++)
        code.seed[i] = (uint8_t)(i * 91 + 200);
    return code;
}

static void codes_come_back_as_they_went(void **state)
{
    (void)state;
    struct enrolment_code code = make_code(), read;
    struct error error;
    char text[ENROLMENT_CODE_TEXT_BYTES];
    for (int round = 0; round < 500; round++) {
        keys_random(&code, round ? sizeof code : 0);
        enrolment_code_format(&code, text);
        assert_int_equal(strlen(text), ENROLMENT_CODE_TEXT_BYTES - 1);
        assert_true(enrolment_code_parse(text, &read, &error));
        assert_memory_equal(&read, &code, sizeof code);
    }
}

static void typing_may_be_loose(void **state)
{
    (void)state;
    struct enrolment_code code = make_code(), read;
    struct error error;
    char text[ENROLMENT_CODE_TEXT_BYTES], loose[2 * ENROLMENT_CODE_TEXT_BYTES + 8];
    enrolment_code_format(&code, text);
    char *to = loose;
    *to++ = ' ';
    for (size_t i = 0; text[i]; i++) {
        char symbol = text[i] == '-' ? ' ' : (char)tolower(text[i]);
        if (symbol == '0')
            symbol = i % 2 ? 'o' : 'O';
        if (symbol == '1')
            symbol = i % 2 ? 'l' : 'I';
        *to++ = symbol;
        if (i % 7 == 0)
            *to++ = '-';
    }
    memcpy(to, " \n", sizeof " \n");
    assert_true(enrolment_code_parse(loose, &read, &error));
    assert_memory_equal(&read, &code, sizeof code);
}

static void every_wrong_character_is_found(void **state)
{
    (void)state;
    struct enrolment_code code = make_code(), read;
    struct error error;
    char text[ENROLMENT_CODE_TEXT_BYTES];
    enrolment_code_format(&code, text);
    for (size_t i = 0; text[i]; i++) {
        char right = text[i];
        for (const char *wrong = alphabet; right != '-' && *wrong; wrong++) {
            text[i] = *wrong;
            if (*wrong != right) {
                assert_false(enrolment_code_parse(text, &read, &error));
                assert_int_equal(error.code, ERROR_INPUT);
                assert_non_null(strstr(error.text, "mistyped"));
            }
        }
        text[i] = right;
    }
}

static void swapped_neighbours_are_found(void **state)
{
    (void)state;
    struct enrolment_code code = make_code(), read;
    struct error error;
    char text[ENROLMENT_CODE_TEXT_BYTES];
    enrolment_code_format(&code, text);
    for (size_t i = 0; text[i + 1]; i++) {
        size_t next = text[i + 1] == '-' ? i + 2 : i + 1;
        if (text[i] == '-' || text[i] == text[next])
            continue;
        char held = text[i];
        text[i] = text[next];
        text[next] = held;
        assert_false(enrolment_code_parse(text, &read, &error));
        text[next] = text[i];
        text[i] = held;
    }
}

static void errors_say_what_is_wrong(void **state)
{
    (void)state;
    struct enrolment_code code = make_code(), read, before;
    struct error error;
    char text[ENROLMENT_CODE_TEXT_BYTES + 2];
    memset(&before, 0x5a, sizeof before);
    read = before;
    assert_false(enrolment_code_parse("", &read, &error));
    assert_non_null(strstr(error.text, "too short"));
    enrolment_code_format(&code, text);
    size_t length = strlen(text);
    memcpy(text + length, "0", sizeof "0");
    assert_false(enrolment_code_parse(text, &read, &error));
    assert_non_null(strstr(error.text, "too long"));
    text[length - 1] = '\0';
    assert_false(enrolment_code_parse(text, &read, &error));
    assert_non_null(strstr(error.text, "too short"));
    text[7] = 'L'; /* read as 1 */
    assert_false(enrolment_code_parse(text, &read, &error));
    assert_non_null(strstr(error.text, "too short"));
    text[7] = 'U'; /* in the second group */
    assert_false(enrolment_code_parse(text, &read, &error));
    assert_non_null(strstr(error.text, "group 2"));
    assert_memory_equal(&read, &before, sizeof read);
}

int main(void)
{
    struct error error;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_come_back_as_they_went),   cmocka_unit_test(typing_may_be_loose),
        cmocka_unit_test(every_wrong_character_is_found), cmocka_unit_test(swapped_neighbours_are_found),
        cmocka_unit_test(errors_say_what_is_wrong),
    };
    return keys_start(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
