/* side_alertron.c: the library's side of the benchmark.
 *
 *     side_alertron DATA     answers commands on standard input, see docs/benchmarks.md
 *
 * DATA holds a folder a shape, with model.joblib and rows.f32, and training.f64.
 */
#include "side.h"

#include <alertron.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIT_WIDTH 3

static const char *data_folder;

/* Path of DATA/shape/name; valid until the next call. */
static const char *path_of(const char *shape, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", data_folder, shape, name);
    return path;
}

static alertron_model *load_bytes(const void *bytes, size_t n_bytes)
{
    alertron_error error;
    alertron_model *model = alertron_model_load(bytes, n_bytes, NULL, &error);
    if (!model) {
        fprintf(stderr, "alertron: %s\n", error.text);
        exit(1);
    }
    return model;
}

static alertron_model *load(const char *shape)
{
    size_t n_bytes;
    void *bytes = side_read_file(path_of(shape, "model.joblib"), &n_bytes);
    alertron_model *model = load_bytes(bytes, n_bytes);
    free(bytes);
    return model;
}

static void *saved(const alertron_model *model, size_t *n_bytes)
{
    *n_bytes = alertron_model_save(model, NULL, 0);
    void *bytes = side_allocate(*n_bytes);
    alertron_model_save(model, bytes, *n_bytes);
    return bytes;
}

/* A block of one row of doubles is scored as a gateway would. */
static void score_pass(void *context, const side_blocks *blocks, double *scores)
{
    const alertron_model *model = context;
    if (blocks->rows == 1 && !blocks->float32) {
        const double *numbers = blocks->data;
        for (size_t row = 0; row < blocks->n_blocks; row++)
            scores[row] = alertron_model_score(model, numbers + row * blocks->width);
        return;
    }
    const ptrdiff_t size = blocks->float32 ? (ptrdiff_t)sizeof(float) : (ptrdiff_t)sizeof(double);
    alertron_rows rows = {
        .dtype = blocks->float32 ? ALERTRON_FLOAT32 : ALERTRON_FLOAT64,
        .rows = blocks->rows,
        .width = blocks->width,
        .row_stride = blocks->column_major ? size : size * (ptrdiff_t)blocks->width,
        .column_stride = blocks->column_major ? size * (ptrdiff_t)blocks->rows : size,
    };
    for (size_t block = 0; block < blocks->n_blocks; block++) {
        rows.data = side_block(blocks, block);
        alertron_model_score_rows(model, &rows, scores + block * blocks->rows);
    }
}

/* score SHAPE ROWS DTYPE ORDER KERNEL, scores SHAPE ROWS DTYPE ORDER KERNEL FILE; KERNEL "-": the model's own choice.
 */
static void score(const side_command *command)
{
    const char *const *words = command->words;
    alertron_model *model = load(words[1]);
    alertron_error error;
    if (strcmp(words[5], "-") != 0 && alertron_model_set_kernel(model, words[5], &error) != ALERTRON_OK) {
        side_answer_error(error.text);
    } else {
        side_blocks blocks = side_blocks_read(path_of(words[1], "rows.f32"), alertron_model_features(model), words + 2);
        if (strcmp(words[0], "score") == 0) {
            side_answer(side_time_rows(score_pass, model, &blocks));
        } else {
            side_write_scores(words[6], score_pass, model, &blocks);
            side_answer_text("ok");
        }
        free(blocks.data);
    }
    alertron_model_free(model);
}

/* fit scored | contamination | alone: with its rows' scores, threshold 0.5 or by contamination, or without. */
static void fit(const char *variant)
{
    size_t n_bytes;
    double *numbers = side_read_file(path_of(".", "training.f64"), &n_bytes);
    const alertron_rows rows = alertron_rows_of(numbers, n_bytes / sizeof *numbers / FIT_WIDTH, FIT_WIDTH);
    alertron_fit_options options = {.trees = 200, .seed = 42};
    if (strcmp(variant, "contamination") == 0)
        options.contamination = 0.01;
    options.provisional_cuts = strcmp(variant, "alone") == 0;
    alertron_error error;
    size_t fits = 0;
    double spent;
    const double begun = side_now();
    do {
        alertron_model *model = alertron_model_fit(&rows, &options, NULL, &error);
        if (!model) {
            fprintf(stderr, "alertron: %s\n", error.text);
            exit(1);
        }
        alertron_model_free(model);
        fits++;
        spent = side_now() - begun;
    } while (spent < side_slice());
    side_answer(spent / (double)fits);
    free(numbers);
}

