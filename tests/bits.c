/* bits.c: every kernel, view, batch and machine gives the same bits.
 *
 *     test_bits DATA SEED COUNT [FIRST]
 *
 * Takes models from DATA (this folder's data/), models fitted from a seed, and COUNT synthetic forests; lets every
 * kernel that suits score their rows in many views and batches; and holds each result to the definition, bit by bit.
 * Prints a line a model with hashes of all that must be the same everywhere: two machines' outputs are compared by
 * diff. A line depends on the seed and its number alone. With FIRST: only the synthetic forests FIRST, FIRST + 1, ...
 * Which kernels there were goes to standard error.
 */
#include "bits.h"
#include "sklearn.h"
#include "synthetic.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FITS = 12 };

static void make_room(struct subject *subject, size_t n_rows)
{
    subject->n_rows = n_rows;
    subject->width = alertron_model_features(subject->model);
    for (int dtype = 0; dtype < 2; dtype++) {
        subject->numbers[dtype] = bits_array(n_rows * subject->width, sizeof(double));
        subject->path_lengths[dtype] = bits_array(n_rows, sizeof(double));
        subject->scores[dtype] = bits_array(n_rows, sizeof(double));
    }
}

static void clear(struct subject *subject)
{
    for (int dtype = 0; dtype < 2; dtype++) {
        free(subject->numbers[dtype]);
        free(subject->path_lengths[dtype]);
        free(subject->scores[dtype]);
    }
    alertron_model_free(subject->model);
}

/* --- synthetic forests: what they must give is known from their description ------------------------------- */

/* Scores hide the last bits of path lengths; with a small denominator they show them all. */
static double sharp_normalizer(const struct synthetic *synthetic)
{
    return synthetic->longest / 900.0;
}

static alertron_model *model_of(const struct synthetic *synthetic, bool sharp)
{
    const alertron_allocator allocator = alertron__allocator(NULL);
    alertron_error error = {.text = ""};
    const double usual = synthetic->n_trees * alertron__average_path_length(256);
    const struct model_parts parts = {.forest = synthetic_forest(synthetic, &error),
                                      .samples = 256,
                                      .normalizer = sharp ? sharp_normalizer(synthetic) : usual,
                                      .cuts = {.threshold = 0.5, .medium_quantile = 0.8, .high_quantile = 0.95}};
    alertron_model *model = parts.forest ? alertron__model_new(&parts, &allocator, &error) : NULL;
    if (!model)
        bits_give_up(synthetic->shape, error.text);
    return model;
}

static bool is_missing(const double *row, size_t width)
{
    for (size_t column = 0; column < width; column++)
        if (row[column] != row[column])
            return true;
    return false;
}

static void expect_definition(struct subject *subject, const struct synthetic *synthetic)
{
    for (int dtype = 0; dtype < 2; dtype++)
        for (size_t i = 0; i < subject->n_rows; i++) {
            const double *row = subject->numbers[dtype] + i * subject->width;
            const bool none = !synthetic->missing_values && is_missing(row, subject->width);
            const double path_length =
                none ? alertron__double_of_bits(0x7ff8000000000000u) : synthetic_path_length(synthetic, row);
            subject->path_lengths[dtype][i] = path_length;
            subject->scores[dtype][i] = alertron__score(path_length, subject->model->normalizer);
        }
}

static void check_synthetic(struct tally *tally, uint64_t seed, uint64_t index)
{
    struct synthetic synthetic = synthetic_new(seed, index);
    struct random_state random = alertron__random_new(seed ^ 0x726f7773, index);
    const bool sharp = alertron__random_below(&random, 3) > 0, many = alertron__random_below(&random, 6) == 0;
    struct subject subject = {.model = model_of(&synthetic, sharp)};
    snprintf(subject.label, sizeof subject.label, "shape %" PRIu64 " %s", index, synthetic.shape);
    snprintf(subject.replay, sizeof subject.replay, "replay: test_bits DATA %" PRIu64 " 1 %" PRIu64, seed, index);
    make_room(&subject, many && synthetic.n_features <= 200 ? ROWS_MANY + 1 : ROWS_FEW);
    for (int dtype = 0; dtype < 2; dtype++)
        synthetic_rows(&synthetic, &random, (alertron_dtype)dtype, subject.n_rows, subject.numbers[dtype]);
    expect_definition(&subject, &synthetic);
    bits_check(tally, &subject, seed + index);
    clear(&subject);
    synthetic_free(&synthetic);
}

