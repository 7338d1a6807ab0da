#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lists/encoding.h"

#include <stdio.h>
#include <stdlib.h>

/* One line of a list in each encoding: "Tổ chức Hữu nghị,Đức,Đang hoạt động,Nguyễn Ngọc Ẩn" and more words.
 */
static const char SENTENCE[] =
    "Tổ chức hữu nghị Đức đang hoạt động: kế hoạch cứu trợ khẩn cấp, Ước mơ trẻ em";

static const char TCVN3[] = "T\xe6 ch\xf8"
                            "c h\xf7u ngh\xde \xa7\xf8"
                            "c \xae"
                            "ang ho\xb9t \xae\xe9ng: k\xd5 ho\xb9"
                            "ch c\xf8u tr\xee "
                            "kh\xc8n c\xcap, \xa6\xed"
                            "c m\xac tr\xce em";
static const char VNI[] = "To\xe5 ch\xf6\xf9"
                          "c h\xf6\xf5u ngh\xf2 \xd1\xf6\xf9"
                          "c \xf1"
                          "ang hoa\xeft \xf1o\xe4ng: ke\xe1 hoa\xef"
                          "ch "
                          "c\xf6\xf9u tr\xf4\xef kha\xe5n ca\xe1p, \xd6\xf4\xf9"
                          "c m\xf4 tre\xfb em";
static const char WINDOWS_1258[] = "T\xf4\xd2 ch\xfd\xec"
                                   "c h\xfd\xdeu nghi\xf2 \xd0\xfd\xec"
                                   "c \xf0"
                                   "ang hoa\xf2t \xf0\xf4\xf2ng: k\xea\xec hoa\xf2"
                                   "ch c\xfd\xecu "
                                   "tr\xf5\xf2 kh\xe2\xd2n c\xe2\xecp, \xdd\xf5\xec"
                                   "c m\xf5 tre\xd2 em";

static void reads_as(struct bytes raw, enum list_encoding encoding, const char *wanted)
{
    struct error error = {0};
    size_t size;
    char *text = encoding_read(raw, encoding, &size, &error);
    if (!text)
        fail_msg("%s", error.text);
    assert_string_equal(text, wanted);
    assert_int_equal(size, strlen(wanted));
    free(text);
}

static void is_told(struct bytes raw, enum list_encoding wanted, bool guessed)
{
    struct error error = {0};
    enum list_encoding encoding;
    bool assumed;
    if (!encoding_detect(raw, &encoding, &assumed, &error))
        fail_msg("%s", error.text);
    assert_int_equal(encoding, wanted);
    assert_int_equal(assumed, guessed);
}

static void is_not_told(struct bytes raw, const char *reason)
{
    struct error error = {0};
    enum list_encoding encoding;
    bool assumed;
    assert_false(encoding_detect(raw, &encoding, &assumed, &error));
    assert_int_equal(error.code, ERROR_INPUT);
    if (!strstr(error.text, reason))
        fail_msg("%s", error.text);
}

static void one_byte_encodings_are_told_apart(void **state)
{
    (void)state;
    is_told(bytes_of_string(TCVN3), LIST_TCVN3, true);
    reads_as(bytes_of_string(TCVN3), LIST_TCVN3, SENTENCE);
    is_told(bytes_of_string(VNI), LIST_VNI, true);
    reads_as(bytes_of_string(VNI), LIST_VNI, SENTENCE);
    is_told(bytes_of_string(WINDOWS_1258), LIST_WINDOWS_1258, true);
    reads_as(bytes_of_string(WINDOWS_1258), LIST_WINDOWS_1258, SENTENCE);
}

static void every_letter_of_vni_is_read(void **state)
{
    (void)state;
    reads_as(
        bytes_of_string("a\xf9 a\xf8 a\xfb a\xf5 a\xef a\xe2 a\xe1 a\xe0 a\xe5 a\xe3 a\xe4 a\xea a\xe9 a\xe8 "
                        "a\xfa a\xfc a\xeb"),
        LIST_VNI, "á à ả ã ạ â ấ ầ ẩ ẫ ậ ă ắ ằ ẳ ẵ ặ");
    reads_as(bytes_of_string("A\xd9 E\xc4 O\xc0 U\xcf \xd4\xd9 \xd6\xd8 Y\xd5 \xce \xcd \xcc \xc6 \xd3 \xd2"),
             LIST_VNI, "Á Ệ Ồ Ụ Ớ Ừ Ỹ Ỵ Í Ì Ỉ Ĩ Ị");
    reads_as(bytes_of_string("b\xf9"), LIST_VNI, "bù"); /* no letter to carry it: as in Windows-1252 */
}

