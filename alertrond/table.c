/* table.c: files of readings, CSV or newline-delimited JSON, told by content; a row at a time. */
#include "table.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <alertron.h>

#include "csv.h"
#include "lines.h"
#include "reading.h"
#include "utf8.h"
#include "why.h"

#define NOT_A_FEATURE SIZE_MAX
#define QUOTED_BYTES_MAX 40 /* of a file's content in a message */
#define COLUMNS_LISTED_MAX 12u
#define SEPARATORS "Fields stand between `,`, `;` or tabs"

const char *const table_label_columns[] = {"label", "anomaly", "is_anomaly", "outlier", "is_outlier",
                                           "y",     "target",  "class",      NULL};

struct table {
    struct lines *lines;
    bool csv, crlf, missing_values, infinities;
    char separator;
    size_t width, line;
    char *header;
    char **columns; /* names; one block */
    size_t n_columns;
    size_t *feature_of_column; /* or NOT_A_FEATURE */
    size_t *column_of_feature;
    const char *row; /* the last one, of n_row bytes */
    size_t n_row;
};

/* Text of a file for a message: short, and without control characters. */
struct quoted {
    char text[QUOTED_BYTES_MAX + 8];
};

static struct quoted quote(const char *text, size_t n)
{
    struct quoted quoted;
    const bool whole = n <= QUOTED_BYTES_MAX;
    n = whole ? n : utf8_cut(text, QUOTED_BYTES_MAX);
    utf8_shown(quoted.text, text, n);
    snprintf(quoted.text + n, 4, "%s", whole ? "" : "...");
    return quoted;
}

static bool is_blank_row(const char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    return *text == '\0';
}

/* The next row that is not blank. */
static enum lines_outcome next_row(struct table *table, struct line *line, char *why, size_t why_size)
{
    enum lines_outcome outcome;
    do
        outcome = lines_next(table->lines, table->csv ? table->separator : 0, line, why, why_size);
    while (outcome == LINES_ROW && is_blank_row(line->text));
    return outcome;
}

/* The columns there are, as a list for a message. */
static void list_columns(const struct table *table, char *out, size_t size)
{
    size_t n = 0, at = 0;
    for (; at < table->n_columns && at < COLUMNS_LISTED_MAX && n < size; at++) {
        struct quoted name = quote(table->columns[at], strlen(table->columns[at]));
        n += (size_t)snprintf(out + n, size - n, "%s%s", at ? ", " : "", name.text);
    }
    if (at < table->n_columns && n < size)
        snprintf(out + n, size - n, " and %zu more", table->n_columns - at);
    if (table->n_columns == 1 && n < size)
        snprintf(out + n, size - n, " (one column. " SEPARATORS ")");
}

static size_t find_column(const struct table *table, const char *name, size_t *n_found)
{
    size_t found = 0;
    *n_found = 0;
    for (size_t column = 0; column < table->n_columns; column++)
        if (strcmp(table->columns[column], name) == 0 && (*n_found)++ == 0)
            found = column;
    return found;
}

static bool say_namesakes(const struct table *table, size_t n, const char *name, char *why, size_t why_size)
{
    return why_say(why, why_size, "%s: %zu columns are named \"%s\"; give them different names",
                   lines_name(table->lines), n, quote(name, strlen(name)).text);
}

/* Makes the columns of these names the features. */
static bool choose_named(struct table *table, const char *const *names, size_t n, const char *whose, char *why,
                         size_t why_size)
{
    for (size_t feature = 0; feature < n; feature++) {
        size_t n_found, column = find_column(table, names[feature], &n_found);
        struct quoted name = quote(names[feature], strlen(names[feature]));
        if (n_found == 0) {
            char list[512];
            list_columns(table, list, sizeof list);
            return why_say(why, why_size,
                           "%s: no column \"%s\", which %s; the columns are %s: choose with --features A,B,...",
                           lines_name(table->lines), name.text, whose, list);
        }
        if (n_found > 1)
            return say_namesakes(table, n_found, names[feature], why, why_size);
        if (table->feature_of_column[column] != NOT_A_FEATURE)
            return why_say(why, why_size, "column \"%s\" is wanted twice; name each feature once", name.text);
        table->feature_of_column[column] = feature;
        table->column_of_feature[feature] = column;
    }
    table->width = n;
    return true;
}

