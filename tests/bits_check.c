/* bits_check.c: every kernel, view and batch gives the bits that a model must give. See bits.c. */
#include "bits.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MISMATCHES_MOST = 10 };

/* How a view lies in memory; gap and shift are in bytes. At the end of its memory
 * there is no shift. */
struct layout {
    alertron_dtype dtype;
    bool by_column, rows_backward, columns_backward, at_end;
    size_t gap, shift;
};

/* A batch of n rows: row i of it is row (first + i * step) of the subject, counted round and round. */
struct batch {
    size_t n, first, step;
    struct layout layout;
};

void *bits_array(size_t n, size_t size)
{
    void *memory = calloc(n ? n : 1, size);
    if (!memory)
        bits_give_up("memory", "there is none");
    return memory;
}

void bits_give_up(const char *what, const char *why)
{
    fprintf(stderr, "test_bits: %s: %s\n", what, why);
    exit(2);
}

static bool is_same(double a, double b)
{
    return alertron__bits_of_double(a) == alertron__bits_of_double(b);
}

/* --- hashes: FNV-1a of little-endian bytes -------------------------------------------------------------- */

static uint64_t hash_bytes(uint64_t hash, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_numbers(uint64_t hash, const double *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char bytes[8];
        alertron__store_le(bytes, sizeof bytes, alertron__bits_of_double(numbers[i]));
        hash = hash_bytes(hash, bytes, sizeof bytes);
    }
    return hash;
}

static const uint64_t no_hash = 0xcbf29ce484222325u;

/* --- what a kernel gives --------------------------------------------------------------------------------- */

static bool tell(struct tally *tally, const struct subject *subject, const char *kernel, const char *what, size_t row,
                 double got, double expected)
{
    printf("MISMATCH %s\n  kernel %s, %s, row %zu: got %a, expected %a\n  %s\n", subject->label, kernel, what, row, got,
           expected, subject->replay);
    tally->mismatches++;
    return false;
}

/* Memory between two pages that nobody may touch: it ends, or else begins, at one of them. A kernel that reads past
 * the rows dies, also where its instructions are none that sanitizers see. */
struct fenced {
    unsigned char *pages, *bytes;
    size_t n_pages_bytes;
};

static struct fenced fenced_new(size_t n, bool at_end)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (n + page - 1) / page * page;
    struct fenced fenced = {.n_pages_bytes = whole + 2 * page};
    fenced.pages = mmap(NULL, fenced.n_pages_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fenced.pages == MAP_FAILED || mprotect(fenced.pages + page, whole, PROT_READ | PROT_WRITE) != 0)
        bits_give_up("memory", "there is none");
    fenced.bytes = fenced.pages + page + (at_end ? whole - n : 0);
    return fenced;
}

static void fenced_free(const struct fenced *fenced)
{
    munmap(fenced->pages, fenced->n_pages_bytes);
}

/* What is being done, for those who must know why the program died. */
static char current[600];

static void tell_signal(int number)
{
    static const char died[] = "test_bits: died, most likely from reading outside of the rows, in ";
    ssize_t written = write(STDERR_FILENO, died, sizeof died - 1);
    written += write(STDERR_FILENO, current, strlen(current));
    signal(number, SIG_DFL);
    raise(written > 0 ? number : SIGABRT);
}

void bits_watch(void)
{
    signal(SIGSEGV, tell_signal);
    signal(SIGBUS, tell_signal);
}

