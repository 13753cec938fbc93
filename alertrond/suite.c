/* suite.c: the tests of one file, or of a model: read, run, and what came of each. */
#include "suite.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "file.h"
#include "suite_files.h"
#include "utf8.h"
#include "why.h"

#define WHY_BYTES 512
#define LINE_SHOWN_MAX 100u /* bytes of a line with a mistake in it */
#define LINE_BEFORE_MAX 75u /* of them, before the mistake */

/* ---- reading tests ---- */

/* Of the text, where a mistake is: the line and column, from 1, a column being a character. */
struct place {
    size_t line, column, begin, end; /* begin and end of the line */
};

static struct place place_of(const char *text, size_t n_bytes, size_t offset)
{
    struct place place = {.line = 1, .column = 1};
    for (size_t i = 0; i < offset && i < n_bytes; i++) {
        if (text[i] == '\n') {
            place.line++;
            place.column = 0;
            place.begin = i + 1;
        }
        place.column += i + 1 == n_bytes || !utf8_continues(text[i + 1]);
    }
    for (place.end = place.begin; place.end < n_bytes && text[place.end] != '\n';)
        place.end++;
    return place;
}

/* The library says "line 3, column 14: ..."; here they stand before it. */
static const char *without_place(const char *text)
{
    const char *colon = strncmp(text, "line ", 5) == 0 ? strstr(text, ": ") : NULL;
    return colon ? colon + 2 : text;
}

/* "pump.tests:3:14: ..." and the line with a caret below. */
static void write_mistake(FILE *out, const struct suite *suite, const alertron_error *error)
{
    if (error->offset == ALERTRON_NO_OFFSET) {
        fprintf(out, "%s: %s", suite->name, error->text);
        return;
    }
    struct place place = place_of(suite->text, suite->n_bytes, (size_t)error->offset);
    fprintf(out, "%s:%zu:%zu: %s\n", suite->name, place.line, place.column, without_place(error->text));
    /* Of a long line, what is around the mistake, in whole characters. */
    const char *text = suite->text;
    size_t offset = (size_t)error->offset, begin = place.begin, end = place.end, blanks = 0;
    begin = offset - begin > LINE_BEFORE_MAX ? offset - LINE_BEFORE_MAX : begin;
    while (begin < offset && utf8_continues(text[begin]))
        begin++;
    end = end - begin > LINE_SHOWN_MAX ? begin + LINE_SHOWN_MAX : end;
    while (end > offset && end < place.end && utf8_continues(text[end]))
        end--;
    fprintf(out, "%6zu | ", place.line);
    char line[LINE_SHOWN_MAX + 1];
    for (size_t i = begin; i < end; i++) {
        line[i - begin] = text[i] == '\t' ? ' ' : text[i];
        blanks += i < offset && !utf8_continues(text[i]);
    }
    line[end - begin] = '\0';
    utf8_shown(line, line, end - begin);
    fprintf(out, "%s\n%6s | %*s^", line, "", (int)blanks, "");
}

/* Parses suite->text. */
static bool parse(struct suite *suite, char **message)
{
    alertron_error error;
    suite->tests = alertron_tests_parse(suite->text, suite->n_bytes, NULL, &error);
    if (suite->tests)
        return true;
    size_t size;
    FILE *out = open_memstream(message, &size);
    if (out) {
        write_mistake(out, suite, &error);
        fclose(out);
    }
    return false;
}

/* A suite that is empty yet. False where memory has run out. */
static bool name_suite(struct suite *suite, const char *path, const char *name)
{
    *suite = (struct suite){.path = path, .name = malloc(strlen(name) + 1)};
    if (suite->name)
        utf8_shown(suite->name, name, strlen(name));
    return suite->name;
}

bool suite_read(struct suite *suite, const char *path, char **message)
{
    char why[WHY_BYTES];
    *message = NULL;
    if (!name_suite(suite, path, strcmp(path, "-") == 0 ? "standard input" : path))
        return false;
    suite->text = (char *)file_read(path, SUITE_BYTES_MAX, &suite->n_bytes, why, sizeof why);
    if (suite->text)
        return parse(suite, message);
    *message = strdup(why);
    return false;
}

bool suite_of_model(struct suite *suite, const char *path, const alertron_model *model, char **message)
{
    *message = NULL;
    if (!name_suite(suite, path, path))
        return false;
    suite->text = strdup(alertron_model_tests(model));
    suite->n_bytes = suite->text ? strlen(suite->text) : 0;
    return suite->text && parse(suite, message);
}

void suite_free(struct suite *suite)
{
    for (size_t i = 0; i < suite->n_cases; i++) {
        free(suite->cases[i].file);
        free(suite->cases[i].reading);
        free(suite->cases[i].found);
        free(suite->cases[i].text);
    }
    free(suite->cases);
    alertron_tests_free(suite->tests);
    free(suite->text);
    free(suite->name);
}

