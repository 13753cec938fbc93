/* utf8.c: characters of UTF-8, in texts from anywhere that go to terminals, logs and files. */
#include "utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

bool utf8_continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* The number of the character at `text`, of *n bytes, or 0 and *n = 0 where it is none. */
static uint32_t code_of(const char *text, size_t *n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char first = (unsigned char)text[0];
    *n = first < 0x80 ? first != 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0x80)
        return first;
    uint32_t code = first & (0x7fu >> *n);
    size_t followed = 1;
    for (; followed < *n && utf8_continues(text[followed]); followed++)
        code = code << 6 | ((unsigned char)text[followed] & 0x3fu);
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    if (first >= 0xc2 && first <= 0xf4 && followed == *n && code >= least[*n] && code <= 0x10ffff && !surrogate)
        return code;
    *n = 0;
    return 0;
}

size_t utf8_bytes(const char *text)
{
    size_t n;
    code_of(text, &n);
    return n;
}

bool utf8_is_control(const char *character)
{
    size_t n;
    const uint32_t code = code_of(character, &n);
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

size_t utf8_characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += !utf8_continues(*text);
    return n;
}

size_t utf8_offset(const char *text, size_t character)
{
    const char *at = text;
    while (*at && (utf8_continues(*at) || character-- > 0))
        at++;
    return (size_t)(at - text);
}

size_t utf8_cut(const char *text, size_t n)
{
    while (n > 0 && utf8_continues(text[n]))
        n--;
    return n;
}

void utf8_shown(char *out, const char *text, size_t n)
{
    for (size_t i = 0, step; i < n; i += step) {
        step = utf8_bytes(text + i);
        const bool shown = step > 0 && step <= n - i && !utf8_is_control(text + i);
        step = step == 0 ? 1 : step <= n - i ? step : n - i;
        if (shown)
            memmove(out + i, text + i, step);
        else
            memset(out + i, '?', step);
    }
    out[n] = '\0';
}

size_t utf8_xml(const char *text, char out[UTF8_XML_BYTES])
{
    static const char marks[] = "&<>\"'", *const names[] = {"amp", "lt", "gt", "quot", "apos"};
    const char *named;
    size_t n;
    const uint32_t code = code_of(text, &n);
    const bool held = code == '\t' || code == '\n' || (code >= 0x20 && code != 0xfffe && code != 0xffff);
    if (!held)
        snprintf(out, UTF8_XML_BYTES, "\xef\xbf\xbd");
    else if ((named = strchr(marks, text[0])))
        snprintf(out, UTF8_XML_BYTES, "&%s;", names[named - marks]);
    else
        snprintf(out, UTF8_XML_BYTES, "%.*s", (int)n, text);
    return n ? n : 1;
}