/* --- fitted and loaded models: what the model's own choice gives row by row, all kernels must give ----------- */

static void expect_own_choice(struct subject *subject)
{
    for (int dtype = 0; dtype < 2; dtype++)
        for (size_t i = 0; i < subject->n_rows; i++) {
            const double *row = subject->numbers[dtype] + i * subject->width;
            subject->path_lengths[dtype][i] = alertron_model_path_length(subject->model, row);
            subject->scores[dtype][i] = alertron_model_score(subject->model, row);
        }
}

static void fill_numbers(double *numbers, size_t n, struct random_state *random)
{
    for (size_t i = 0; i < n; i++) {
        const double scale = (double)(1u << alertron__random_below(random, 8));
        double sum = -6.0;
        for (int k = 0; k < 12; k++)
            sum += alertron__random_unit(random);
        numbers[i] = sum / scale;
    }
}

static void round_numbers(struct subject *subject)
{
    for (size_t i = 0; i < subject->n_rows * subject->width; i++)
        subject->numbers[ALERTRON_FLOAT32][i] = alertron__rounded_to_single(subject->numbers[ALERTRON_FLOAT64][i]);
}

static void check_fit(struct tally *tally, uint64_t seed, uint64_t index)
{
    static const size_t widths[] = {1, 2, 3, 7, 10, 33};
    static const size_t counts[] = {2, 40, 300, ROWS_MANY + 1};
    const size_t width = widths[index % 6], n_rows = counts[index % 4];
    struct random_state random = alertron__random_new(seed ^ 0x666974, index);
    double *numbers = bits_array(n_rows * width, sizeof *numbers);
    fill_numbers(numbers, n_rows * width, &random);
    const alertron_fit_options options = {.trees = index % 3 == 0 ? 300 : 0,
                                          .samples = index % 5 == 0 ? 700 : 0,
                                          .features = index % 2 ? 0.5 : 0,
                                          .contamination = index % 3 ? 0.1 : 0,
                                          .seed = seed + index};
    const alertron_rows rows = alertron_rows_of(numbers, n_rows, width);
    alertron_error error = {.text = ""};
    struct subject subject = {.model = alertron_model_fit(&rows, &options, NULL, &error)};
    snprintf(subject.label, sizeof subject.label, "fit %" PRIu64, index);
    if (!subject.model)
        bits_give_up(subject.label, error.text);
    make_room(&subject, n_rows);
    memcpy(subject.numbers[ALERTRON_FLOAT64], numbers, n_rows * width * sizeof *numbers);
    round_numbers(&subject);
    expect_own_choice(&subject);
    bits_check(tally, &subject, seed + index);
    clear(&subject);
    free(numbers);
}

static unsigned char *read_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        bits_give_up(path, "it can't be read");
    *n = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = bits_array(*n + 1, 1);
    if (fread(bytes, 1, *n, file) != *n)
        bits_give_up(path, "it can't be read to its end");
    fclose(file);
    return bytes;
}

/* The features that stand first in each line of the CSV file beside a model. */
static void read_rows(struct subject *subject, const char *path)
{
    size_t n, n_rows = 0;
    char *text = (char *)read_file(path, &n), *at = strchr(text, '\n');
    for (const char *byte = at; byte && *byte; byte++)
        n_rows += *byte == '\n' && byte[1];
    make_room(subject, n_rows);
    for (size_t row = 0; row < n_rows; row++, at = strchr(at, '\n'))
        for (size_t column = 0; column < subject->width; column++)
            subject->numbers[ALERTRON_FLOAT64][row * subject->width + column] = strtod(at + 1, &at);
    free(text);
}

