/* side.h: what the sides of the benchmark that are written in C share: commands, rows, the clock. See
 * docs/benchmarks.md for the commands. */
#ifndef ALERTRON_BENCH_SIDE_H
#define ALERTRON_BENCH_SIDE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIDE_WORDS_MAX 8
#define SIDE_COPIES 4 /* of a model, whose memory is measured: one alone drowns in the allocator's rounding */

/* A line on standard input, cut into words; those that are missing are "". */
typedef struct side_command {
    char line[4096];
    const char *words[SIDE_WORDS_MAX];
} side_command;

/* False at the end of the input. */
bool side_next(side_command *command);

/* Answer the line that was read. */
void side_answer(double value);
void side_answer_text(const char *text);
void side_answer_error(const char *text);

/* Rows as a side is handed them: blocks that are scored with a call each, one after the other in memory. */
typedef struct side_blocks {
    void *data;
    size_t n_blocks, rows, width; /* rows of one block */
    bool float32, column_major;
} side_blocks;

/* Blocks of the words ROWS DTYPE ORDER, from a file of float32 rows. The caller frees data. */
side_blocks side_blocks_read(const char *path, size_t width, const char *const *words);

size_t side_blocks_all(const side_blocks *blocks);
const void *side_block(const side_blocks *blocks, size_t block);

/* Scores all rows of all blocks, block by block. */
typedef void side_pass(void *context, const side_blocks *blocks, double *scores);

/* Seconds a row: the mean over passes that take BENCH_SLICE seconds together, after one that is not timed. */
double side_time_rows(side_pass *pass, void *context, const side_blocks *blocks);

/* Writes all scores to a file of doubles. */
void side_write_scores(const char *path, side_pass *pass, void *context, const side_blocks *blocks);

double side_now(void);
double side_slice(void);
double side_resident_bytes(void);

/* Ends the program where the file can't be read. The caller frees the bytes. */
void *side_read_file(const char *path, size_t *n_bytes);

/* Memory, or the end of the program. */
void *side_allocate(size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
