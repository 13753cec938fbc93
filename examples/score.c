/* score.c: load a model, score readings, grade them, say which features made them anomalies.
 *
 *     cc -o score score.c $(pkg-config --cflags --libs alertron)
 *     ./score pump.alertron 72.1 141.3 0.98
 *
 * The numbers are one reading, or several one after the other. The model is libalertron's own file, as train.c makes
 * it, or what scikit-learn wrote with pickle or joblib, uncompressed: which of them it is shows in its bytes.
 */
#include <alertron.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole file, or NULL and errno. The library does no I/O, so reading is the program's. */
static void *read_file(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    unsigned char *bytes = NULL;
    size_t capacity = 1 << 16, n = 0;
    for (;;) {
        unsigned char *grown = realloc(bytes, capacity);
        if (!grown)
            break;
        bytes = grown;
        n += fread(bytes + n, 1, capacity - n, file);
        if (n < capacity)
            break;
        capacity *= 2;
    }
    const int good = n < capacity && !ferror(file), why = errno;
    fclose(file);
    if (!good) {
        free(bytes);
        errno = why;
        return NULL;
    }
    *n_bytes = n;
    return bytes;
}

static alertron_model *load(const char *path)
{
    size_t n_bytes;
    void *bytes = read_file(path, &n_bytes);
    if (!bytes) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return NULL;
    }
    alertron_error error;
    alertron_model *model = alertron_model_load(bytes, n_bytes, NULL, &error);
    if (!model)
        fprintf(stderr, "%s: %s\n", path, error.text);
    free(bytes); /* the model keeps nothing of them */
    return model;
}

static int parse(char **texts, size_t n, double *numbers)
{
    for (size_t i = 0; i < n; i++) {
        char *end;
        numbers[i] = strtod(texts[i], &end);
        if (end == texts[i] || *end) {
            fprintf(stderr, "'%s' is not a number\n", texts[i]);
            return 0;
        }
    }
    return 1;
}

/* One line: score, severity, and of an anomaly the features' shares in it. */
static void print(const alertron_model *model, const double *row, double score, double *shares)
{
    const alertron_severity severity = alertron_model_severity(model, score);
    printf("%.3f %s", score, alertron_severity_name(severity));
    if (severity != ALERTRON_SEVERITY_NONE) {
        alertron_model_explain(model, row, shares);
        for (size_t i = 0; i < alertron_model_features(model); i++) {
            const char *name = alertron_model_feature_name(model, i);
            if (name)
                printf("  %s %.2f", name, shares[i]);
            else
                printf("  feature %zu %.2f", i, shares[i]);
        }
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: score MODEL NUMBER...\n");
        return 2;
    }
    alertron_model *model = load(argv[1]);
    if (!model)
        return 1;

    const size_t n = (size_t)argc - 2, width = alertron_model_features(model), n_rows = n / width;
    double *numbers = calloc(n, sizeof *numbers), *scores = calloc(n, sizeof *scores);
    double *shares = calloc(width, sizeof *shares);
    int status = 1;
    if (!numbers || !scores || !shares) {
        fprintf(stderr, "out of memory\n");
    } else if (n % width != 0) {
        fprintf(stderr, "%zu numbers given; a reading takes %zu\n", n, width);
    } else if (parse(argv + 2, n, numbers)) {
        const alertron_rows rows = alertron_rows_of(numbers, n_rows, width);
        alertron_model_score_rows(model, &rows, scores); /* allocates nothing; any thread; the width is right */
        for (size_t i = 0; i < n_rows; i++)
            print(model, numbers + i * width, scores[i], shares);
        status = 0;
    }
    free(shares);
    free(scores);
    free(numbers);
    alertron_model_free(model);
    return status;
}
