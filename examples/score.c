/* score.c: load a model, score one row, grade it.
 *
 *     cc -o score score.c -lalertron -lm
 *     ./score pump.alertron 72.1 141.3 0.98
 *
 * The model is libalertron's own file, or what scikit-learn wrote with pickle or joblib, uncompressed: which of them
 * it is shows in its bytes.
 */
#include <alertron.h>

#include <stdio.h>
#include <stdlib.h>

/* The whole file, or NULL. The library does no I/O, so reading is the program's. */
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
    const int good = n < capacity && !ferror(file);
    fclose(file);
    if (!good) {
        free(bytes);
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
        perror(path);
        return NULL;
    }
    alertron_error error;
    alertron_model *model = alertron_model_load(bytes, n_bytes, NULL, &error);
    if (!model)
        fprintf(stderr, "%s: %s\n", path, error.text);
    free(bytes); /* the model keeps nothing of them */
    return model;
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

    const size_t n_features = alertron_model_features(model);
    double *row = calloc(n_features, sizeof *row);
    int status = 1;
    if (!row) {
        fprintf(stderr, "out of memory\n");
    } else if ((size_t)argc - 2 != n_features) {
        fprintf(stderr, "%d numbers given; the model takes %zu\n", argc - 2, n_features);
    } else {
        for (size_t i = 0; i < n_features; i++)
            row[i] = strtod(argv[i + 2], NULL);
        const double score = alertron_model_score(model, row); /* allocates nothing; any thread */
        printf("%.3f %s\n", score, alertron_severity_name(alertron_model_severity(model, score)));
        status = 0;
    }
    free(row);
    alertron_model_free(model);
    return status;
}
