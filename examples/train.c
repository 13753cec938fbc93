/* train.c: fit a model to rows in memory, say what it would call an anomaly, save it.
 *
 *     cc -o train train.c -lalertron -lm
 *     ./train pump.alertron
 */
#include <alertron.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 20000, WIDTH = 3 };

/* About normal, of mean 0 and deviation 1: twelve uniform numbers. */
static double noise(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(*state >> 11) * 0x1p-53;
    }
    return sum;
}

/* Rows of temperature, pressure and vibration; two in a hundred are unusual. */
static void make_rows(double *rows)
{
    uint64_t state = 1;
    for (size_t i = 0; i < ROWS; i++) {
        const int unusual = i % 50 == 0;
        rows[i * WIDTH] = (unusual ? 70 : 50) + (unusual ? 6 : 5) * noise(&state);
        rows[i * WIDTH + 1] = (unusual ? 140 : 100) + (unusual ? 12 : 10) * noise(&state);
        rows[i * WIDTH + 2] = (unusual ? 0.9 : 0.5) + (unusual ? 0.1 : 0.05) * noise(&state);
    }
}

static int save(const alertron_model *model, const char *path)
{
    const size_t n = alertron_model_save(model, NULL, 0);
    void *bytes = malloc(n);
    FILE *file = fopen(path, "wb");
    int good = bytes && file;
    if (good) {
        alertron_model_save(model, bytes, n);
        good = fwrite(bytes, 1, n, file) == n;
    }
    if (file && fclose(file) != 0)
        good = 0;
    free(bytes);
    if (!good)
        perror(path);
    return good;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: train OUTPUT\n");
        return 2;
    }
    double *numbers = calloc((size_t)ROWS * WIDTH, sizeof *numbers);
    if (!numbers) {
        fprintf(stderr, "out of memory\n");
        return 1;
    }
    make_rows(numbers);

    static const char *const names[WIDTH] = {"temperature", "pressure", "vibration"};
    const alertron_rows rows = alertron_rows_of(numbers, ROWS, WIDTH);
    const alertron_fit_options options = {
        .trees = 200, .contamination = 0.02, .seed = 42, .feature_names = names, .provenance = "made by train.c"};
    alertron_error error;
    alertron_model *model = alertron_model_fit(&rows, &options, NULL, &error);
    free(numbers); /* the model keeps nothing of them */
    if (!model) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }

    const alertron_cuts cuts = alertron_model_cuts(model);
    printf("anomaly above %.4f, medium from %.4f, high from %.4f (%s)\n", cuts.threshold, cuts.medium, cuts.high,
           alertron_cuts_origin_name(cuts.origin));
    const int saved = save(model, argv[1]);
    alertron_model_free(model);
    return saved ? 0 : 1;
}
