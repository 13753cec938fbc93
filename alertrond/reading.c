/* reading.c: readings in JSON, in and out. The one room that knows cJSON.
 *
 * cJSON builds the tree, but it is laxer than JSON (RFC 8259): any byte up to a space is a blank to it, "1." and
 * "007" are numbers, \uZZZZ and \u0000 end a string early. So every token is checked before cJSON sees the text.
 * A field that is given twice counts as it was given last, as in Python's json and most other readers.
 */
#include "reading.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "decimal.h"
#include "plain.h"
#include "utf8.h"

#define DEPTH_MAX 64u        /* arrays and objects in one another: cJSON recurses */
#define NUMBER_BYTES_MAX 63u /* what cJSON reads of a number */
#define EXPECTED "expected {\"device_id\": \"...\", \"features\": [...]}"

/* Where the reason of a fault goes. */
struct reason {
    char *text;
    size_t size;
};

struct text {
    const char *bytes;
    size_t n, at;
};

const char *reading_fault_name(enum reading_fault fault)
{
    switch (fault) {
    case READING_GOOD:
        return "good";
    case READING_EMPTY:
        return "empty";
    case READING_TOO_LARGE:
        return "too_large";
    case READING_NOT_JSON:
        return "not_json";
    case READING_MISSING_FIELD:
        return "missing_field";
    case READING_WRONG_TYPE:
        return "wrong_type";
    case READING_WRONG_WIDTH:
        return "wrong_width";
    case READING_NOT_FINITE:
        return "not_finite";
    }
    return "unknown";
}

__attribute__((format(printf, 3, 4))) static enum reading_fault refuse(struct reason reason, enum reading_fault fault,
                                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason.text, reason.size, format, arguments);
    va_end(arguments);
    return fault;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_hex(unsigned char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The byte `ahead` of the scanner, or 0 beyond the end: no token holds a NUL. */
static unsigned char peek(const struct text *text, size_t ahead)
{
    return text->n - text->at > ahead ? (unsigned char)text->bytes[text->at + ahead] : 0;
}

static enum reading_fault check_escape(struct text *text, struct reason reason)
{
    size_t at = text->at;
    unsigned char c = peek(text, 1);
    text->at += 2;
    if (c != 0 && strchr("\"\\/bfnrt", c))
        return READING_GOOD;
    unsigned zeros = 0;
    for (size_t i = 0; i < 4; i++) {
        if (c != 'u' || !is_hex(peek(text, i)))
            return refuse(reason, READING_NOT_JSON, "not JSON: byte %zu: a string has an unknown escape", at);
        zeros += peek(text, i) == '0';
    }
    text->at += 4;
    if (zeros == 4)
        return refuse(reason, READING_NOT_JSON, "byte %zu: a string holds \\u0000, which no field may hold", at);
    return READING_GOOD;
}

static enum reading_fault check_string(struct text *text, struct reason reason)
{
    size_t begin = text->at++;
    while (text->at < text->n) {
        unsigned char c = peek(text, 0);
        if (c == '"') {
            text->at++;
            return READING_GOOD;
        }
        if (c < 0x20)
            return refuse(reason, READING_NOT_JSON, "not JSON: byte %zu: control character 0x%02x in a string",
                          text->at, c);
        if (c != '\\') {
            text->at++;
            continue;
        }
        enum reading_fault fault = check_escape(text, reason);
        if (fault)
            return fault;
    }
    return refuse(reason, READING_NOT_JSON, "not JSON: the string that begins at byte %zu has no end", begin);
}

static size_t skip_digits(struct text *text)
{
    size_t begin = text->at;
    while (is_digit(peek(text, 0)))
        text->at++;
    return text->at - begin;
}

/* number = [ "-" ] ( "0" / 1-9 digits ) [ "." digits ] [ e [ "+" / "-" ] digits ] */
static bool skip_number(struct text *text)
{
    if (peek(text, 0) == '-')
        text->at++;
    bool zero = peek(text, 0) == '0';
    size_t digits = skip_digits(text);
    if (digits == 0 || (zero && digits > 1))
        return false;
    if (peek(text, 0) == '.') {
        text->at++;
        if (skip_digits(text) == 0)
            return false;
    }
    if (peek(text, 0) == 'e' || peek(text, 0) == 'E') {
        text->at++;
        if (peek(text, 0) == '+' || peek(text, 0) == '-')
            text->at++;
        if (skip_digits(text) == 0)
            return false;
    }
    return !is_letter(peek(text, 0)) && peek(text, 0) != '.';
}

static enum reading_fault check_number(struct text *text, struct reason reason)
{
    size_t begin = text->at;
    if (!skip_number(text))
        return refuse(reason, READING_NOT_JSON,
                      "not JSON: the number at byte %zu is not written as JSON wants, e.g. -1, 0.5, 2e6", begin);
    if (text->at - begin > NUMBER_BYTES_MAX)
        return refuse(reason, READING_NOT_JSON, "the number at byte %zu has %zu characters; at most %u are read", begin,
                      text->at - begin, NUMBER_BYTES_MAX);
    return READING_GOOD;
}

static enum reading_fault check_word(struct text *text, struct reason reason)
{
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity"};
    const char *word = text->bytes + text->at;
    size_t begin = text->at;
    while (is_letter(peek(text, 0)))
        text->at++;
    size_t n = text->at - begin;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) != n || memcmp(word, words[i], n) != 0)
            continue;
        if (i < 3)
            return READING_GOOD;
        return refuse(reason, READING_NOT_JSON, "not JSON: byte %zu: %s; a missing value is null", begin, words[i]);
    }
    return refuse(reason, READING_NOT_JSON, "not JSON: byte %zu: a word other than true, false and null", begin);
}

