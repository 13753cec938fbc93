/* test_scorer.c: metric names and records as the replaced system's clients know them, and severity cuts that are
 * learned from the stream or from a file.
 */
#include "scorer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "support.h"

enum { ROWS = 2048, WIDTH = 2 };

/* A model whose rows' severity nobody has seen: provisional cuts. */
static alertron_model *a_model(void)
{
    static double rows[ROWS * WIDTH];
    for (int i = 0; i < ROWS * WIDTH; i++)
        rows[i] = i * 7919 % 101;
    const alertron_rows view = alertron_rows_of(rows, ROWS, WIDTH);
    alertron_error error;
    alertron_model *model =
        alertron_model_fit(&view, &(alertron_fit_options){.trees = 20, .contamination = 0.05, .seed = 1}, NULL, &error);
    assert_non_null(model);
    return model;
}

struct fixture {
    struct config config;
    alertron_model *model;
    struct scorer *scorer;
};

static struct fixture begin(void)
{
    struct fixture fixture = {.model = a_model()};
    fixture.config.kafka.readings_topic = (char[]){"readings"};
    return fixture;
}

static void configure(struct config *config, char *topic)
{
    *config = (struct config){.severity = {.medium_quantile = 0.8, .high_quantile = 0.95},
                              .limits = {.message_bytes = 65536, .devices = 10, .device_seconds = 60, .outputs = 16}};
    config->kafka.readings_topic = topic;
}

static char *exposition(struct scorer *scorer)
{
    const alertron_registry *registry = scorer_metrics(scorer)->registry;
    const size_t n = alertron_registry_text(registry, ALERTRON_TEXT, NULL, 0);
    char *text = malloc(n + 1);
    assert_non_null(text);
    alertron_registry_text(registry, ALERTRON_TEXT, text, n + 1);
    text[n] = 0;
    return text;
}