static bool choose_listed(struct table *table, const struct table_options *options, char *why, size_t why_size)
{
    size_t n;
    char **names = csv_split(options->features, strlen(options->features), ',', &n);
    if (!names)
        return why_say(why, why_size, "out of memory");
    bool chosen = false;
    if (options->width && n != options->width)
        why_say(why, why_size, "--features names %zu column%s; the model wants %zu", n, n == 1 ? "" : "s",
                options->width);
    else if (n > table->n_columns)
        why_say(why, why_size, "%s: --features names %zu column%s; there are %zu", lines_name(table->lines), n,
                n == 1 ? "" : "s", table->n_columns);
    else
        chosen = choose_named(table, (const char *const *)names, n, "--features names", why, why_size);
    free(names);
    return chosen;
}

static bool is_beside(const struct table_options *options, const char *column)
{
    for (const char *const *name = options->beside; name && *name; name++)
        if (strcasecmp(*name, column) == 0)
            return true;
    return false;
}

static bool choose_all(struct table *table, const struct table_options *options, char *why, size_t why_size)
{
    size_t n = 0;
    for (size_t column = 0; column < table->n_columns; column++) {
        if (table->n_columns > options->width && is_beside(options, table->columns[column]))
            continue;
        table->feature_of_column[column] = n;
        table->column_of_feature[n++] = column;
    }
    if (options->width && options->width != n) {
        char list[512];
        list_columns(table, list, sizeof list);
        return why_say(why, why_size, "%s: %zu column%s (%s); the model wants %zu: choose with --features A,B,...",
                       lines_name(table->lines), table->n_columns, table->n_columns == 1 ? "" : "s", list,
                       options->width);
    }
    table->width = n;
    return true;
}

/* Features that nobody has named yet will be found by the names that they have here. */
static bool names_differ(const struct table *table, char *why, size_t why_size)
{
    for (size_t feature = 0; feature < table->width; feature++) {
        const char *name = table->columns[table->column_of_feature[feature]];
        size_t n_found;
        find_column(table, name, &n_found);
        if (n_found > 1)
            return say_namesakes(table, n_found, name, why, why_size);
    }
    return true;
}

static bool choose_columns(struct table *table, const struct table_options *options, char *why, size_t why_size)
{
    table->feature_of_column = malloc(table->n_columns * sizeof *table->feature_of_column);
    table->column_of_feature = malloc(table->n_columns * sizeof *table->column_of_feature);
    if (!table->feature_of_column || !table->column_of_feature)
        return why_say(why, why_size, "out of memory");
    for (size_t column = 0; column < table->n_columns; column++)
        table->feature_of_column[column] = NOT_A_FEATURE;
    if (options->features)
        return choose_listed(table, options, why, why_size);
    if (options->expected && options->width <= table->n_columns)
        return choose_named(table, options->expected, options->width, "the model wants", why, why_size);
    return choose_all(table, options, why, why_size);
}

static bool all_numbers(const struct table *table)
{
    for (size_t column = 0; column < table->n_columns; column++) {
        double number;
        const char *name = table->columns[column];
        if (csv_number(name, name + strlen(name), &number) != CSV_NUMBER)
            return false;
    }
    return true;
}