static enum reading_fault check_mark(struct text *text, unsigned *depth, struct reason reason)
{
    unsigned char c = peek(text, 0);
    if (c == '{' || c == '[') {
        if (++*depth > DEPTH_MAX)
            return refuse(reason, READING_NOT_JSON, "byte %zu: nested more than %u deep", text->at, DEPTH_MAX);
    } else if (c == '}' || c == ']') {
        if ((*depth)-- == 0)
            return refuse(reason, READING_NOT_JSON, "not JSON: byte %zu: '%c' closes nothing", text->at, c);
    } else if (c != ',' && c != ':') {
        const char *format = c > 0x20 && c < 0x7f ? "not JSON: byte %zu: unexpected '%c'; " EXPECTED
                                                  : "not JSON: byte %zu: unexpected 0x%02x; " EXPECTED;
        return refuse(reason, READING_NOT_JSON, format, text->at, c);
    }
    text->at++;
    return READING_GOOD;
}

/* That each token is JSON; what order they may stand in is for cJSON to say. */
static enum reading_fault check_tokens(struct text text, struct reason reason)
{
    unsigned depth = 0;
    size_t tokens = 0;
    while (text.at < text.n) {
        unsigned char c = peek(&text, 0);
        if (is_blank(c)) {
            text.at++;
            continue;
        }
        tokens++;
        enum reading_fault fault;
        if (c == '"')
            fault = check_string(&text, reason);
        else if (c == '-' || is_digit(c))
            fault = check_number(&text, reason);
        else if (is_letter(c))
            fault = check_word(&text, reason);
        else
            fault = check_mark(&text, &depth, reason);
        if (fault)
            return fault;
    }
    if (tokens == 0)
        return refuse(reason, READING_NOT_JSON, "nothing but blanks; " EXPECTED);
    return READING_GOOD;
}

static const char *type_name(const cJSON *item)
{
    if (cJSON_IsArray(item))
        return "an array";
    if (cJSON_IsObject(item))
        return "an object";
    if (cJSON_IsString(item))
        return "a string";
    if (cJSON_IsNumber(item))
        return "a number";
    return cJSON_IsNull(item) ? "null" : "a boolean";
}