static void marks_and_order_marks(void **state)
{
    (void)state;
    is_told(bytes_of_string("name,country\nPlan,FR\n"), LIST_UTF8, false);
    is_told(bytes_of_string("\xEF\xBB\xBFQuảng Trị"), LIST_UTF8, false);
    reads_as(bytes_of_string("\xEF\xBB\xBFQuảng Trị"), LIST_UTF8, "Quảng Trị");
    reads_as(bytes_of_string("Qua\xCC\x89ng Tri\xCC\xA3"), LIST_UTF8, "Quảng Trị");
    is_told(bytes_of("\xFF\xFEQ\0u\0", 6), LIST_UTF16LE, false);
    reads_as(bytes_of("\xFF\xFEQ\0\xA3\x1E\n\0\x3D\xD8\x00\xDE", 12), LIST_UTF16LE, "Qả\n😀");
    is_told(bytes_of("\xFE\xFF\0Q", 4), LIST_UTF16BE, false);
    reads_as(bytes_of("\xFE\xFF\0Q\x1E\xA3", 6), LIST_UTF16BE, "Qả");
    reads_as(bytes_of("", 0), LIST_UTF8, "");
    reads_as(bytes_of("\xFF\xFE", 2), LIST_UTF16LE, "");
}

static void what_is_not_safe_is_not_assumed(void **state)
{
    (void)state;
    is_not_told(bytes_of_string("name,country\nM\xe9"
                                "decins,FR\n"),
                "line 2: no UTF-8");
    is_not_told(bytes_of_string("name\nTổ chức Quảng Trị hữu nghị\nPh\xff"
                                "p"),
                "line 3: no UTF-8");
    is_not_told(bytes_of("name\nA\0B\n", 9), "line 2: a NUL byte");
    is_not_told(bytes_of("PK\x03\x04\x14\0\0", 7), "this is a workbook");
    is_not_told(bytes_of_string("name\nM\xfcnchen Stra\xdf"
                                "e\nA\xe7"
                                "\xe3o Ara\xfajo\nFran\xe7"
                                "ais"),
                "line 2");
}

static void wrong_bytes_are_errors(void **state)
{
    (void)state;
    struct error error;
    size_t size;
    assert_null(encoding_read(bytes_of("a\nb\xff", 4), LIST_UTF8, &size, &error));
    assert_non_null(strstr(error.text, "line 2"));
    assert_null(encoding_read(bytes_of("\xFF\xFE"
                                       "a\0\x00\xDC",
                                       6),
                              LIST_UTF16LE, &size, &error));
    assert_null(encoding_read(bytes_of("\xFF\xFE"
                                       "a\0b",
                                       5),
                              LIST_UTF16LE, &size, &error));
    assert_null(encoding_read(bytes_of("\xFF\xFE\0\0", 4), LIST_UTF16LE, &size, &error));
    assert_null(encoding_read(bytes_of("a\0", 2), LIST_TCVN3, &size, &error));
}

static void long_texts_are_composed_in_pieces(void **state)
{
    (void)state;
    struct error error;
    size_t size, pieces = 100000;
    char *long_text = malloc(6 * pieces + 1);
    assert_non_null(long_text);
    for (size_t i = 0; i < pieces; i++)
        memcpy(long_text + 6 * i, "e\xCC\x82\xCC\x81,", 6);
    char *text = encoding_read(bytes_of(long_text, 6 * pieces), LIST_UTF8, &size, &error);
    assert_non_null(text);
    assert_int_equal(size, 4 * pieces);
    for (size_t i = 0; i < pieces; i++)
        assert_memory_equal(text + 4 * i, "ế,", 4);
    free(text);
    free(long_text);
}

static void names(void **state)
{
    (void)state;
    enum list_encoding encoding;
    assert_true(encoding_named("CP1258", &encoding));
    assert_int_equal(encoding, LIST_WINDOWS_1258);
    assert_true(encoding_named("abc", &encoding));
    assert_int_equal(encoding, LIST_TCVN3);
    assert_false(encoding_named("latin1", &encoding));
    for (int i = 0; i < LIST_ENCODINGS; i++) {
        assert_true(encoding_named(encoding_name((enum list_encoding)i), &encoding));
        assert_int_equal(encoding, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_byte_encodings_are_told_apart),
        cmocka_unit_test(every_letter_of_vni_is_read),
        cmocka_unit_test(marks_and_order_marks),
        cmocka_unit_test(what_is_not_safe_is_not_assumed),
        cmocka_unit_test(wrong_bytes_are_errors),
        cmocka_unit_test(long_texts_are_composed_in_pieces),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