size_t suite_not_passed(const struct suite *suite)
{
    return suite->n_by_outcome[ALERTRON_TEST_FAILED] + suite->n_by_outcome[ALERTRON_TEST_ERROR];
}

/* ---- running them ---- */

struct running {
    struct suite *suite;
    const alertron_model *model;
    const struct suite_files *files;
    suite_callback *each;
    void *context;
    size_t capacity;
    double began;
    bool out_of_memory;
};

/* A copy that a line of a terminal takes: no control characters, blanks between words single but in quotes, cut within
 * SUITE_TEXT_MAX. malloced. */
static char *shown(const char *text)
{
    char *copy = malloc(SUITE_TEXT_MAX + sizeof "...");
    size_t n = 0;
    char quote = '\0';
    for (; copy && *text && n < SUITE_TEXT_MAX; text++) {
        const char c = *text == '\t' ? ' ' : *text;
        if (quote ? c == quote : c == '"' || c == '\'')
            quote = quote ? '\0' : c;
        if (c != ' ' || quote || (n > 0 && copy[n - 1] != ' '))
            copy[n++] = c;
    }
    if (!copy)
        return NULL;
    if (utf8_continues(*text)) { /* not within a character */
        while (n > 0 && utf8_continues(copy[n - 1]))
            n--;
        n -= n > 0;
    }
    utf8_shown(copy, copy, n);
    strcpy(copy + n, *text ? "..." : "");
    return copy;
}

/* The reading of a report, and what the model makes of it. False where memory has run out. */
static bool keep_reading(const struct running *running, const alertron_test_report *report, struct suite_case *one)
{
    if (!report->reading)
        return true;
    size_t width = alertron_model_features(running->model);
    one->reading = malloc(2 * width * sizeof *one->reading);
    one->file = report->file ? shown(report->file) : NULL;
    if (!one->reading || (report->file && !one->file))
        return false;
    one->shares = one->reading + width;
    memcpy(one->reading, report->reading, width * sizeof *one->reading);
    alertron_model_explain(running->model, one->reading, one->shares);
    one->score = report->result.score;
    one->severity = alertron_model_severity(running->model, one->score);
    one->row = report->result.row;
    one->feature = report->result.feature;
    if (report->file && running->files)
        one->file_line = suite_files_line(running->files, report->file, one->row);
    return true;
}

static bool keep(struct running *running, const alertron_test_report *report, double now)
{
    struct suite *suite = running->suite;
    if (suite->n_cases == running->capacity) {
        size_t capacity = running->capacity ? running->capacity * 2 : 64;
        struct suite_case *grown = realloc(suite->cases, capacity * sizeof *grown);
        if (!grown)
            return false;
        suite->cases = grown;
        running->capacity = capacity;
    }
    struct suite_case *one = &suite->cases[suite->n_cases++];
    *one = (struct suite_case){.line = report->line,
                               .outcome = report->outcome,
                               .text = shown(report->text),
                               .seconds = now - running->began,
                               .feature = ALERTRON_NO_FEATURE};
    bool ran = report->outcome != ALERTRON_TEST_ERROR;
    one->found = shown(ran ? report->result.text : report->error.text);
    return one->text && one->found && (!ran || keep_reading(running, report, one));
}

static void on_report(void *context, const alertron_test_report *report)
{
    struct running *running = context;
    struct suite *suite = running->suite;
    double now = clock_seconds();
    if (running->out_of_memory)
        return;
    running->out_of_memory = !keep(running, report, now);
    running->began = now;
    if (running->out_of_memory)
        return;
    suite->n_by_outcome[report->outcome]++;
    if (running->each)
        running->each(running->context, suite, &suite->cases[suite->n_cases - 1]);
}

/* The folder of a file, malloced: "" for one in the current folder. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + (slash == path) : 0;
    char *folder = malloc(n + 1);
    if (folder) {
        memcpy(folder, path, n);
        folder[n] = '\0';
    }
    return folder;
}

bool suite_run(struct suite *suite, const alertron_model *model, const struct suite_options *options,
               suite_callback *each, void *context, char *why, size_t why_size)
{
    struct running running = {
        .suite = suite, .model = model, .each = each, .context = context, .began = clock_seconds()};
    double began = running.began;
    char *folder = folder_of(suite->path);
    struct suite_files *files = NULL;
    if (folder && !options->carried)
        files = suite_files_new(&(struct suite_files_options){
            .model = model, .folder = folder, .features = options->features, .input = options->input});
    alertron_error error = {.status = ALERTRON_ERROR_MEMORY};
    if (folder && (files || options->carried)) {
        running.files = files;
        alertron_tests_sources sources = files ? suite_files_sources(files) : (alertron_tests_sources){0};
        error.status = alertron_tests_run(suite->tests, model, &sources, on_report, &running, NULL, &error);
    }
    suite->seconds = clock_seconds() - began;
    suite_files_free(files);
    free(folder);
    if (running.out_of_memory || error.status == ALERTRON_ERROR_MEMORY)
        return why_say(why, why_size, "%s: out of memory", suite->name);
    return true;
}