/* load SHAPE joblib | own: from a file's name to a model. */
static void time_load(const char *shape, const char *kind)
{
    const char *path = path_of(shape, strcmp(kind, "own") == 0 ? "model.alertron" : "model.joblib");
    size_t loads = 0;
    double spent;
    const double begun = side_now();
    do {
        size_t n_bytes;
        void *bytes = side_read_file(path, &n_bytes);
        alertron_model_free(load_bytes(bytes, n_bytes));
        free(bytes);
        loads++;
        spent = side_now() - begun;
    } while (spent < side_slice());
    side_answer(spent / (double)loads);
}

/* save SHAPE: writes DATA/SHAPE/model.alertron; answers its size. */
static void save(const char *shape)
{
    alertron_model *model = load(shape);
    size_t n_bytes;
    void *bytes = saved(model, &n_bytes);
    FILE *file = fopen(path_of(shape, "model.alertron"), "wb");
    if (!file || fwrite(bytes, 1, n_bytes, file) != n_bytes || fclose(file) != 0) {
        perror("model.alertron");
        exit(1);
    }
    side_answer((double)n_bytes);
    free(bytes);
    alertron_model_free(model);
}

/* memory SHAPE: growth of the process by a model that was loaded from our own file and has scored. */
static void memory(const char *shape)
{
    const char *const few[] = {"64", "float64", "C"};
    size_t n_bytes;
    void *bytes = side_read_file(path_of(shape, "model.alertron"), &n_bytes);
    alertron_model *models[SIDE_COPIES];
    double scores[4096];
    models[0] = load_bytes(bytes, n_bytes);
    side_blocks blocks = side_blocks_read(path_of(shape, "rows.f32"), alertron_model_features(models[0]), few);
    score_pass(models[0], &blocks, scores);
    alertron_model_free(models[0]);
    const double before = side_resident_bytes();
    for (size_t i = 0; i < SIDE_COPIES; i++) {
        models[i] = load_bytes(bytes, n_bytes);
        score_pass(models[i], &blocks, scores);
    }
    side_answer((side_resident_bytes() - before) / SIDE_COPIES);
    for (size_t i = 0; i < SIDE_COPIES; i++)
        alertron_model_free(models[i]);
    free(blocks.data);
    free(bytes);
}

/* describe SHAPE: bytes the model says it holds, and its own choice of kernel. */
static void describe(const char *shape)
{
    alertron_model *model = load(shape);
    alertron_model_info info;
    alertron_model_describe(model, &info);
    char text[256];
    snprintf(text, sizeof text, "%zu %s", info.bytes, info.kernel);
    side_answer_text(text);
    alertron_model_free(model);
}

static void kernels(void)
{
    char text[512] = "";
    for (size_t i = 0; alertron_kernel_name(i); i++) {
        strncat(text, i > 0 ? " " : "", sizeof text - strlen(text) - 1);
        strncat(text, alertron_kernel_name(i), sizeof text - strlen(text) - 1);
    }
    side_answer_text(text);
}

static void explain_pass(void *context, const side_blocks *blocks, double *scores)
{
    const double *numbers = blocks->data;
    double shares[ALERTRON_FEATURES_MAX];
    for (size_t row = 0; row < blocks->n_blocks; row++) {
        alertron_model_explain(context, numbers + row * blocks->width, shares);
        scores[row] = shares[0];
    }
}

static void explain(const char *shape)
{
    const char *const singly[] = {"1", "float64", "C"};
    alertron_model *model = load(shape);
    side_blocks blocks = side_blocks_read(path_of(shape, "rows.f32"), alertron_model_features(model), singly);
    side_answer(side_time_rows(explain_pass, model, &blocks));
    free(blocks.data);
    alertron_model_free(model);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: side_alertron DATA\n");
        return 2;
    }
    data_folder = argv[1];
    side_command command;
    while (side_next(&command)) {
        const char *const *words = command.words;
        if (strcmp(words[0], "score") == 0 || strcmp(words[0], "scores") == 0)
            score(&command);
        else if (strcmp(words[0], "fit") == 0)
            fit(words[1]);
        else if (strcmp(words[0], "load") == 0)
            time_load(words[1], words[2]);
        else if (strcmp(words[0], "save") == 0)
            save(words[1]);
        else if (strcmp(words[0], "memory") == 0)
            memory(words[1]);
        else if (strcmp(words[0], "describe") == 0)
            describe(words[1]);
        else if (strcmp(words[0], "explain") == 0)
            explain(words[1]);
        else if (strcmp(words[0], "kernels") == 0)
            kernels();
        else if (strcmp(words[0], "version") == 0)
            side_answer_text(alertron_version());
        else
            side_answer_error("unknown command");
    }
    return 0;
}
