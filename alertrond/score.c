/* score.c: `alertrond score`: the rows of a file, with score, anomaly and severity beside them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <alertron.h>

#include "calibration.h"
#include "command.h"
#include "modelstore.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "reading.h"
#include "table.h"

#define WHY_BYTES 1024
#define BLOCK_NUMBERS ((size_t)1 << 17)    /* numbers scored at a time: 1 MiB */
#define BLOCK_TEXT_BYTES ((size_t)1 << 20) /* text of a block's rows, and one row more */
#define MEMBERS_BYTES 96u                  /* of what is added to a row, at most */

struct score_flags {
    const char *model, *features, *calibrate, *output;
    int64_t dtype; /* alertron_input */
    bool skip_bad;
};

/* Rows that are scored together. */
struct block {
    double *features, *scores;
    bool *bad;       /* has no numbers and is to be passed on without a score */
    size_t *text_of; /* where a row's text begins in `text`; one more than rows */
    char *text;
    size_t rows, rows_max, text_capacity;
    bool last;
};

struct scoring {
    const struct score_flags *flags;
    alertron_model *model;
    size_t width;
    alertron_cuts cuts;
    struct table *table; /* the one that is read */
    struct output *output;
    struct block block;
    size_t rows, bad_rows, by_severity[4];
    bool bad_row; /* one has ended the work */
};

static const struct options_usage usage = {
    .command = "score",
    .operands = "[FILE]",
    .summary = "Scores the rows of a CSV or of newline-delimited JSON: the same rows come out,\nwith score, anomaly "
               "and severity appended.",
    .details = "FILE is a CSV with a header line, or readings in JSON, one a line; - or nothing\n"
               "is standard input. The text of each row stays as it is. A CSV gets three more\n"
               "columns, a JSON object three more members:\n"
               "  score     in (0, 1], higher is more anomalous; reads back as the same double\n"
               "  anomaly   1 where the score is above the model's threshold, else 0\n"
               "  severity  none, low, medium or high, by the model's cuts\n"
               "They are appended even where the rows have columns or members of these names.\n"
               "\n"
               "A CSV's features are the columns of --features, or those that the model names,\n"
               "or all of them where they are as many as the model wants. A row that can't be\n"
               "scored ends the work with exit status 1; the rows before it are on standard\n"
               "output by then. With --skip-bad it is passed on: a CSV's with three empty\n"
               "fields, JSON as it stood.\n"
               "\n"
               "Examples:\n"
               "  alertrond score -m pump.alertron new.csv > scored.csv\n"
               "  alertrond score -m iforest.joblib --features temperature,flow plant.csv\n"
               "  alertrond generate --count 1000 --rate max | alertrond score -m pump.alertron\n"};

/* ---- blocks ---- */

static bool block_new(struct block *block, size_t width)
{
    block->rows_max = BLOCK_NUMBERS / width > 16 ? BLOCK_NUMBERS / width : 16;
    block->text_capacity = 2 * BLOCK_TEXT_BYTES;
    block->features = malloc(block->rows_max * width * sizeof *block->features);
    block->scores = malloc(block->rows_max * sizeof *block->scores);
    block->bad = malloc(block->rows_max * sizeof *block->bad);
    block->text_of = malloc((block->rows_max + 1) * sizeof *block->text_of);
    block->text = malloc(block->text_capacity);
    return block->features && block->scores && block->bad && block->text_of && block->text;
}

static void block_free(struct block *block)
{
    free(block->text);
    free(block->text_of);
    free(block->bad);
    free(block->scores);
    free(block->features);
}

/* Keeps a row's text. False where memory has run out. */
static bool block_keep(struct block *block, const char *line)
{
    size_t begin = block->rows ? block->text_of[block->rows] : 0, n = strlen(line);
    if (block->text_capacity - begin < n) {
        char *grown = realloc(block->text, begin + n);
        if (!grown)
            return false;
        block->text = grown;
        block->text_capacity = begin + n;
    }
    memcpy(block->text + begin, line, n);
    block->text_of[block->rows] = begin;
    block->text_of[block->rows + 1] = begin + n;
    return true;
}

static bool block_is_full(const struct block *block)
{
    return block->rows == block->rows_max || (block->rows && block->text_of[block->rows] > BLOCK_TEXT_BYTES);
}

/* Reads rows until the block is full or the next one would have to be waited for. False, and why, where a row is
 * wrong and not to be skipped; the rows before it are in the block. */
