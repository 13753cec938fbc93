/* bench_score.c: the library's side of tests/bench/scoring.
 *
 *     bench_score single MODEL ROWS         seconds a row, one row a call
 *     bench_score batch MODEL ROWS          seconds a row, all rows in one call
 *     bench_score scores MODEL ROWS OUTPUT  the scores, as doubles
 *     bench_score fit WIDTH ROWS TREES CONTAMINATION   seconds
 *
 * MODEL is any model that the library loads; ROWS are doubles without anything else, row after row.
 */
#include <alertron.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS 0.5 /* how long a measurement goes on at least */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void *read_file(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    const long size = ftell(file);
    rewind(file);
    void *bytes = malloc((size_t)size + 1);
    if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    *n_bytes = (size_t)size;
    return bytes;
}

static alertron_model *load(const char *path)
{
    size_t n_bytes;
    void *bytes = read_file(path, &n_bytes);
    alertron_error error;
    alertron_model *model = alertron_model_load(bytes, n_bytes, NULL, &error);
    if (!model) {
        fprintf(stderr, "%s: %s\n", path, error.text);
        exit(1);
    }
    free(bytes);
    return model;
}

static alertron_rows read_rows(const char *path, size_t width)
{
    size_t n_bytes;
    const double *numbers = read_file(path, &n_bytes);
    return alertron_rows_of(numbers, n_bytes / sizeof(double) / width, width);
}

static void score_singly(const alertron_model *model, const alertron_rows *rows, double *scores)
{
    const double *numbers = rows->data;
    for (size_t row = 0; row < rows->rows; row++)
        scores[row] = alertron_model_score(model, numbers + row * rows->width);
}

static void score(const char *how, const char *model_path, const char *rows_path, const char *output)
{
    alertron_model *model = load(model_path);
    const alertron_rows rows = read_rows(rows_path, alertron_model_features(model));
    double *scores = calloc(rows.rows, sizeof *scores);
    const bool singly = strcmp(how, "single") == 0;
    size_t n = 0;
    const double begun = now();
    do {
        if (singly)
            score_singly(model, &rows, scores);
        else
            alertron_model_score_rows(model, &rows, scores);
        n += rows.rows;
    } while (!output && now() - begun < SECONDS);
    const double seconds = now() - begun;
    if (output) {
        FILE *file = fopen(output, "wb");
        if (!file || fwrite(scores, sizeof *scores, rows.rows, file) != rows.rows || fclose(file) != 0) {
            perror(output);
            exit(1);
        }
    }
    printf("%.9g\n", seconds / (double)n);
    free(scores);
    free((void *)(uintptr_t)rows.data);
    alertron_model_free(model);
}

static void fit(size_t width, const char *rows_path, unsigned trees, double contamination)
{
    const alertron_rows rows = read_rows(rows_path, width);
    const alertron_fit_options options = {.trees = trees, .contamination = contamination, .seed = 42};
    alertron_error error;
    const double begun = now();
    alertron_model *model = alertron_model_fit(&rows, &options, NULL, &error);
    const double seconds = now() - begun;
    if (!model) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    printf("%.9g\n", seconds);
    alertron_model_free(model);
    free((void *)(uintptr_t)rows.data);
}

int main(int argc, char **argv)
{
    if (argc == 4 && (strcmp(argv[1], "single") == 0 || strcmp(argv[1], "batch") == 0)) {
        score(argv[1], argv[2], argv[3], NULL);
    } else if (argc == 5 && strcmp(argv[1], "scores") == 0) {
        score("batch", argv[2], argv[3], argv[4]);
    } else if (argc == 6 && strcmp(argv[1], "fit") == 0) {
        fit(strtoul(argv[2], NULL, 10), argv[3], (unsigned)strtoul(argv[4], NULL, 10), strtod(argv[5], NULL));
    } else {
        fprintf(stderr, "usage: see the top of bench_score.c\n");
        return 2;
    }
    return 0;
}
