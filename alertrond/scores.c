/* scores.c: what a model makes of a file of readings: the score of every row. */
#include "scores.h"

#include <stdlib.h>
#include <string.h>

#include "progress.h"
#include "table.h"
#include "why.h"

#define BLOCK_NUMBERS ((size_t)1 << 15) /* numbers scored at a time: 256 KiB */

/* Rows that are scored together. */
struct block {
    double *features, *scores;
    size_t rows, rows_max;
};

static bool block_new(struct block *block, size_t width)
{
    block->rows_max = BLOCK_NUMBERS / width > 16 ? BLOCK_NUMBERS / width : 16;
    block->features = malloc(block->rows_max * width * sizeof *block->features);
    block->scores = malloc(block->rows_max * sizeof *block->scores);
    return block->features && block->scores;
}

/* TABLE_ROW where the block is full, TABLE_END where no row follows. */
static enum table_outcome block_fill(struct block *block, struct table *table, char *why, size_t why_size)
{
    enum table_outcome outcome = TABLE_ROW;
    const size_t width = table_width(table);
    for (block->rows = 0; block->rows < block->rows_max; block->rows++) {
        const char *line;
        outcome = table_next(table, block->features + block->rows * width, &line, why, why_size);
        if (outcome != TABLE_ROW)
            break;
    }
    return outcome;
}

static bool make_room(struct scores *scores, size_t more, char *why, size_t why_size)
{
    if (scores->capacity - scores->n >= more)
        return true;
    size_t capacity = scores->capacity ? scores->capacity : 1024;
    while (capacity - scores->n < more)
        capacity *= 2;
    double *values = capacity > SCORES_MAX ? NULL : realloc(scores->values, capacity * sizeof *values);
    if (!values)
        return why_say(why, why_size, "more than %zu scores, or out of memory: give fewer readings", SCORES_MAX);
    scores->values = values;
    scores->capacity = capacity;
    return true;
}

static bool block_score(const struct block *block, const alertron_model *model, double above, struct scores *scores,
                        char *why, size_t why_size)
{
    if (block->rows == 0)
        return true;
    const alertron_rows rows = alertron_rows_of(block->features, block->rows, alertron_model_features(model));
    alertron_model_score_rows(model, &rows, block->scores);
    if (!make_room(scores, block->rows, why, why_size))
        return false;
    for (size_t i = 0; i < block->rows; i++)
        if (block->scores[i] > above)
            scores->values[scores->n++] = block->scores[i];
    scores->rows += block->rows;
    return true;
}

static bool gather(struct scores *scores, struct table *table, const alertron_model *model, double above, char *why,
                   size_t why_size)
{
    struct block block = {0};
    struct progress progress = progress_begin("scored", true);
    enum table_outcome outcome = TABLE_FAILED;
    if (!block_new(&block, table_width(table))) {
        why_say(why, why_size, "out of memory");
        goto release;
    }
    do {
        outcome = block_fill(&block, table, why, why_size);
        if ((outcome == TABLE_ROW || outcome == TABLE_END) && !block_score(&block, model, above, scores, why, why_size))
            outcome = TABLE_FAILED;
        progress_at(&progress, scores->rows);
    } while (outcome == TABLE_ROW);
release:
    progress_end(&progress);
    free(block.scores);
    free(block.features);
    return outcome == TABLE_END;
}

bool scores_of_file(struct scores *scores, const alertron_model *model, const char *path, const char *features,
                    double above, char *why, size_t why_size)
{
    struct table *table = table_open_for(model, path, features, why, why_size);
    bool good = table && gather(scores, table, model, above, why, why_size);
    table_close(table);
    if (good && scores->rows == 0)
        return why_say(why, why_size, "%s: no rows below the header line", strcmp(path, "-") ? path : "standard input");
    return good;
}

void scores_free(struct scores *scores)
{
    free(scores->values);
    *scores = (struct scores){0};
}

void scores_by_severity(const struct scores *scores, const alertron_cuts *cuts, size_t by_severity[4])
{
    memset(by_severity, 0, 4 * sizeof *by_severity);
    for (size_t i = 0; i < scores->n; i++)
        by_severity[alertron_cuts_severity(cuts, scores->values[i])]++;
}

void scores_count(const struct scores *scores, uint64_t *counts)
{
    memset(counts, 0, ALERTRON_SCORE_BINS * sizeof *counts);
    for (size_t i = 0; i < scores->n; i++)
        counts[alertron_score_bin(scores->values[i])]++;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double scores_quantile(struct scores *scores, double quantile)
{
    const double position = quantile * (double)(scores->n - 1);
    const size_t k = (size_t)position;
    qsort(scores->values, scores->n, sizeof *scores->values, by_size);
    if (k + 1 >= scores->n)
        return scores->values[scores->n - 1];
    /* From the nearer of the two, which is numpy's order of rounding. */
    const double low = scores->values[k], high = scores->values[k + 1], share = position - (double)k;
    return share < 0.5 ? low + (high - low) * share : high - (high - low) * (1.0 - share);
}