static bool block_fill(struct scoring *scoring, char *why, size_t why_size)
{
    struct block *block = &scoring->block;
    block->rows = 0;
    while (!block_is_full(block) && (block->rows == 0 || table_ready(scoring->table))) {
        const char *line;
        double *features = block->features + block->rows * scoring->width;
        enum table_outcome outcome = table_next(scoring->table, features, &line, why, why_size);
        block->last = outcome == TABLE_END;
        if (block->last)
            return true;
        if (outcome == TABLE_FAILED || (outcome == TABLE_BAD && !scoring->flags->skip_bad)) {
            scoring->bad_row = outcome == TABLE_BAD;
            return false;
        }
        if (!block_keep(block, line)) {
            snprintf(why, why_size, "out of memory");
            return false;
        }
        block->bad[block->rows] = outcome == TABLE_BAD;
        if (outcome == TABLE_BAD)
            memset(features, 0, scoring->width * sizeof *features);
        block->rows++;
    }
    return true;
}

static void block_score(const struct scoring *scoring)
{
    const struct block *block = &scoring->block;
    if (block->rows == 0)
        return;
    alertron_rows rows = alertron_rows_of(block->features, block->rows, scoring->width);
    alertron_model_score_rows(scoring->model, &rows, block->scores);
}

/* ---- rows out ---- */

/* What a row gets, for a CSV from the separator on, for JSON from the comma to the closing brace. */
static size_t write_members(const struct scoring *scoring, char *out, double score, alertron_severity severity)
{
    char number[32];
    size_t n_number = reading_write_number(number, sizeof number, score);
    const char *name = alertron_severity_name(severity);
    const char mark = severity != ALERTRON_SEVERITY_NONE ? '1' : '0';
    if (!table_is_csv(scoring->table))
        return (size_t)snprintf(out, MEMBERS_BYTES, ",\"score\":%s,\"anomaly\":%c,\"severity\":\"%s\"}", number, mark,
                                name);
    char *at = out;
    char separator = table_separator(scoring->table);
    *at++ = separator;
    memcpy(at, number, n_number);
    at += n_number;
    *at++ = separator;
    *at++ = mark;
    *at++ = separator;
    size_t n_name = strlen(name);
    memcpy(at, name, n_name);
    return (size_t)(at - out) + n_name;
}

static void write_row(struct scoring *scoring, size_t row)
{
    const struct block *block = &scoring->block;
    const char *text = block->text + block->text_of[row];
    size_t n = block->text_of[row + 1] - block->text_of[row];
    char *room = output_room(scoring->output, n + MEMBERS_BYTES), *at = room;
    if (!room)
        return;
    bool csv = table_is_csv(scoring->table), bad = block->bad[row];
    if (!csv && !bad)
        while (n > 0 && text[--n] != '}') /* a reading is an object: its end is where the members go */
            continue;
    memcpy(at, text, n);
    at += n;
    if (bad) {
        scoring->bad_rows++;
        memset(at, table_separator(scoring->table), 3);
        at += csv ? 3 : 0;
    } else {
        alertron_severity severity = alertron_cuts_severity(&scoring->cuts, block->scores[row]);
        scoring->by_severity[severity]++;
        at += write_members(scoring, at, block->scores[row], severity);
    }
    for (const char *newline = table_newline(scoring->table); *newline; newline++)
        *at++ = *newline;
    output_add(scoring->output, (size_t)(at - room));
}

static void write_header(struct scoring *scoring)
{
    if (!table_is_csv(scoring->table))
        return;
    char added[32], separator = table_separator(scoring->table);
    snprintf(added, sizeof added, "%cscore%canomaly%cseverity", separator, separator, separator);
    output_text(scoring->output, table_header(scoring->table));
    output_text(scoring->output, added);
    output_text(scoring->output, table_newline(scoring->table));
}

/* ---- the work ---- */

static bool load_model(struct scoring *scoring, char *why, size_t why_size)
{
    alertron_error error;
    scoring->model = modelstore_load(scoring->flags->model, (alertron_input)scoring->flags->dtype, &error);
    if (!scoring->model) {
        snprintf(why, why_size, "%s", error.text);
        return false;
    }
    scoring->width = alertron_model_features(scoring->model);
    scoring->cuts = alertron_model_cuts(scoring->model);
    if (block_new(&scoring->block, scoring->width))
        return true;
    snprintf(why, why_size, "out of memory");
    return false;
}

