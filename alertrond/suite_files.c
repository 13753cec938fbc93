/* suite_files.c: the readings and models that a tests file names: found beside it, read once. */
#include "suite_files.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "csv.h"
#include "modelstore.h"
#include "table.h"
#include "why.h"

#define NUMBERS_MAX ((size_t)1 << 28) /* of a file's rows: 2 GiB */
#define FIELD_BYTES 64                /* of a label or a score */
#define WHY_BYTES sizeof((alertron_error){0}.text)

/* What a test asks of a file. */
struct ask {
    const char *name;
    bool labels;
    const char *label_column, *score_column; /* or NULL */
};

/* A file as it was asked for, and what it holds. */
struct readings {
    struct readings *next;
    char *name, *label_column, *score_column;
    bool labelled;
    double *numbers, *scores;
    unsigned char *labels;
    size_t *lines;
    size_t rows, width, capacity; /* in rows */
};

struct other_model {
    struct other_model *next;
    char *name;
    alertron_model *model;
};

struct suite_files {
    struct suite_files_options options;
    const char **names; /* of the model's features, or NULL */
    size_t width;
    bool missing_values;
    struct readings *readings;
    struct other_model *models;
};

struct suite_files *suite_files_new(const struct suite_files_options *options)
{
    struct suite_files *files = calloc(1, sizeof *files);
    if (!files)
        return NULL;
    alertron_model_info info;
    alertron_model_describe(options->model, &info);
    files->options = *options;
    files->width = info.features;
    files->missing_values = info.missing_values;
    if (!alertron_model_feature_name(options->model, 0))
        return files;
    files->names = malloc(files->width * sizeof *files->names);
    if (!files->names) {
        free(files);
        return NULL;
    }
    for (size_t i = 0; i < files->width; i++)
        files->names[i] = alertron_model_feature_name(options->model, i);
    return files;
}

static void readings_free(struct readings *readings)
{
    free(readings->lines);
    free(readings->labels);
    free(readings->scores);
    free(readings->numbers);
    free(readings->score_column);
    free(readings->label_column);
    free(readings->name);
    free(readings);
}

void suite_files_free(struct suite_files *files)
{
    if (!files)
        return;
    while (files->readings) {
        struct readings *next = files->readings->next;
        readings_free(files->readings);
        files->readings = next;
    }
    while (files->models) {
        struct other_model *next = files->models->next;
        alertron_model_free(files->models->model);
        free(files->models->name);
        free(files->models);
        files->models = next;
    }
    free(files->names);
    free(files);
}

static alertron_status fail(alertron_error *error, const char *why)
{
    error->status = ALERTRON_ERROR_ARGUMENT;
    error->offset = ALERTRON_NO_OFFSET;
    snprintf(error->text, sizeof error->text, "%s", why);
    return error->status;
}

/* malloced, or NULL. */
static char *path_of(const struct suite_files *files, const char *name)
{
    size_t size = strlen(files->options.folder) + sizeof "./" + strlen(name) + 1;
    char *path = malloc(size);
    /* "-" is a file of that name here, and not standard input. */
    const char *folder = !*files->options.folder && strcmp(name, "-") == 0 ? "." : files->options.folder;
    const bool beside = name[0] != '/' && *folder;
    if (path)
        snprintf(path, size, "%s%s%s", beside ? folder : "", beside ? "/" : "", name);
    return path;
}

/* ---- labels and scores ---- */

static bool is_word(const char *text, const char *const *words)
{
    while (*words && strcasecmp(text, *words) != 0)
        words++;
    return *words != NULL;
}

static bool read_label(const struct table *table, const char *path, const char *column, unsigned char *label, char *why,
                       size_t why_size)
{
    static const char *const normal[] = {"false", "no", "n", "normal", "inlier", NULL};
    static const char *const anomalous[] = {"true", "yes", "o", "anomaly", "anomalous", "outlier", NULL};
    char text[FIELD_BYTES];
    if (!table_field(table, column, text, sizeof text, why, why_size))
        return false;
    double number = -1;
    bool numeric = csv_number(text, text + strlen(text), &number) == CSV_NUMBER;
    if (numeric ? number == 0 : is_word(text, normal))
        *label = 0;
    else if (numeric ? number == 1 : is_word(text, anomalous))
        *label = 1;
    else
        return why_say(why, why_size, "%s:%zu: label \"%s\" in \"%s\": %s", path, table_line(table), text, column,
                       numeric && number == -1 ? "is -1 or 1 the anomaly? Write 0 for normal and 1 for anomalies"
                                               : "expected 0 or 1, false or true, normal or anomaly");
    return true;
}

