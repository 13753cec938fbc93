/* models_support.h: what the tests of models in force share: models made on the spot, in memory or in files, with the
 * metrics and devices that go with them. */
#ifndef ALERTRON_TESTS_MODELS_SUPPORT_H
#define ALERTRON_TESTS_MODELS_SUPPORT_H

#include "models.h"
#include "scorer.h"
#include "support.h"

enum { WIDTH = 2 };

/* Other seeds, other models; the smaller the scale, the more of the usual rows, i * 7919 % 101, are anomalies. */
alertron_model *train_with(size_t width, uint64_t seed, double scale, bool provisional_cuts);
alertron_model *train(size_t width, uint64_t seed, double scale);

/* The bytes of a model's file, malloced. The first takes the model over. */
size_t saved_of(alertron_model *model, unsigned char **bytes);
size_t saved(size_t width, uint64_t seed, double scale, unsigned char **bytes);

/* Writes a file in its place; puts one in another's place at once, or a model of WIDTH. */
void write_file(const char *path, const void *bytes, size_t n);
void put_bytes(const char *path, const void *bytes, size_t n);
void put_model(const char *path, uint64_t seed, double scale);

struct models_fixture {
    struct config config;
    struct metrics metrics;
    struct scorer_parts parts;
    struct models_report report;
    char folder[64], primary[96], candidate[96]; /* "": no files */
    char *text;
};

/* All but the models, which come once the configuration is as a test wants it. */
void models_begin(struct models_fixture *fixture, size_t devices);
/* The same with a new folder for the files of models: of the primary that train(WIDTH, 1, 1) is, and of a candidate. */
void models_begin_in_folder(struct models_fixture *fixture, double share, bool has_candidate);
/* Takes the model over. */
void models_start(struct models_fixture *fixture, alertron_model *model);
void models_end(struct models_fixture *fixture);

/* The metrics; until the next call. */
const char *exposition(struct models_fixture *fixture);
/* The sum of the samples whose line begins with `name` and has `label`; -1 where there is none. */
double sum(struct models_fixture *fixture, const char *name, const char *label);

/* Reloads into fixture->report; how many reloads had this outcome. */
enum models_outcome reload(struct models_fixture *fixture);
double reloads(struct models_fixture *fixture, enum models_outcome outcome);

#endif
