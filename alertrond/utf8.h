/* utf8.h: characters of UTF-8, in texts from anywhere that go to terminals, logs and files. */
#ifndef ALERTROND_UTF8_H
#define ALERTROND_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that a string, which ends in NUL, begins with: 1 to 4, or 0 where it is none. */
size_t utf8_bytes(const char *text);
/* Whether a character is one that a terminal may act on: U+0000 to U+001F and U+007F to U+009F. */
bool utf8_is_control(const char *character);
/* Whether a byte is one of a character, but not its first. */
bool utf8_continues(char byte);
/* Characters of a string, and the byte at which the one of this number, from 0, begins. */
size_t utf8_characters(const char *text);
size_t utf8_offset(const char *text, size_t character);
/* How many of the first n bytes of a string can be shown without a character being cut. */
size_t utf8_cut(const char *text, size_t n);
/* Copies n bytes of a string, with `?` for each byte of controls and of what is no UTF-8, and ends them in NUL. `out`
 * may be the text itself. */
void utf8_shown(char *out, const char *text, size_t n);

/* The character that a string begins with as XML 1.0 has it in a text or an attribute, with U+FFFD for what it can't
 * hold; returns the bytes that it takes of the text. */
#define UTF8_XML_BYTES 8
size_t utf8_xml(const char *text, char out[UTF8_XML_BYTES]);

#endif