static bool open_csv(struct table *table, const struct table_options *options, char *why, size_t why_size)
{
    struct line first, *line = &first;
    table->csv = true;
    /* Again, as the row of a CSV: quotes may hold newlines. */
    if (next_row(table, line, why, why_size) != LINES_ROW)
        return false;
    size_t bom = strncmp(line->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    table->header = strdup(line->text);
    table->columns = csv_split(line->text + bom, line->n_bytes - bom, table->separator, &table->n_columns);
    if (!table->header || !table->columns)
        return why_say(why, why_size, "out of memory");
    if (all_numbers(table))
        return why_say(why, why_size,
                       "%s:%zu: numbers where a header line is expected; add one with the columns' names",
                       lines_name(table->lines), line->number);
    if (!choose_columns(table, options, why, why_size))
        return false;
    if (table->width > ALERTRON_FEATURES_MAX)
        return why_say(why, why_size, "%s: %zu features; at most %u are possible: choose with --features A,B,...",
                       lines_name(table->lines), table->width, ALERTRON_FEATURES_MAX);
    return options->width || names_differ(table, why, why_size);
}

static bool open_json(struct table *table, const struct line *line, const struct table_options *options, char *why,
                      size_t why_size)
{
    if (options->features)
        return why_say(why, why_size, "%s: --features is for CSV; readings in JSON have their features in order",
                       lines_name(table->lines));
    table->width = options->width ? options->width : reading_width(line->text, line->n_bytes);
    if (table->width == 0 || table->width > ALERTRON_FEATURES_MAX)
        return why_say(why, why_size,
                       "%s:%zu: expected a reading, {\"device_id\": \"...\", \"features\": [...]}, of 1 to %u features",
                       lines_name(table->lines), line->number, ALERTRON_FEATURES_MAX);
    return true;
}

/* Tells the kind of file by its first row. */
static bool open_rows(struct table *table, const struct table_options *options, char *why, size_t why_size)
{
    struct line line;
    const char *name = lines_name(table->lines);
    enum lines_outcome outcome = next_row(table, &line, why, why_size);
    if (outcome == LINES_FAILED)
        return false;
    if (outcome == LINES_END)
        return why_say(why, why_size, "%s: empty; expected a CSV with a header line, or readings in JSON, one a line",
                       name);
    table->crlf = line.crlf;
    const char *text = line.text;
    text += strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    text += strspn(text, " \t");
    if (*text == '[')
        return why_say(why, why_size,
                       "%s:%zu: a JSON array; expected one reading a line, {\"device_id\": ...}, or a CSV", name,
                       line.number);
    bool csv = *text != '{';
    table->separator = csv_separator(line.text, line.n_bytes);
    if (!csv && !open_json(table, &line, options, why, why_size))
        return false;
    lines_unread(table->lines);
    return !csv || open_csv(table, options, why, why_size);
}

struct table *table_open(const char *path, const struct table_options *options, char *why, size_t why_size)
{
    struct table *table = calloc(1, sizeof *table);
    if (!table) {
        why_say(why, why_size, "out of memory");
        return NULL;
    }
    table->missing_values = options->missing_values;
    table->infinities = options->infinities;
    table->separator = ',';
    table->lines = lines_open(path, why, why_size);
    if (table->lines && open_rows(table, options, why, why_size))
        return table;
    table_close(table);
    return NULL;
}

struct table *table_open_for(const alertron_model *model, const char *path, const char *features, char *why,
                             size_t why_size)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    const char **names = malloc(info.features * sizeof *names);
    if (!names) {
        why_say(why, why_size, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < info.features; i++)
        names[i] = alertron_model_feature_name(model, i);
    const struct table_options options = {.features = features,
                                          .expected = names[0] ? names : NULL,
                                          .width = info.features,
                                          .missing_values = info.missing_values,
                                          .infinities = info.missing_values};
    struct table *table = table_open(path, &options, why, why_size);
    free(names);
    return table;
}

void table_close(struct table *table)
{
    if (!table)
        return;
    free(table->column_of_feature);
    free(table->feature_of_column);
    free(table->columns);
    free(table->header);
    lines_close(table->lines);
    free(table);
}

size_t table_width(const struct table *table)
{
    return table->width;
}

const char *table_feature_name(const struct table *table, size_t index)
{
    return table->csv ? table->columns[table->column_of_feature[index]] : NULL;
}

bool table_is_csv(const struct table *table)
{
    return table->csv;
}

const char *table_header(const struct table *table)
{
    return table->header;
}

char table_separator(const struct table *table)
{
    return table->separator;
}

const char *table_newline(const struct table *table)
{
    return table->crlf ? "\r\n" : "\n";
}

bool table_ready(const struct table *table)
{
    return lines_ready(table->lines);
}

size_t table_line(const struct table *table)
{
    return table->line;
}

/* Why a field is no number, with the remedy. */
static bool say_field(const struct table *table, size_t line, size_t column, enum csv_number kind, struct quoted field,
                      char *why, size_t why_size)
{
    struct quoted name = quote(table->columns[column], strlen(table->columns[column]));
    const char *what = "is not a number; mend it, or choose columns with --features A,B,...";
    if (kind == CSV_MISSING)
        what = "is a missing value, which only a model trained with --missing-values takes";
    else if (kind == CSV_INFINITE)
        what = "is infinite; write a number, or leave the row out";
    else if (kind == CSV_TOO_LARGE)
        what = "is beyond the range of a double";
    else if (strchr(field.text, ','))
        what = "is not a number; decimals take a point, not a comma";
    else if (table->n_columns == 1)
        what = "is not a number; is it several? " SEPARATORS;
    return why_say(why, why_size, "%s:%zu: column \"%s\": \"%s\" %s", lines_name(table->lines), line, name.text,
                   field.text, what);
}

static bool is_taken(const struct table *table, enum csv_number kind)
{
    return kind == CSV_NUMBER || (kind == CSV_MISSING && table->missing_values) ||
           (kind == CSV_INFINITE && table->infinities);
}

static bool parse_fields(const struct table *table, const struct line *line, double *features, char *why,
                         size_t why_size)
{
    const char *at = line->text, *end = at + line->n_bytes;
    size_t n = 0;
    for (;; at++, n++) {
        const char *begin = at, *field_end = csv_field_end(at, end, table->separator);
        at = field_end;
        if (n < table->n_columns && table->feature_of_column[n] != NOT_A_FEATURE) {
            csv_trim(&begin, &field_end);
            enum csv_number kind = csv_number(begin, field_end, &features[table->feature_of_column[n]]);
            if (!is_taken(table, kind))
                return say_field(table, line->number, n, kind, quote(begin, (size_t)(field_end - begin)), why,
                                 why_size);
        }
        if (at == end)
            break;
    }
    if (++n == table->n_columns)
        return true;
    return why_say(why, why_size, "%s:%zu: %zu field%s; the header line has %zu: mend the row, or its quotes",
                   lines_name(table->lines), line->number, n, n == 1 ? "" : "s", table->n_columns);
}

static bool parse_reading(const struct table *table, const struct line *line, double *features, char *why,
                          size_t why_size)
{
    struct reading reading;
    struct reading_shape shape = {
        .width = table->width, .missing_values = table->missing_values, .bytes_max = LINES_BYTES_MAX};
    char reason[256];
    if (reading_decode(line->text, line->n_bytes, &shape, &reading, features, reason, sizeof reason) == READING_GOOD)
        return true;
    return why_say(why, why_size, "%s:%zu: %s", lines_name(table->lines), line->number, reason);
}

enum table_outcome table_next(struct table *table, double *features, const char **line, char *why, size_t why_size)
{
    struct line row;
    enum lines_outcome outcome = next_row(table, &row, why, why_size);
    if (outcome != LINES_ROW)
        return outcome == LINES_END ? TABLE_END : TABLE_FAILED;
    table->row = row.text;
    table->n_row = row.n_bytes;
    *line = row.text;
    table->line = row.number;
    bool good = table->csv ? parse_fields(table, &row, features, why, why_size)
                           : parse_reading(table, &row, features, why, why_size);
    return good ? TABLE_ROW : TABLE_BAD;
}

/* ---- fields beside the features ---- */

static size_t find_column_in_any_case(const struct table *table, const char *name)
{
    size_t n_found, column = find_column(table, name, &n_found);
    for (size_t i = 0; n_found == 0 && i < table->n_columns; i++)
        if (strcasecmp(table->columns[i], name) == 0)
            return i;
    return n_found ? column : table->n_columns;
}

static bool csv_row_field(const struct table *table, const char *name, char *out, size_t size, char *why,
                          size_t why_size)
{
    size_t column = find_column_in_any_case(table, name);
    if (column == table->n_columns) {
        char list[512];
        list_columns(table, list, sizeof list);
        return why_say(why, why_size, "%s: no column \"%s\"; the columns are %s", lines_name(table->lines),
                       quote(name, strlen(name)).text, list);
    }
    const char *at = table->row, *end = at + table->n_row;
    for (; column > 0; column--)
        at = csv_field_end(at, end, table->separator) + 1;
    const char *field_end = csv_field_end(at, end, table->separator);
    csv_trim(&at, &field_end);
    size_t n = (size_t)(field_end - at);
    if (n >= size)
        return why_say(why, why_size, "%s:%zu: column \"%s\": \"%s\" is too long", lines_name(table->lines),
                       table->line, quote(name, strlen(name)).text, quote(at, n).text);
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

bool table_field(const struct table *table, const char *name, char *out, size_t size, char *why, size_t why_size)
{
    if (table->csv)
        return csv_row_field(table, name, out, size, why, why_size);
    if (reading_member(table->row, table->n_row, name, out, size))
        return true;
    return why_say(why, why_size, "%s:%zu: no text, number or boolean \"%s\" in the reading", lines_name(table->lines),
                   table->line, quote(name, strlen(name)).text);
}