/* The tree of a text that is one JSON object, to be given to cJSON_Delete, or NULL and the fault. */
static cJSON *parse_object(const char *bytes, size_t n_bytes, struct reason reason, enum reading_fault *fault)
{
    /* RFC 8259 lets a reader ignore a byte order mark. */
    struct text text = {.bytes = bytes, .n = n_bytes};
    if (n_bytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        text = (struct text){.bytes = bytes + 3, .n = n_bytes - 3};
    *fault = check_tokens(text, reason);
    if (*fault)
        return NULL;
    const char *end = text.bytes;
    cJSON *root = cJSON_ParseWithLengthOpts(text.bytes, text.n, &end, false);
    size_t offset = (size_t)(end - bytes);
    if (!root) {
        *fault = refuse(reason, READING_NOT_JSON, "not JSON: broken off or wrong at byte %zu; " EXPECTED, offset);
        return NULL;
    }
    while (end < bytes + n_bytes && is_blank((unsigned char)*end))
        end++;
    if (end < bytes + n_bytes)
        *fault = refuse(reason, READING_NOT_JSON, "not one JSON object: more text after its end, at byte %zu", offset);
    else if (!cJSON_IsObject(root))
        *fault = refuse(reason, READING_NOT_JSON, "not a JSON object but %s; " EXPECTED, type_name(root));
    if (*fault == READING_GOOD)
        return root;
    cJSON_Delete(root);
    return NULL;
}

/* The field as it was given last, or NULL. */
static const cJSON *field_of(const cJSON *root, const char *name)
{
    const cJSON *found = NULL, *item;
    cJSON_ArrayForEach(item, root) if (strcmp(item->string, name) == 0) found = item;
    return found;
}

static enum reading_fault decode_device(const cJSON *item, struct reading *reading, struct reason reason)
{
    if (!item)
        return refuse(reason, READING_MISSING_FIELD, "device_id is missing; " EXPECTED);
    if (!cJSON_IsString(item))
        return refuse(reason, READING_WRONG_TYPE, "device_id is %s; expected a string", type_name(item));
    size_t n = strlen(item->valuestring);
    if (n == 0)
        return refuse(reason, READING_WRONG_TYPE, "device_id is empty; expected 1 to %u bytes",
                      READING_DEVICE_BYTES_MAX);
    if (n > READING_DEVICE_BYTES_MAX)
        return refuse(reason, READING_WRONG_TYPE, "device_id has %zu bytes; expected 1 to %u", n,
                      READING_DEVICE_BYTES_MAX);
    for (size_t at = 0; at < n;) {
        size_t step = utf8_bytes(item->valuestring + at);
        if (step == 0)
            return refuse(reason, READING_WRONG_TYPE, "device_id is not UTF-8 at its byte %zu", at);
        at += step;
    }
    memcpy(reading->device_id, item->valuestring, n + 1);
    reading->device_id_bytes = n;
    return READING_GOOD;
}

static enum reading_fault decode_feature(const cJSON *item, size_t index, bool missing_values, double *value,
                                         struct reason reason)
{
    if (cJSON_IsNull(item) && missing_values) {
        *value = NAN;
        return READING_GOOD;
    }
    if (cJSON_IsNull(item))
        return refuse(reason, READING_NOT_FINITE, "features[%zu] is null; the model takes no missing values", index);
    if (!cJSON_IsNumber(item))
        return refuse(reason, READING_WRONG_TYPE, "features[%zu] is %s; expected a number", index, type_name(item));
    if (!isfinite(item->valuedouble))
        return refuse(reason, READING_NOT_FINITE, "features[%zu] is beyond the range of a double", index);
    *value = item->valuedouble;
    return READING_GOOD;
}

static enum reading_fault decode_features(const cJSON *array, const struct reading_shape *shape, double *features,
                                          struct reason reason)
{
    if (!array)
        return refuse(reason, READING_MISSING_FIELD, "features is missing; " EXPECTED);
    if (!cJSON_IsArray(array))
        return refuse(reason, READING_WRONG_TYPE, "features is %s; expected an array of %zu number%s", type_name(array),
                      shape->width, shape->width == 1 ? "" : "s");
    size_t n = (size_t)cJSON_GetArraySize(array);
    if (n != shape->width)
        return refuse(reason, READING_WRONG_WIDTH, "features has %zu number%s; the model wants %zu", n,
                      n == 1 ? "" : "s", shape->width);
    size_t index = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        enum reading_fault fault = decode_feature(item, index, shape->missing_values, &features[index], reason);
        if (fault)
            return fault;
        index++;
    }
    return READING_GOOD;
}

