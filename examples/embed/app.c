/* app.c: a program that has everything inside: the library as two files, the model as bytes.
 *
 *     make
 *     ./app 72.1 141.3 0.98
 *
 * Beside this file and the Makefile must lie pump.alertron, which train.c makes, and the whole library: alertron.c and
 * alertron.h. Alertron's build writes them to build/amalgamation:
 * cmake -S . -B build -DALERTRON_SERVICE=OFF && cmake --build build --target amalgamation
 */
#include "alertron.h"

#include <stdio.h>
#include <stdlib.h>

#include "pump.h" /* static const unsigned char pump[] */

int main(int argc, char **argv)
{
    alertron_error error;
    alertron_model *model = alertron_model_load(pump, sizeof pump, NULL, &error);
    if (!model) {
        fprintf(stderr, "the model in this program: %s\n", error.text);
        return 1;
    }

    enum { WIDTH_MAX = 16 };
    const size_t width = alertron_model_features(model);
    double row[WIDTH_MAX], shares[WIDTH_MAX];
    int status = 1;
    if (width > WIDTH_MAX || (size_t)argc - 1 != width) {
        fprintf(stderr, "%d numbers given; a reading takes %zu, and this program up to %d\n", argc - 1, width,
                WIDTH_MAX);
        goto end;
    }
    for (size_t i = 0; i < width; i++) {
        char *end;
        row[i] = strtod(argv[i + 1], &end);
        if (end == argv[i + 1] || *end) {
            fprintf(stderr, "'%s' is not a number\n", argv[i + 1]);
            goto end;
        }
    }

    const double score = alertron_model_score(model, row); /* allocates nothing */
    const alertron_severity severity = alertron_model_severity(model, score);
    printf("%.3f %s", score, alertron_severity_name(severity));
    if (severity != ALERTRON_SEVERITY_NONE) {
        alertron_model_explain(model, row, shares);
        for (size_t i = 0; i < width; i++) {
            const char *name = alertron_model_feature_name(model, i);
            printf("  %s %.2f", name ? name : "?", shares[i]);
        }
    }
    printf("\n");
    status = 0;
end:
    alertron_model_free(model);
    return status;
}
