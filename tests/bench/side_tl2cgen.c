/* side_tl2cgen.c: the side of C code that tl2cgen has generated from a model and gcc -O3 -march=native has compiled.
 *
 *     side_tl2cgen DATA     answers commands on standard input, see docs/benchmarks.md
 *
 * DATA holds a folder a shape, with tl2cgen.so, tl2cgen-quantized.so and scaled.f32: rows that already went through the
 * model's scaler, which generated code knows nothing of. That is in its favour: its users scale each row themselves.
 */
#include "side.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As in the header that is generated: a number, or -1 in `missing`. Quantized code overwrites it with a rank. */
typedef union entry {
    int missing;
    double fvalue;
    int qvalue;
} entry;

typedef struct generated {
    void *library;
    int32_t (*width)(void);
    void (*predict)(entry *row, int margin, double *score);
    bool in_place; /* rows of doubles are scored where they lie */
} generated;

static const char *data_folder;

static const char *path_of(const char *shape, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", data_folder, shape, name);
    return path;
}

static generated load(const char *shape, const char *variant)
{
    const bool quantized = strcmp(variant, "quantized") == 0;
    const char *path = path_of(shape, quantized ? "tl2cgen-quantized.so" : "tl2cgen.so");
    generated code = {.library = dlopen(path, RTLD_NOW | RTLD_LOCAL), .in_place = !quantized};
    if (code.library) {
        *(void **)&code.width = dlsym(code.library, "get_num_feature");
        *(void **)&code.predict = dlsym(code.library, "predict");
    }
    if (!code.library || !code.width || !code.predict) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return code;
}

static void score_in_place(const generated *code, const side_blocks *blocks, double *scores)
{
    entry *rows = blocks->data;
    for (size_t row = 0; row < side_blocks_all(blocks); row++) {
        scores[row] = 0;
        code->predict(rows + row * blocks->width, 0, &scores[row]);
    }
}

/* Generated code takes a row of doubles without gaps: others are copied first. */
static void score_pass(void *context, const side_blocks *blocks, double *scores)
{
    const generated *code = context;
    if (code->in_place && !blocks->float32 && !blocks->column_major) {
        score_in_place(code, blocks, scores);
        return;
    }
    const size_t width = blocks->width, n = blocks->rows;
    const size_t row_step = blocks->column_major ? 1 : width, column_step = blocks->column_major ? n : 1;
    entry *copy = side_allocate(width * sizeof *copy);
    for (size_t block = 0; block < blocks->n_blocks; block++) {
        const float *float32 = side_block(blocks, block);
        const double *float64 = side_block(blocks, block);
        for (size_t row = 0; row < n; row++) {
            for (size_t i = 0; i < width; i++) {
                const size_t at = row * row_step + i * column_step;
                copy[i].fvalue = blocks->float32 ? (double)float32[at] : float64[at];
            }
            double *score = &scores[block * n + row];
            *score = 0;
            code->predict(copy, 0, score);
        }
    }
    free(copy);
}

/* score SHAPE ROWS DTYPE ORDER VARIANT, scores SHAPE ROWS DTYPE ORDER VARIANT FILE */
static void score(const side_command *command)
{
    const char *const *words = command->words;
    generated code = load(words[1], words[5]);
    side_blocks blocks = side_blocks_read(path_of(words[1], "scaled.f32"), (size_t)code.width(), words + 2);
    if (strcmp(words[0], "score") == 0) {
        side_answer(side_time_rows(score_pass, &code, &blocks));
    } else {
        side_write_scores(words[6], score_pass, &code, &blocks);
        side_answer_text("ok");
    }
    free(blocks.data);
    dlclose(code.library);
}

static void time_load(const char *shape, const char *variant)
{
    size_t loads = 0;
    double spent;
    const double begun = side_now();
    do {
        const generated code = load(shape, variant);
        dlclose(code.library);
        loads++;
        spent = side_now() - begun;
    } while (spent < side_slice());
    side_answer(spent / (double)loads);
}

/* memory SHAPE VARIANT: growth of the process by the code, once rows have been through it. */
static void memory(const char *shape, const char *variant)
{
    const char *const rows[] = {"4096", "float64", "C"};
    const double before = side_resident_bytes();
    generated code = load(shape, variant);
    side_blocks blocks = side_blocks_read(path_of(shape, "scaled.f32"), (size_t)code.width(), rows);
    double *scores = side_allocate(side_blocks_all(&blocks) * sizeof *scores);
    score_pass(&code, &blocks, scores);
    free(scores);
    free(blocks.data);
    side_answer(side_resident_bytes() - before);
    dlclose(code.library);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: side_tl2cgen DATA\n");
        return 2;
    }
    data_folder = argv[1];
    side_command command;
    while (side_next(&command)) {
        const char *const *words = command.words;
        if (strcmp(words[0], "score") == 0 || strcmp(words[0], "scores") == 0)
            score(&command);
        else if (strcmp(words[0], "load") == 0)
            time_load(words[1], words[2]);
        else if (strcmp(words[0], "memory") == 0)
            memory(words[1], words[2]);
        else
            side_answer_error("unknown command");
    }
    return 0;
}