static void check_model_file(struct tally *tally, uint64_t seed, const char *folder, const char *name)
{
    char path[4096];
    size_t n;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unsigned char *bytes = read_file(path, &n);
    const alertron_load_options options = {.input = strstr(name, "float32") ? ALERTRON_INPUT_FLOAT32
                                                                            : ALERTRON_INPUT_FLOAT64};
    alertron_error error = {.text = ""};
    struct subject subject = {.model = alertron_model_load_with(bytes, n, &options, NULL, &error)};
    snprintf(subject.label, sizeof subject.label, "%s", name);
    if (!subject.model)
        bits_give_up(path, error.text);
    if (strstr(name, ".alertron")) {
        struct random_state random = alertron__random_new(seed, 0x66696c65);
        make_room(&subject, ROWS_FEW);
        fill_numbers(subject.numbers[ALERTRON_FLOAT64], subject.n_rows * subject.width, &random);
    } else {
        strcpy(strrchr(path, '.'), ".csv");
        read_rows(&subject, path);
    }
    round_numbers(&subject);
    expect_own_choice(&subject);
    bits_check(tally, &subject, seed);
    clear(&subject);
    free(bytes);
}

static int is_model(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');
    return end && (strcmp(end, ".pkl") == 0 || strcmp(end, ".joblib") == 0 || strcmp(end, ".alertron") == 0) &&
           !strstr(entry->d_name, "refused");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void check_folder(struct tally *tally, uint64_t seed, const char *folder)
{
    struct dirent **entries;
    const int n = scandir(folder, &entries, is_model, by_name);
    if (n <= 0)
        bits_give_up(folder, "there are no models");
    for (int i = 0; i < n; i++) {
        check_model_file(tally, seed, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* --- all of it --------------------------------------------------------------------------------------------- */

/* A kernel that suited no model was not tested. */
static bool report(const struct tally *tally)
{
    bool all_tested = true;
    fputs("kernels:", stderr);
    for (size_t i = 0; i < KERNELS_MOST && tally->kernels[i]; i++)
        fprintf(stderr, " %s", tally->kernels[i]);
    fputc('\n', stderr);
    for (size_t i = 0; i < KERNELS_MOST && tally->kernels[i]; i++) {
        fprintf(stderr, "%s suited %u of %u models\n", tally->kernels[i], tally->suited[i], tally->models);
        all_tested = all_tested && tally->suited[i] > 0;
    }
    fprintf(stderr, "%u mismatches\n", tally->mismatches);
    return all_tested && tally->mismatches == 0;
}

int main(int n_arguments, char **arguments)
{
    if (n_arguments != 4 && n_arguments != 5) {
        fputs("usage: test_bits DATA SEED COUNT [FIRST]\n", stderr);
        return 2;
    }
    const uint64_t seed = strtoull(arguments[2], NULL, 10), count = strtoull(arguments[3], NULL, 10);
    const uint64_t first = n_arguments == 5 ? strtoull(arguments[4], NULL, 10) : 0;
    struct tally tally = {.models = 0};
    bits_watch();
    for (size_t i = 0; i < KERNELS_MOST; i++)
        if (!(tally.kernels[i] = alertron_kernel_name(i)))
            break;
    if (n_arguments == 4) {
        char folder[4096];
        snprintf(folder, sizeof folder, "%s/sklearn", arguments[1]);
        check_folder(&tally, seed, arguments[1]);
        check_folder(&tally, seed, folder);
        for (uint64_t index = 0; index < FITS; index++)
            check_fit(&tally, seed, index);
    }
    for (uint64_t index = first; index < first + count; index++)
        check_synthetic(&tally, seed, index);
    return report(&tally) ? 0 : 1;
}