/* The batch as the caller's memory, of which nothing is spare. */
static alertron_rows lay_out(const struct subject *subject, const struct batch *batch, struct fenced *fenced)
{
    const struct layout *layout = &batch->layout;
    const size_t size = layout->dtype == ALERTRON_FLOAT32 ? sizeof(float) : sizeof(double);
    const size_t inner = size + layout->gap, n = layout->by_column ? batch->n : subject->width;
    const size_t outer = inner * n + layout->gap;
    const size_t row_step = layout->by_column ? inner : outer, column_step = layout->by_column ? outer : inner;
    const size_t last_row = row_step * (batch->n - 1), last_column = column_step * (subject->width - 1);
    const size_t shift = layout->at_end ? 0 : layout->shift;
    *fenced = fenced_new(shift + last_row + last_column + size, layout->at_end);
    unsigned char *origin =
        fenced->bytes + shift + (layout->rows_backward ? last_row : 0) + (layout->columns_backward ? last_column : 0);
    alertron_rows rows = {.data = origin, .dtype = layout->dtype, .rows = batch->n, .width = subject->width};
    rows.row_stride = layout->rows_backward ? -(ptrdiff_t)row_step : (ptrdiff_t)row_step;
    rows.column_stride = layout->columns_backward ? -(ptrdiff_t)column_step : (ptrdiff_t)column_step;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t row = (batch->first + i * batch->step) % subject->n_rows;
        for (size_t column = 0; column < subject->width; column++) {
            const double wide = subject->numbers[layout->dtype][row * subject->width + column];
            unsigned char *at = origin + (ptrdiff_t)i * rows.row_stride + (ptrdiff_t)column * rows.column_stride;
            const float narrow = (float)(layout->dtype == ALERTRON_FLOAT32 ? wide : 0.0);
            memcpy(at, layout->dtype == ALERTRON_FLOAT32 ? (const void *)&narrow : (const void *)&wide, size);
        }
    }
    return rows;
}

static struct batch random_batch(const struct subject *subject, size_t n, struct random_state *random)
{
    static const size_t shifts[] = {0, 0, 1, 4}, gaps[] = {0, 0, 3, 8};
    struct batch batch = {.n = n};
    const uint64_t bits = alertron__random_next(random);
    batch.first = (size_t)alertron__random_below(random, (uint32_t)subject->n_rows);
    batch.step = bits & 1 ? 1 : 1 + (size_t)alertron__random_below(random, (uint32_t)subject->n_rows);
    batch.layout = (struct layout){.dtype = bits & 2 ? ALERTRON_FLOAT32 : ALERTRON_FLOAT64,
                                   .by_column = bits & 4,
                                   .rows_backward = bits & 8,
                                   .columns_backward = bits & 16,
                                   .at_end = bits & 512,
                                   .gap = gaps[bits >> 5 & 3],
                                   .shift = shifts[bits >> 7 & 3]};
    return batch;
}

static bool check_batch(struct tally *tally, const struct subject *subject, const char *kernel,
                        const struct batch *batch)
{
    const struct layout *layout = &batch->layout;
    struct fenced fenced;
    const alertron_rows rows = lay_out(subject, batch, &fenced);
    double *scores = bits_array(batch->n + 2, sizeof *scores);
    scores[0] = scores[batch->n + 1] = -1.0;
    char what[240];
    snprintf(what, sizeof what,
             "alertron_model_score_rows of %zu rows (from %zu in steps of %zu; %s by %s%s%s, gap %zu, shift %zu)",
             batch->n, batch->first, batch->step, layout->dtype == ALERTRON_FLOAT32 ? "float32" : "float64",
             layout->by_column ? "column" : "row", layout->rows_backward ? ", rows backward" : "",
             layout->columns_backward ? ", columns backward" : "", layout->gap, layout->shift);
    snprintf(current, sizeof current, "%s, kernel %s: %s\n%s\n", subject->label, kernel, what, subject->replay);
    bool good = alertron_model_score_rows(subject->model, &rows, scores + 1) == ALERTRON_OK;
    if (!good || scores[0] != -1.0 || scores[batch->n + 1] != -1.0) {
        tell(tally, subject, kernel, "scores before and behind the batch were touched, or it was refused", 0, -1, -1);
        good = false;
    }
    for (size_t i = 0; good && i < batch->n; i++) {
        const double expected = subject->scores[layout->dtype][(batch->first + i * batch->step) % subject->n_rows];
        if (!is_same(scores[i + 1], expected))
            good = tell(tally, subject, kernel, what, i, scores[i + 1], expected);
    }
    free(scores);
    fenced_free(&fenced);
    return good;
}

static bool check_row(struct tally *tally, const struct subject *subject, const char *kernel, alertron_dtype dtype,
                      size_t row)
{
    const double *numbers = subject->numbers[dtype] + row * subject->width;
    const double path_length = alertron_model_path_length(subject->model, numbers);
    if (!is_same(path_length, subject->path_lengths[dtype][row]))
        return tell(tally, subject, kernel, "alertron_model_path_length", row, path_length,
                    subject->path_lengths[dtype][row]);
    const double score = alertron_model_score(subject->model, numbers);
    return is_same(score, subject->scores[dtype][row]) ||
           tell(tally, subject, kernel, "alertron_model_score", row, score, subject->scores[dtype][row]);
}