/* Scores block after block. False, and why, where a row is wrong; rows before it are written. */
static bool score_rows(struct scoring *scoring, char *why, size_t why_size)
{
    struct progress progress = progress_begin("scored", !isatty(STDOUT_FILENO) || scoring->flags->output);
    bool good = true;
    write_header(scoring);
    for (scoring->block.last = false; good && !scoring->block.last;) {
        good = block_fill(scoring, why, why_size);
        block_score(scoring);
        for (size_t row = 0; row < scoring->block.rows; row++)
            write_row(scoring, row);
        scoring->rows += scoring->block.rows;
        progress_at(&progress, scoring->rows);
        /* The next row is not at hand: who reads the output may have this one meanwhile. */
        if (!output_flush(scoring->output))
            break;
    }
    progress_end(&progress);
    return good;
}

static void print_summary(const struct scoring *scoring)
{
    const size_t *n = scoring->by_severity;
    const size_t n_anomalies = n[1] + n[2] + n[3];
    const alertron_cuts *cuts = &scoring->cuts;
    if (scoring->bad_rows)
        fprintf(stderr, "%zu of %zu rows could not be scored and %s passed on without a score\n", scoring->bad_rows,
                scoring->rows, scoring->bad_rows == 1 ? "was" : "were");
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "%zu row%s: %zu anomal%s (%zu low, %zu medium, %zu high); cuts: %s%s\n", scoring->rows,
            scoring->rows == 1 ? "" : "s", n_anomalies, n_anomalies == 1 ? "y" : "ies", n[1], n[2], n[3],
            alertron_cuts_origin_name(cuts->origin),
            cuts->origin == ALERTRON_CUTS_PROVISIONAL ? " (the model has none: take some with --calibrate FILE)" : "");
}

static bool run(struct scoring *scoring, const char *path, char *why, size_t why_size)
{
    const struct score_flags *flags = scoring->flags;
    if (!load_model(scoring, why, why_size))
        return false;
    if (flags->calibrate &&
        !calibrate_from_file(&scoring->cuts, scoring->model, flags->calibrate, flags->features, why, why_size))
        return false;
    scoring->table = table_open_for(scoring->model, path, flags->features, why, why_size);
    if (!scoring->table)
        return false;
    scoring->output = output_open(flags->output, why, why_size);
    if (!scoring->output)
        return false;
    if (!score_rows(scoring, why, why_size)) {
        output_abandon(scoring->output);
        return false;
    }
    bool gone = output_reader_gone(scoring->output);
    if (!output_finish(scoring->output, why, why_size)) {
        *why = gone ? '\0' : *why; /* whoever went away does not need to be told */
        return false;
    }
    print_summary(scoring);
    return true;
}

int command_score(int argc, char **argv)
{
    struct score_flags flags = {0};
    const struct option options[] = {
        {"model", 'm', OPTION_TEXT, &flags.model, "FILE",
         "the model: alertron's own file, or scikit-learn's pickle or joblib (required)", 0, 0, NULL},
        {"output", 'o', OPTION_TEXT, &flags.output, "FILE",
         "where to write, whole or not at all (default: standard output)", 0, 0, NULL},
        {"features", 0, OPTION_TEXT, &flags.features, "A,B,...", "the CSV's columns to score, in the model's order", 0,
         0, NULL},
        {"dtype", 0, OPTION_CHOICE, &flags.dtype, MODEL_INPUTS, MODEL_INPUTS_HELP, 0, 0, NULL},
        {"calibrate", 0, OPTION_TEXT, &flags.calibrate, "FILE",
         "take the severity cuts from the anomalies among this file's rows", 0, 0, NULL},
        {"skip-bad", 0, OPTION_FLAG, &flags.skip_bad, NULL,
         "pass rows that can't be scored on without a score, instead of ending", 0, 0, NULL},
    };
    const char *path = "-";
    size_t n_operands = 1;
    enum options_outcome outcome =
        options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, &path, &n_operands);
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    if (!flags.model)
        return options_status(options_wrong(&usage, "-m MODEL is missing"));
    outcome = options_spare(&usage, "-o", flags.output, (const char *const[]){flags.model, flags.calibrate}, 2);
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    char why[WHY_BYTES];
    struct scoring scoring = {.flags = &flags};
    bool done = run(&scoring, path, why, sizeof why);
    if (!done && *why)
        fprintf(stderr, "alertrond score: %s%s\n", why,
                scoring.bad_row ? " (--skip-bad passes such rows on without a score)" : "");
    table_close(scoring.table);
    block_free(&scoring.block);
    alertron_model_free(scoring.model);
    return done ? 0 : 1;
}