static enum reading_fault decode_time(const cJSON *item, struct reading *reading, struct reason reason)
{
    reading->ts = NAN;
    if (!item || cJSON_IsNull(item))
        return READING_GOOD;
    if (!cJSON_IsNumber(item))
        return refuse(reason, READING_WRONG_TYPE, "ts is %s; expected a number, seconds since 1970", type_name(item));
    if (!isfinite(item->valuedouble))
        return refuse(reason, READING_NOT_FINITE, "ts is beyond the range of a double");
    reading->ts = item->valuedouble;
    return READING_GOOD;
}

enum reading_fault reading_decode(const char *bytes, size_t n_bytes, const struct reading_shape *shape,
                                  struct reading *reading, double *features, char *reason_text, size_t reason_size)
{
    if (plain_decode(bytes, n_bytes, shape, reading, features))
        return READING_GOOD;
    struct reason reason = {.text = reason_text, .size = reason_size};
    if (n_bytes == 0)
        return refuse(reason, READING_EMPTY, "no bytes; " EXPECTED);
    if (n_bytes > shape->bytes_max)
        return refuse(reason, READING_TOO_LARGE, "%zu bytes; at most %zu are read", n_bytes, shape->bytes_max);
    enum reading_fault fault;
    cJSON *root = parse_object(bytes, n_bytes, reason, &fault);
    if (!root)
        return fault;
    fault = decode_device(field_of(root, "device_id"), reading, reason);
    if (!fault)
        fault = decode_features(field_of(root, "features"), shape, features, reason);
    if (!fault)
        fault = decode_time(field_of(root, "ts"), reading, reason);
    cJSON_Delete(root);
    return fault;
}

size_t reading_width(const char *bytes, size_t n_bytes)
{
    enum reading_fault fault;
    cJSON *root = parse_object(bytes, n_bytes, (struct reason){0}, &fault);
    const cJSON *features = root ? field_of(root, "features") : NULL;
    size_t width = cJSON_IsArray(features) ? (size_t)cJSON_GetArraySize(features) : 0;
    cJSON_Delete(root);
    return width;
}

/* One character as it stands in a JSON string, NUL-ended; returns the bytes it takes of `at`. */
static size_t escape_character(const unsigned char *at, char piece[8])
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *known = strchr(plain, *at);
    size_t n = utf8_bytes((const char *)at);
    if (known)
        snprintf(piece, 8, "\\%c", letters[known - plain]);
    else if (*at < 0x20 || *at == 0x7f)
        snprintf(piece, 8, "\\u%04x", *at);
    else if (n == 0)
        snprintf(piece, 8, "\xef\xbf\xbd");
    else
        snprintf(piece, 8, "%.*s", (int)n, (const char *)at);
    return n ? n : 1;
}

bool reading_member(const char *bytes, size_t n_bytes, const char *name, char *out, size_t size)
{
    char reason[128];
    enum reading_fault fault;
    cJSON *root = parse_object(bytes, n_bytes, (struct reason){reason, sizeof reason}, &fault);
    if (!root)
        return false;
    const cJSON *item = field_of(root, name);
    if (!item)
        item = cJSON_GetObjectItem(root, name); /* in any case */
    const char *text = cJSON_IsTrue(item) ? "true" : cJSON_IsFalse(item) ? "false" : cJSON_GetStringValue(item);
    char number[32];
    if (cJSON_IsNumber(item) && reading_write_number(number, sizeof number, item->valuedouble))
        text = number;
    bool fits = text && strlen(text) < size;
    if (fits)
        memcpy(out, text, strlen(text) + 1);
    cJSON_Delete(root);
    return fits;
}

size_t reading_write_string(char *out, size_t size, const char *text)
{
    size_t n = 0;
    if (size < 3)
        return 0;
    out[n++] = '"';
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        char piece[8];
        at += escape_character(at, piece);
        size_t length = strlen(piece);
        if (size - n < length + 2) /* the quote and the NUL have to follow */
            return 0;
        memcpy(out + n, piece, length);
        n += length;
    }
    out[n++] = '"';
    out[n] = '\0';
    return n;
}

size_t reading_write_number(char *out, size_t size, double value)
{
    char text[DECIMAL_BYTES] = "null";
    size_t n = isfinite(value) ? decimal_write(text, value) : 4;
    if (n >= size)
        return 0;
    memcpy(out, text, n + 1);
    return n;
}
