/* print.c: what commands tell on standard output. */
#include "print.h"

#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "utf8.h"

void print_number(double value)
{
    char text[32];
    reading_write_number(text, sizeof text, value);
    printf("%s", text);
}

void print_shown(FILE *out, const char *text, size_t n)
{
    char *shown = malloc(n + 1);
    if (!shown)
        return;
    utf8_shown(shown, text, n);
    fputs(shown, out);
    free(shown);
}

void print_json_string(const char *text)
{
    const size_t size = text ? 6 * strlen(text) + 3 : 0; /* each byte may be escaped */
    char *out = malloc(size + 1);
    printf("%s", out && text && reading_write_string(out, size, text) ? out : "null");
    free(out);
}

void print_json_text(const char *name, const char *text)
{
    printf("\"%s\":", name);
    print_json_string(text);
}

void print_json_number(const char *name, double value)
{
    printf("\"%s\":", name);
    print_number(value);
}
