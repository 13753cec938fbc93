/* side.c: commands, rows and the clock of the sides that are written in C. */
#include "side.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POOL 4096 /* rows that small blocks are cut from: many enough that no branch learns them by heart */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

bool side_next(side_command *command)
{
    for (size_t i = 0; i < SIDE_WORDS_MAX; i++)
        command->words[i] = "";
    if (!fgets(command->line, sizeof command->line, stdin))
        return false;
    size_t n = 0;
    for (char *word = strtok(command->line, " \n"); word && n < SIDE_WORDS_MAX; word = strtok(NULL, " \n"))
        command->words[n++] = word;
    return true;
}

void side_answer(double value)
{
    printf("%.9g\n", value);
    fflush(stdout);
}

void side_answer_text(const char *text)
{
    printf("%s\n", text);
    fflush(stdout);
}

void side_answer_error(const char *text)
{
    printf("error: %s\n", text);
    fflush(stdout);
}

void *side_allocate(size_t bytes)
{
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory)
        die("malloc");
    return memory;
}

void *side_read_file(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        die(path);
    const long size = ftell(file);
    rewind(file);
    void *bytes = side_allocate((size_t)size);
    if (fread(bytes, 1, (size_t)size, file) != (size_t)size)
        die(path);
    fclose(file);
    *n_bytes = (size_t)size;
    return bytes;
}

side_blocks side_blocks_read(const char *path, size_t width, const char *const *words)
{
    size_t n_bytes;
    float *numbers = side_read_file(path, &n_bytes);
    side_blocks blocks = {.rows = strtoul(words[0], NULL, 10), .width = width};
    blocks.float32 = strcmp(words[1], "float32") == 0;
    blocks.column_major = strcmp(words[2], "F") == 0;
    blocks.n_blocks = blocks.rows < POOL ? POOL / blocks.rows : 1;
    const size_t n = side_blocks_all(&blocks);
    if (n * width * sizeof *numbers > n_bytes) {
        fprintf(stderr, "%s has fewer than %zu rows\n", path, n);
        exit(1);
    }
    blocks.data = side_allocate(n * width * sizeof(double));
    float *const float32 = blocks.data;
    double *const float64 = blocks.data;
    for (size_t i = 0; i < n * width; i++) {
        const size_t row = i / width, column = i % width, inner = row % blocks.rows;
        const size_t first = (row - inner) * width;
        const size_t at = first + (blocks.column_major ? column * blocks.rows + inner : inner * width + column);
        if (blocks.float32)
            float32[at] = numbers[i];
        else
            float64[at] = (double)numbers[i];
    }
    free(numbers);
    return blocks;
}

size_t side_blocks_all(const side_blocks *blocks)
{
    return blocks->n_blocks * blocks->rows;
}

const void *side_block(const side_blocks *blocks, size_t block)
{
    const size_t bytes = blocks->float32 ? sizeof(float) : sizeof(double);
    return (const char *)blocks->data + block * blocks->rows * blocks->width * bytes;
}

double side_time_rows(side_pass *pass, void *context, const side_blocks *blocks)
{
    const size_t n = side_blocks_all(blocks);
    double *scores = side_allocate(n * sizeof *scores);
    pass(context, blocks, scores);
    size_t passes = 0;
    const double begun = side_now();
    double spent;
    do {
        pass(context, blocks, scores);
        passes++;
        spent = side_now() - begun;
    } while (spent < side_slice());
    free(scores);
    return spent / (double)passes / (double)n;
}

void side_write_scores(const char *path, side_pass *pass, void *context, const side_blocks *blocks)
{
    const size_t n = side_blocks_all(blocks);
    double *scores = side_allocate(n * sizeof *scores);
    pass(context, blocks, scores);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(scores, sizeof *scores, n, file) != n || fclose(file) != 0)
        die(path);
    free(scores);
}

double side_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double side_slice(void)
{
    static double slice;
    if (slice <= 0) {
        const char *text = getenv("BENCH_SLICE");
        slice = text ? strtod(text, NULL) : 0.05;
    }
    return slice;
}

double side_resident_bytes(void)
{
    malloc_trim(0);
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long total, resident;
    if (!file || fscanf(file, "%lu %lu", &total, &resident) != 2)
        die("/proc/self/statm");
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}
