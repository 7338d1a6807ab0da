#include "api/csv.h"

#include <string.h>

void csv_begin(struct csv *csv, FILE *to)
{
    *csv = (struct csv){.to = to};
    fputs("\xEF\xBB\xBF", to);
}

static bool is_number(const char *text)
{
    text += *text == '-';
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    return digits > 0 && *rest == '\0';
}

void csv_add(struct csv *csv, const char *text)
{
    const char *apostrophe = *text && strchr("=+-@\t\r\n", *text) && !is_number(text) ? "'" : "";
    if (csv->within)
        fputc(',', csv->to);
    csv->within = true;
    if (!text[strcspn(text, ",;\"\r\n\t")]) {
        fprintf(csv->to, "%s%s", apostrophe, text);
        return;
    }
    fprintf(csv->to, "\"%s", apostrophe);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', csv->to);
        fputc(*text, csv->to);
    }
    fputc('"', csv->to);
}

void csv_end_line(struct csv *csv)
{
    fputs("\r\n", csv->to);
    csv->within = false;
}