static bool read_score(const struct table *table, const char *path, const char *column, double *score, char *why,
                       size_t why_size)
{
    char text[FIELD_BYTES];
    if (!table_field(table, column, text, sizeof text, why, why_size))
        return false;
    if (csv_number(text, text + strlen(text), score) == CSV_NUMBER)
        return true;
    return why_say(why, why_size, "%s:%zu: \"%s\" in \"%s\" is no score; expected a number", path, table_line(table),
                   text, column);
}

static bool is_feature(const struct suite_files *files, const struct table *table, const char *column)
{
    for (size_t i = 0; i < files->width; i++) {
        const char *name = table_feature_name(table, i);
        if (name && strcasecmp(name, column) == 0)
            return true;
    }
    return false;
}

/* The label column of a file whose first row was read; NULL, and why, where there is none. */
static const char *find_label_column(const struct suite_files *files, const struct table *table, const char *path,
                                     char *why, size_t why_size)
{
    char text[FIELD_BYTES];
    for (size_t i = 0; table_label_columns[i]; i++)
        if (!is_feature(files, table, table_label_columns[i]) &&
            table_field(table, table_label_columns[i], text, sizeof text, why, why_size))
            return table_label_columns[i];
    size_t n = (size_t)snprintf(why, why_size, "%s: no labels: expected a column called", path);
    for (size_t i = 0; table_label_columns[i] && n < why_size; i++)
        n += (size_t)snprintf(why + n, why_size - n, "%s%s",
                              i == 0                       ? " "
                              : table_label_columns[i + 1] ? ", "
                                                           : " or ",
                              table_label_columns[i]);
    if (n < why_size)
        snprintf(why + n, why_size - n, "; end the test with `by its column NAME` where it has another name");
    return NULL;
}

/* ---- rows ---- */

static bool grow(void **memory, size_t n, size_t size)
{
    void *grown = realloc(*memory, n * size);
    *memory = grown ? grown : *memory;
    return grown != NULL;
}

/* Room for one row more. */
static bool make_room(struct readings *readings, const char *path, char *why, size_t why_size)
{
    if (readings->rows < readings->capacity)
        return true;
    size_t most = NUMBERS_MAX / readings->width, capacity = readings->capacity ? readings->capacity * 2 : 1024;
    capacity = capacity < most ? capacity : most;
    if (readings->rows >= most)
        return why_say(why, why_size, "%s: more than %zu rows of %zu features; test on a sample of them", path, most,
                       readings->width);
    void *numbers = readings->numbers, *scores = readings->scores, *labels = readings->labels, *lines = readings->lines;
    bool grown = grow(&numbers, capacity * readings->width, sizeof *readings->numbers) &&
                 grow(&lines, capacity, sizeof *readings->lines) &&
                 (!readings->labelled || grow(&labels, capacity, 1)) &&
                 (!readings->score_column || grow(&scores, capacity, sizeof *readings->scores));
    readings->numbers = numbers;
    readings->lines = lines;
    readings->labels = labels;
    readings->scores = scores;
    if (!grown)
        return why_say(why, why_size, "%s: out of memory after %zu rows; test on a sample of them", path,
                       readings->rows);
    readings->capacity = capacity;
    return true;
}

static bool read_rows(const struct suite_files *files, struct readings *readings, struct table *table, const char *path,
                      char *why, size_t why_size)
{
    const char *label_column = readings->label_column, *line;
    while (make_room(readings, path, why, why_size)) {
        size_t row = readings->rows;
        enum table_outcome outcome = table_next(table, readings->numbers + row * readings->width, &line, why, why_size);
        if (outcome == TABLE_END)
            return row > 0 || why_say(why, why_size, "%s: no rows", path);
        if (outcome != TABLE_ROW)
            return false;
        if (readings->labelled && !label_column)
            label_column = find_label_column(files, table, path, why, why_size);
        if (readings->labelled &&
            (!label_column || !read_label(table, path, label_column, &readings->labels[row], why, why_size)))
            return false;
        if (readings->score_column &&
            !read_score(table, path, readings->score_column, &readings->scores[row], why, why_size))
            return false;
        readings->lines[row] = table_line(table);
        readings->rows++;
    }
    return false;
}

