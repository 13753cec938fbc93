/* train.c: fit a model to the rows of a CSV, say what it would call an anomaly, save it.
 *
 *     cc -o train train.c $(pkg-config --cflags --libs alertron)
 *     ./train pump.alertron < pump.csv
 *
 * The CSV's first line names the features; each line after it is a row of finite numbers.
 */
#include <alertron.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 4096, WIDTH_MAX = LINE_BYTES / 2 };

struct table {
    double *numbers; /* row after row */
    size_t rows, capacity, width;
    char header[LINE_BYTES]; /* what the names point into */
    const char *names[WIDTH_MAX];
};

/* The next line without its end, or 0: at the end of the file, or where the line is too long or damaged. */
static int read_line(FILE *file, char line[LINE_BYTES])
{
    if (!fgets(line, LINE_BYTES, file))
        return 0;
    const size_t n = strcspn(line, "\r\n");
    if (n == LINE_BYTES - 1)
        return 0;
    line[n] = '\0';
    return 1;
}

/* Takes the header apart at its commas. */
static void name_columns(struct table *table)
{
    char *at = table->header;
    do {
        table->names[table->width++] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
    } while (at);
}

static int parse_row(const char *at, size_t width, double *row)
{
    for (size_t i = 0; i < width; i++) {
        char *end;
        row[i] = strtod(at, &end);
        if (end == at || *end != (i + 1 < width ? ',' : '\0'))
            return 0;
        at = end + 1;
    }
    return 1;
}

/* Room for one more row. */
static int grow(struct table *table)
{
    if (table->rows < table->capacity)
        return 1;
    const size_t capacity = table->capacity ? 2 * table->capacity : 1024;
    double *grown = realloc(table->numbers, capacity * table->width * sizeof *grown);
    if (!grown)
        return 0;
    table->numbers = grown;
    table->capacity = capacity;
    return 1;
}

static int read_table(FILE *file, struct table *table)
{
    if (!read_line(file, table->header)) {
        fprintf(stderr, "no header line of less than %d bytes\n", LINE_BYTES);
        return 0;
    }
    name_columns(table);
    for (char line[LINE_BYTES]; read_line(file, line); table->rows++) {
        if (!grow(table)) {
            fprintf(stderr, "out of memory\n");
            return 0;
        }
        if (!parse_row(line, table->width, table->numbers + table->rows * table->width)) {
            fprintf(stderr, "line %zu is not %zu numbers with commas between them\n", table->rows + 2, table->width);
            return 0;
        }
    }
    if (!feof(file) || ferror(file)) {
        fprintf(stderr, "line %zu can't be read, or is longer than %d bytes\n", table->rows + 2, LINE_BYTES);
        return 0;
    }
    return 1;
}

static int save(const alertron_model *model, const char *path)
{
    const size_t n = alertron_model_save(model, NULL, 0);
    void *bytes = malloc(n);
    FILE *file = bytes ? fopen(path, "wb") : NULL;
    int good = 0;
    if (file) {
        alertron_model_save(model, bytes, n);
        good = fwrite(bytes, 1, n, file) == n;
        good &= fclose(file) == 0;
    }
    free(bytes);
    if (!good)
        perror(path);
    return good;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: train OUTPUT < CSV\n");
        return 2;
    }
    static struct table table;
    if (!read_table(stdin, &table)) {
        free(table.numbers);
        return 1;
    }

    const alertron_rows rows = alertron_rows_of(table.numbers, table.rows, table.width);
    const alertron_fit_options options = {
        .trees = 200, .contamination = 0.02, .seed = 42, .feature_names = table.names, .provenance = "made by train.c"};
    alertron_error error;
    alertron_model *model = alertron_model_fit(&rows, &options, NULL, &error);
    free(table.numbers); /* the model keeps nothing of them */
    if (!model) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }

    const alertron_cuts cuts = alertron_model_cuts(model);
    printf("%zu rows: anomaly above %.4f, medium from %.4f, high from %.4f\n", table.rows, cuts.threshold, cuts.medium,
           cuts.high);
    const int saved = save(model, argv[1]);
    alertron_model_free(model);
    return saved ? 0 : 1;
}
