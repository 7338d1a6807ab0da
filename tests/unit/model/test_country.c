#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/country.h"

#include <stdio.h>

static void is_country(const char *text, const char *wanted)
{
    char code[COUNTRY_CODE_BYTES];
    if (!country_find(bytes_of_string(text), code))
        fail_msg("%s is not known", text);
    assert_string_equal(code, wanted);
}

static void is_none(const char *text)
{
    char code[COUNTRY_CODE_BYTES];
    assert_false(country_find(bytes_of_string(text), code));
}

static void codes_and_names(void **state)
{
    (void)state;
    is_country("FR", "FR");
    is_country("fr", "FR");
    is_country("FRA", "FR");
    is_country("Pháp", "FR");
    is_country("PHÁP", "FR");
    is_country("phap", "FR");
    is_country("France", "FR");
    is_country("Hoa Kỳ", "US");
    is_country("Mỹ", "US");
    is_country("USA", "US");
    is_country("UK", "GB");
    is_country("Việt Nam", "VN");
    is_country("Đặc khu Hành chính Hồng Kông, Trung Quốc", "HK");
    is_country("Zimbabwe", "ZW");
    is_country("Nga", "RU");
    is_none("NGA"); /* Russia in capitals, or the code of Nigeria */
    is_none("");
    is_none("Atlantis");
    is_none("QQ");
    is_none("\x06R");
}

/* As offices and newspapers write them. */
static void other_spellings(void **state)
{
    static const char *const spellings[][2] = {
        {"Ý", "IT"},
        {"I-ta-li-a", "IT"},
        {"Ca-na-đa", "CA"},
        {"Cu Ba", "CU"},
        {"Cu-ba", "CU"},
        {"Nhật", "JP"},
        {"Myanmar", "MM"},
        {"Mi-an-ma", "MM"},
        {"Hồng Kông", "HK"},
        {"Ma Cao", "MO"},
        {"Palestine", "PS"},
        {"Thụy Sỹ", "CH"},
        {"Cộng hòa Pháp", "FR"},
        {"U.S.A.", "US"},
        {"Xin-ga-po", "SG"},
        {"Ô-xtrây-li-a", "AU"},
        {"Ả Rập Xê Út", "SA"},
        {"UAE", "AE"},
        {"Timor Leste", "TL"},
        {"CHLB Nga", "RU"},
        {"LB Nga", "RU"},
        {"Liên bang Nga", "RU"},
        {"Nam Hàn", "KR"},
        {"Thổ Nhĩ Kì", "TR"},
        {"Bắc Triều Tiên", "KP"},
        {"Hồng Công", "HK"},
        {"Hong Kong", "HK"},
        {"Pa-lét-xtin", "PS"},
        {"Xing-ga-po", "SG"},
        {"Thuỵ Sỹ", "CH"},
        {"Côte d'Ivoire", "CI"},
        {"Cu–ba", "CU"},
        {"Hồng Kông (Trung Quốc)", "HK"},
        {"Xu-đăng", "SD"},
        {"Nam Xu-đăng", "SS"},
        {"Gru-di-a", "GE"},
        {"CH Ba Lan", "PL"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        is_country(spellings[i][0], spellings[i][1]);
    is_none("Nước ngoài");
    is_none("Tiệp Khắc"); /* is no more */
    is_none("Hàn Quốc, Nhật Bản");
    is_none("Mỹ?");
    is_none("-");
}

/* Every name of the list is found, whichever way it is read: none hides another. */
static void every_name_of_the_list_is_found(void **state)
{
    FILE *file = fopen(SOURCE_DIR "/data/countries.csv", "r");
    char line[512], code[8], alpha3[8], rest[480];
    int count = 0;
    (void)state;
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    while (fgets(line, sizeof line, file)) {
        assert_int_equal(sscanf(line, "%7[^,],%7[^,],%479[^\r\n]", code, alpha3, rest), 3);
        is_country(code, code);
        if (strcmp(alpha3, "NGA") != 0)
            is_country(alpha3, code);
        char *comma = strchr(rest, ',');
        assert_non_null(comma);
        *comma++ = '\0';
        is_country(rest, code);
        size_t length = strlen(comma);
        if (*comma == '"')
            comma[length - 1] = '\0', comma++;
        is_country(comma, code);
        count++;
    }
    fclose(file);
    assert_true(count > 240);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_names),
        cmocka_unit_test(other_spellings),
        cmocka_unit_test(every_name_of_the_list_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