static bool read_file(const struct suite_files *files, struct readings *readings, char *why, size_t why_size)
{
    char *path = path_of(files, readings->name);
    if (!path)
        return why_say(why, why_size, "out of memory");
    struct table_options options = {.features = files->options.features,
                                    .expected = files->names,
                                    .width = files->width,
                                    .beside = table_label_columns,
                                    .missing_values = files->missing_values,
                                    .infinities = files->missing_values};
    struct table *table = table_open(path, &options, why, why_size);
    bool good = table && read_rows(files, readings, table, path, why, why_size);
    table_close(table);
    free(path);
    return good;
}

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* NULL, and why, where the file can't be read so. */
static struct readings *readings_new(const struct suite_files *files, const struct ask *ask, char *why, size_t why_size)
{
    struct readings *readings = calloc(1, sizeof *readings);
    if (!readings) {
        why_say(why, why_size, "out of memory");
        return NULL;
    }
    readings->name = copy(ask->name);
    readings->label_column = copy(ask->label_column);
    readings->score_column = copy(ask->score_column);
    readings->labelled = ask->labels;
    readings->width = files->width;
    bool copied = readings->name && !readings->label_column == !ask->label_column &&
                  !readings->score_column == !ask->score_column;
    if (!copied)
        why_say(why, why_size, "out of memory");
    if (copied && read_file(files, readings, why, why_size))
        return readings;
    readings_free(readings);
    return NULL;
}

/* ---- what the tests ask for ---- */

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Whether these readings, which may have more than is asked for, answer. */
static bool answers(const struct readings *readings, const struct ask *ask)
{
    return strcmp(readings->name, ask->name) == 0 &&
           (!ask->labels || (readings->labelled && same(readings->label_column, ask->label_column))) &&
           (!ask->score_column || same(readings->score_column, ask->score_column));
}

static alertron_status give_data(void *context, const char *name, bool labels, const char *label_column,
                                 const char *score_column, alertron_tests_data *data, alertron_error *error)
{
    struct suite_files *files = context;
    const struct ask ask = {name, labels, label_column, score_column};
    struct readings *found = files->readings;
    while (found && !answers(found, &ask))
        found = found->next;
    char why[WHY_BYTES];
    if (!found) {
        found = readings_new(files, &ask, why, sizeof why);
        if (!found)
            return fail(error, why);
        found->next = files->readings;
        files->readings = found;
    }
    *data = (alertron_tests_data){.rows = alertron_rows_of(found->numbers, found->rows, found->width),
                                  .labels = labels ? found->labels : NULL,
                                  .scores = score_column ? found->scores : NULL};
    return ALERTRON_OK;
}

/* Columns are chosen by the names of the model under test; another one that names others would be given wrong ones. */
static bool same_features(const struct suite_files *files, const alertron_model *other)
{
    if (!files->names || !alertron_model_feature_name(other, 0) || alertron_model_features(other) != files->width)
        return true;
    for (size_t i = 0; i < files->width; i++)
        if (strcmp(files->names[i], alertron_model_feature_name(other, i)) != 0)
            return false;
    return true;
}

static alertron_status load_other(const struct suite_files *files, const char *name, alertron_model **model,
                                  alertron_error *error)
{
    char *path = path_of(files, name);
    if (!path)
        return fail(error, "out of memory");
    *model = modelstore_load(path, files->options.input, error);
    free(path);
    if (!*model)
        return error->status;
    if (same_features(files, *model))
        return ALERTRON_OK;
    alertron_model_free(*model);
    char why[WHY_BYTES];
    snprintf(why, sizeof why, "%s: its features have other names or another order than this model's", name);
    return fail(error, why);
}

static alertron_status give_model(void *context, const char *name, const alertron_model **model, alertron_error *error)
{
    struct suite_files *files = context;
    for (const struct other_model *other = files->models; other; other = other->next)
        if (strcmp(other->name, name) == 0) {
            *model = other->model;
            return ALERTRON_OK;
        }
    struct other_model *other = calloc(1, sizeof *other);
    alertron_status status = other && (other->name = strdup(name)) ? load_other(files, name, &other->model, error)
                                                                   : fail(error, "out of memory");
    if (status != ALERTRON_OK) {
        free(other ? other->name : NULL);
        free(other);
        return status;
    }
    other->next = files->models;
    files->models = other;
    *model = other->model;
    return ALERTRON_OK;
}

static double seconds(void *context)
{
    (void)context;
    return clock_seconds();
}

alertron_tests_sources suite_files_sources(struct suite_files *files)
{
    return (alertron_tests_sources){
        .data = give_data, .model = give_model, .context = files, .clock = {.seconds = seconds}};
}

size_t suite_files_line(const struct suite_files *files, const char *name, size_t row)
{
    for (const struct readings *at = files->readings; at; at = at->next)
        if (strcmp(at->name, name) == 0 && row < at->rows)
            return at->lines[row];
    return 0;
}