/* Stops at the first mismatch: the others say nothing new. */
static void check_kernel(struct tally *tally, const struct subject *subject, const char *kernel, uint64_t seed)
{
    static const size_t sizes[] = {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, ROWS_MANY};
    struct random_state random = alertron__random_new(seed, 1);
    for (size_t row = 0; row < subject->n_rows && row < ROWS_FEW; row++)
        if (!check_row(tally, subject, kernel, row & 1 ? ALERTRON_FLOAT32 : ALERTRON_FLOAT64, row))
            return;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i] == ROWS_MANY && subject->n_rows < ROWS_MANY)
            continue;
        const struct batch batch = random_batch(subject, sizes[i], &random);
        if (!check_batch(tally, subject, kernel, &batch))
            return;
    }
}

/* --- a model from outside and inside ------------------------------------------------------------------------ */

static unsigned char *saved(const alertron_model *model, size_t *n)
{
    *n = alertron_model_save(model, NULL, 0);
    unsigned char *bytes = bits_array(*n, 1);
    if (alertron_model_save(model, bytes, *n) != *n)
        bits_give_up("alertron_model_save", "it takes other bytes than it said");
    return bytes;
}

/* The file is the same bytes everywhere, and what is loaded from it scores as before. */
static uint64_t check_file(struct tally *tally, struct subject *subject)
{
    size_t n, n_again;
    unsigned char *bytes = saved(subject->model, &n);
    alertron_error error = {.text = ""};
    alertron_model *model = subject->model, *loaded = alertron_model_load(bytes, n, NULL, &error);
    if (!loaded)
        bits_give_up(subject->label, error.text);
    unsigned char *again = saved(loaded, &n_again);
    if (n != n_again || memcmp(bytes, again, n) != 0)
        tell(tally, subject, "any", "bytes of the model that was saved, loaded and saved", 0, (double)n_again,
             (double)n);
    const uint64_t hash = hash_bytes(no_hash, bytes, n);
    subject->model = loaded;
    for (size_t row = 0; row < subject->n_rows && row < ROWS_FEW; row++)
        if (!check_row(tally, subject, "of the model loaded again", ALERTRON_FLOAT64, row))
            break;
    subject->model = model;
    free(again);
    alertron_model_free(loaded);
    free(bytes);
    return hash;
}

/* Everything that can be held to the expected values, and the line that tells their hashes. */
void bits_check(struct tally *tally, struct subject *subject, uint64_t seed)
{
    alertron_model_info info;
    alertron_model_describe(subject->model, &info);
    const uint64_t file = check_file(tally, subject);
    check_kernel(tally, subject, "of the model's own choice", seed);
    for (size_t i = 0; i < KERNELS_MOST && tally->kernels[i]; i++)
        if (alertron_model_set_kernel(subject->model, tally->kernels[i], NULL) == ALERTRON_OK) {
            tally->suited[i]++;
            check_kernel(tally, subject, tally->kernels[i], seed);
        }
    uint64_t rows = no_hash, path_lengths = no_hash, scores = no_hash;
    for (int dtype = 0; dtype < 2; dtype++) {
        rows = hash_numbers(rows, subject->numbers[dtype], subject->n_rows * subject->width);
        path_lengths = hash_numbers(path_lengths, subject->path_lengths[dtype], subject->n_rows);
        scores = hash_numbers(scores, subject->scores[dtype], subject->n_rows);
    }
    printf("%s: %" PRIu32 " features, %" PRIu32 " trees, %" PRIu32 " nodes, depth %" PRIu32 ", %zu rows %016" PRIx64
           ", path lengths %016" PRIx64 ", scores %016" PRIx64 ", file %016" PRIx64 "\n",
           subject->label, info.features, info.trees, info.nodes, info.depth, subject->n_rows, rows, path_lengths,
           scores, file);
    tally->models++;
    if (tally->mismatches >= MISMATCHES_MOST)
        bits_give_up(subject->label, "too many mismatches: nothing more is tried");
}
