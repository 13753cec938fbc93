/* test_lineup.c: models are swapped while others hold them, reloaded from files, tried, promoted and dropped; what is
 * refused changes nothing; and series come and go with their models.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models_support.h"

enum { THREADS = 4, SWAPS = 60, BLOCK = 64 };

/* Scores a block of the usual rows for one device. */
static struct verdict score_block(struct scorer *scorer, const char *device_id)
{
    double features[BLOCK * WIDTH], scores[BLOCK], candidate_scores[BLOCK];
    for (size_t i = 0; i < BLOCK * WIDTH; i++)
        features[i] = (double)(i * 7919 % 101);
    scorer_begin(scorer);
    scorer_score(scorer, features, BLOCK, scores, candidate_scores);
    const bool by_candidate = scorer_decides_candidate(scorer, device_id, strlen(device_id));
    struct verdict verdict = {0};
    static const struct explanation explanation = {.n = 0};
    for (size_t i = 0; i < BLOCK; i++) {
        const size_t n = strlen(device_id);
        verdict = scorer_grade(scorer, by_candidate ? candidate_scores[i] : scores[i], by_candidate, &explanation);
        scorer_count(scorer, device_id, n, scorer_expect(scorer, device_id, n), &verdict, 1);
    }
    scorer_show(scorer, 1e-6);
    return verdict;
}

/* --- reload -------------------------------------------------------------------------------------------------- */

static void a_changed_file_takes_over_and_an_unchanged_one_does_not(void **state)
{
    (void)state;
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0, false);
    models_start(&fixture, train(WIDTH, 1, 1));
    assert_int_equal(reload(&fixture), MODELS_UNCHANGED);
    char before[MODEL_VERSION_BYTES];
    memcpy(before, fixture.report.primary, sizeof before);
    put_model(fixture.primary, 3, 1);
    const struct lineup *held = models_hold(fixture.parts.models, NULL);
    assert_int_equal(reload(&fixture), MODELS_DONE);
    assert_string_not_equal(fixture.report.primary, before);
    assert_string_equal(held->primary->version, before); /* what is held stays as it is */
    held = models_hold(fixture.parts.models, held);
    assert_string_equal(held->primary->version, fixture.report.primary);
    assert_ptr_equal(models_hold(fixture.parts.models, held), held);
    models_release(fixture.parts.models, held);
    assert_true(reloads(&fixture, MODELS_DONE) == 1 && reloads(&fixture, MODELS_UNCHANGED) == 1);
    assert_true(sum(&fixture, "alertrond_model_info", before) < 0);
    assert_true(sum(&fixture, "alertrond_model_predictions_total", before) < 0);
    assert_true(sum(&fixture, "alertrond_model_info", fixture.report.primary) == 1);
    models_end(&fixture);
}

static void expect_refused(struct models_fixture *fixture, const char *why)
{
    char before[MODEL_VERSION_BYTES];
    const double refused = reloads(fixture, MODELS_REFUSED);
    const struct lineup *lineup = models_hold(fixture->parts.models, NULL);
    memcpy(before, lineup->primary->version, sizeof before);
    models_release(fixture->parts.models, lineup);
    assert_int_equal(reload(fixture), MODELS_REFUSED);
    if (!strstr(fixture->report.why, why) || !strstr(fixture->report.why, fixture->primary))
        fail_msg("\"%s\" does not say \"%s\" of the file", fixture->report.why, why);
    assert_string_equal(fixture->report.primary, before);
    assert_true(reloads(fixture, MODELS_REFUSED) == refused + 1);
}

static void what_is_no_model_for_these_readings_is_refused(void **state)
{
    (void)state;
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0, false);
    models_start(&fixture, train(WIDTH, 1, 1));
    unsigned char *bytes;
    size_t n = saved(WIDTH, 3, 1, &bytes);
    put_bytes(fixture.primary, bytes, n / 2);
    expect_refused(&fixture, "");
    bytes[n / 2] ^= 1;
    put_bytes(fixture.primary, bytes, n);
    expect_refused(&fixture, "");
    free(bytes);
    put_bytes(fixture.primary, "a model, honestly\n", 18);
    expect_refused(&fixture, "");
    put_bytes(fixture.primary, "", 0);
    expect_refused(&fixture, "");
    n = saved(WIDTH + 1, 3, 1, &bytes);
    put_bytes(fixture.primary, bytes, n);
    free(bytes);
    expect_refused(&fixture, "takes 3 features and the readings have 2");
    unlink(fixture.primary);
    expect_refused(&fixture, "No such file");
    assert_int_equal(mkdir(fixture.primary, 0777), 0);
    expect_refused(&fixture, "no regular file");
    rmdir(fixture.primary);
    assert_int_equal(mkfifo(fixture.primary, 0666), 0); /* opening it would wait for a writer */
    expect_refused(&fixture, "no regular file");
    put_model(fixture.primary, 3, 1);
    assert_int_equal(reload(&fixture), MODELS_DONE);
    models_end(&fixture);
}

static void a_look_reads_only_what_has_changed(void **state)
{
    (void)state;
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0, false);
    models_start(&fixture, train(WIDTH, 1, 1));
    for (int i = 0; i < 3; i++)
        models_look(fixture.parts.models);
    assert_true(reloads(&fixture, MODELS_UNCHANGED) == 0);
    unsigned char *bytes;
    const size_t n = saved(WIDTH, 3, 1, &bytes);
    for (size_t written = n / 4; written < n; written += n / 4) { /* slowly, in its place */
        write_file(fixture.primary, bytes, written);
        models_look(fixture.parts.models);
        models_look(fixture.parts.models);
    }
    const double refused = reloads(&fixture, MODELS_REFUSED);
    assert_true(refused >= 3);
    write_file(fixture.primary, bytes, n);
    models_look(fixture.parts.models);
    assert_true(reloads(&fixture, MODELS_DONE) == 1);
    unlink(fixture.primary);
    models_look(fixture.parts.models); /* another is on its way */
    assert_true(reloads(&fixture, MODELS_REFUSED) == refused);
    put_model(fixture.primary, 4, 1);
    models_look(fixture.parts.models);
    assert_true(reloads(&fixture, MODELS_DONE) == 2);
    free(bytes);
    models_end(&fixture);
}

/* --- the candidate ------------------------------------------------------------------------------------------- */

static void a_shadow_scores_the_same_readings_and_decides_nothing(void **state)
{
    (void)state;
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0, true);
    models_start(&fixture, train(WIDTH, 1, 1));
    const struct lineup *lineup = models_hold(fixture.parts.models, NULL);
    char shadow[MODEL_VERSION_BYTES], primary[MODEL_VERSION_BYTES];
    assert_non_null(lineup->candidate);
    memcpy(shadow, lineup->candidate->version, sizeof shadow);
    memcpy(primary, lineup->primary->version, sizeof primary);
    models_release(fixture.parts.models, lineup);
    /* All at 0 from the start. */
    assert_true(sum(&fixture, "alertrond_model_predictions_total", shadow) == 0);
    assert_true(sum(&fixture, "alertrond_model_anomalies_total", shadow) == 0);
    assert_true(sum(&fixture, "alertrond_candidate_readings_total", shadow) == 0);
    assert_true(sum(&fixture, "alertrond_candidate_score_shift_count", shadow) == 0);
    struct scorer *scorer = scorer_new(&fixture.parts);
    assert_string_equal(score_block(scorer, "a").model_version, primary);
    assert_true(sum(&fixture, "alertrond_model_predictions_total", "role=\"shadow\"") == BLOCK);
    assert_true(sum(&fixture, "alertrond_model_predictions_total", "role=\"primary\"") == BLOCK);
    assert_true(sum(&fixture, "alertrond_candidate_readings_total", shadow) == BLOCK);
    assert_true(sum(&fixture, "alertrond_candidate_score_shift_count", shadow) == BLOCK);
    assert_true(sum(&fixture, "alertrond_candidate_score_shift_sum", shadow) > 0);
    assert_true(sum(&fixture, "predictions_total", "") == BLOCK);
    assert_true(sum(&fixture, "alertrond_anomalies_total", "") ==
                sum(&fixture, "alertrond_model_anomalies_total", "role=\"primary\""));
    scorer_free(scorer);
    models_end(&fixture);
}

static void a_canary_decides_for_its_share_of_devices(void **state)
{
    (void)state;
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0.5, true);
    models_start(&fixture, train(WIDTH, 1, 1));
    struct scorer *scorer = scorer_new(&fixture.parts);
    const struct lineup *lineup = models_hold(fixture.parts.models, NULL);
    int decided = 0;
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "pump-%d", i);
        const struct verdict verdict = score_block(scorer, name);
        const bool chosen = candidate_decides(0.5, name, strlen(name));
        assert_string_equal(verdict.model_version, chosen ? lineup->candidate->version : lineup->primary->version);
        decided += chosen;
    }
    assert_in_range(decided, 5, 35);
    assert_true(sum(&fixture, "alertrond_model_info", "role=\"canary\"") == 1);
    models_release(fixture.parts.models, lineup);
    scorer_free(scorer);
    models_end(&fixture);
}

static void a_promoted_candidate_is_the_primary_until_its_file_says_otherwise(void **state)
{
    (void)state;
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0, true);
    models_start(&fixture, train(WIDTH, 1, 1));
    reload(&fixture);
    char candidate[MODEL_VERSION_BYTES];
    memcpy(candidate, fixture.report.candidate, sizeof candidate);
    models_promote(fixture.parts.models, &fixture.report);
    assert_int_equal(fixture.report.outcome, MODELS_DONE);
    assert_string_equal(fixture.report.primary, candidate);
    assert_string_equal(fixture.report.candidate, "");
    assert_true(sum(&fixture, "alertrond_model_info", "role=\"shadow\"") < 0);
    assert_true(sum(&fixture, "alertrond_candidate_readings_total", "") < 0);
    assert_int_equal(reload(&fixture), MODELS_UNCHANGED); /* the files are as they were */
    assert_string_equal(fixture.report.primary, candidate);
    assert_int_equal(rename(fixture.candidate, fixture.primary), 0); /* as the manual says */
    assert_int_equal(reload(&fixture), MODELS_UNCHANGED);
    assert_string_equal(fixture.report.primary, candidate);
    assert_string_equal(fixture.report.candidate, "");
    models_promote(fixture.parts.models, &fixture.report);
    assert_int_equal(fixture.report.outcome, MODELS_REFUSED);
    assert_true(sum(&fixture, "alertrond_candidate_decisions_total", "decision=\"promoted\",by=\"command\"") == 1);
    put_model(fixture.primary, 1, 1); /* back to the first */
    assert_int_equal(reload(&fixture), MODELS_DONE);
    assert_string_not_equal(fixture.report.primary, candidate);
    models_end(&fixture);
}

static void a_dropped_candidate_is_not_tried_again_until_its_file_changes(void **state)
{
    (void)state;
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0, true);
    models_start(&fixture, train(WIDTH, 1, 1));
    models_drop(fixture.parts.models, &fixture.report);
    assert_int_equal(fixture.report.outcome, MODELS_DONE);
    assert_string_equal(fixture.report.candidate, "");
    assert_int_equal(reload(&fixture), MODELS_UNCHANGED);
    assert_string_equal(fixture.report.candidate, "");
    put_model(fixture.candidate, 5, 1);
    assert_int_equal(reload(&fixture), MODELS_DONE);
    assert_string_not_equal(fixture.report.candidate, "");
    unlink(fixture.candidate);
    assert_int_equal(reload(&fixture), MODELS_DONE);
    assert_string_equal(fixture.report.candidate, "");
    put_model(fixture.candidate, 1, 1); /* the primary itself */
    reload(&fixture);
    assert_string_equal(fixture.report.candidate, "");
    models_end(&fixture);
}

static void a_bad_candidate_leaves_everything_as_it_is(void **state)
{
    (void)state;
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0, true);
    unsigned char *bytes;
    const size_t n = saved(WIDTH + 1, 3, 1, &bytes);
    put_bytes(fixture.candidate, bytes, n);
    models_start(&fixture, train(WIDTH, 1, 1)); /* without it */
    assert_int_equal(reload(&fixture), MODELS_REFUSED);
    assert_non_null(strstr(fixture.report.why, "takes 3 features"));
    assert_string_equal(fixture.report.candidate, "");
    put_model(fixture.candidate, 2, 1);
    assert_int_equal(reload(&fixture), MODELS_DONE);
    char tried[MODEL_VERSION_BYTES];
    memcpy(tried, fixture.report.candidate, sizeof tried);
    put_bytes(fixture.candidate, bytes, n / 2);
    put_model(fixture.primary, 7, 1); /* a good model beside a bad candidate is taken */
    char before[MODEL_VERSION_BYTES];
    memcpy(before, fixture.report.primary, sizeof before);
    assert_int_equal(reload(&fixture), MODELS_REFUSED);
    assert_string_equal(fixture.report.candidate, tried);
    assert_string_not_equal(fixture.report.primary, before);
    free(bytes);
    models_end(&fixture);
}

static void rule_decides(double scale, const char *decision)
{
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0, true);
    put_model(fixture.candidate, 2, scale);
    fixture.config.candidate.readings = 10 * BLOCK;
    models_start(&fixture, train(WIDTH, 1, 1));
    struct scorer *scorer = scorer_new(&fixture.parts);
    for (int i = 0; i < 9; i++)
        score_block(scorer, "a");
    models_look(fixture.parts.models);
    assert_true(sum(&fixture, "alertrond_candidate_readings_total", "") == 9 * BLOCK);
    score_block(scorer, "a");
    assert_true(sum(&fixture, "alertrond_model_info", "role=\"shadow\"") < 0);
    char label[64];
    snprintf(label, sizeof label, "decision=\"%s\",by=\"rule\"", decision);
    assert_true(sum(&fixture, "alertrond_candidate_decisions_total", label) == 1);
    scorer_begin(scorer);
    assert_true(sum(&fixture, "alertrond_candidate_readings_total", "") < 0);
    scorer_free(scorer);
    models_end(&fixture);
}

static void the_rule_promotes_what_agrees_and_drops_what_does_not(void **state)
{
    (void)state;
    rule_decides(1, "promoted");
    rule_decides(0.01, "dropped"); /* to it nearly all rows are anomalies */
}

/* Cuts of medium and high only: the trial goes on with what it has counted. */
static void a_candidate_learns_its_own_cuts_from_the_stream(void **state)
{
    (void)state;
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0, true);
    unsigned char *bytes;
    const size_t n = saved_of(train_with(WIDTH, 2, 1, true), &bytes);
    put_bytes(fixture.candidate, bytes, n);
    free(bytes);
    fixture.config.severity.calibration_anomalies = 30;
    fixture.config.candidate.readings = 100 * BLOCK;
    models_start(&fixture, train(WIDTH, 1, 1));
    const struct lineup *first = models_hold(fixture.parts.models, NULL);
    assert_true(first->candidate->learns && !first->primary->learns);
    const alertron_cuts cuts = first->candidate->cuts;
    struct scorer *scorer = scorer_new(&fixture.parts);
    const struct lineup *now = models_hold(fixture.parts.models, NULL);
    int blocks = 0;
    for (; now->candidate->learns && blocks < 90; blocks++) {
        score_block(scorer, "a");
        now = models_hold(fixture.parts.models, now);
    }
    assert_int_equal(now->candidate->cuts.origin, ALERTRON_CUTS_STREAM);
    assert_true(now->candidate->cuts.threshold == cuts.threshold && now->candidate->cuts.medium != cuts.medium);
    assert_ptr_equal(now->primary, first->primary);
    models_release(fixture.parts.models, now);
    models_release(fixture.parts.models, first);
    for (; blocks < 99; blocks++)
        score_block(scorer, "a");
    assert_true(sum(&fixture, "alertrond_candidate_readings_total", "") == 99 * BLOCK);
    score_block(scorer, "a");
    assert_true(sum(&fixture, "alertrond_candidate_decisions_total", "by=\"rule\"") == 1);
    scorer_free(scorer);
    models_end(&fixture);
}

/* --- threads ------------------------------------------------------------------------------------------------- */

struct swarm {
    struct models_fixture *fixture;
    atomic_bool ended;
    atomic_int blocks;
};

static void *score_blocks(void *context)
{
    struct swarm *swarm = context;
    struct scorer *scorer = scorer_new(&swarm->fixture->parts);
    while (!swarm->ended) {
        score_block(scorer, "a");
        swarm->blocks++;
    }
    scorer_free(scorer);
    return NULL;
}

/* Every order of commands, while four threads score. */
static void models_are_swapped_while_others_score(void **state)
{
    (void)state;
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0.5, true);
    fixture.config.candidate.readings = 100 * BLOCK;
    models_start(&fixture, train(WIDTH, 1, 1));
    struct swarm swarm = {.fixture = &fixture};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, score_blocks, &swarm), 0);
    for (uint64_t i = 0; i < SWAPS; i++) {
        if (i % 3 == 0)
            put_model(fixture.primary, 10 + i, 1);
        put_model(fixture.candidate, 1000 + i, i % 2 ? 1 : 0.01);
        assert_int_equal(reload(&fixture), MODELS_DONE);
        const int before = swarm.blocks;
        while (swarm.blocks < before + THREADS)
            sched_yield();
        if (i % 4 == 1)
            models_promote(fixture.parts.models, &fixture.report);
        if (i % 4 == 2)
            models_drop(fixture.parts.models, &fixture.report);
    }
    swarm.ended = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(sum(&fixture, "predictions_total", "") == (double)swarm.blocks * BLOCK);
    reload(&fixture);
    assert_true(sum(&fixture, "alertrond_model_predictions_total", "role=\"primary\"") >= 0);
    assert_true(sum(&fixture, "alertrond_model_info", "role=\"primary\"") == 1);
    models_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_file_takes_over_and_an_unchanged_one_does_not),
        cmocka_unit_test(what_is_no_model_for_these_readings_is_refused),
        cmocka_unit_test(a_look_reads_only_what_has_changed),
        cmocka_unit_test(a_shadow_scores_the_same_readings_and_decides_nothing),
        cmocka_unit_test(a_canary_decides_for_its_share_of_devices),
        cmocka_unit_test(a_promoted_candidate_is_the_primary_until_its_file_says_otherwise),
        cmocka_unit_test(a_dropped_candidate_is_not_tried_again_until_its_file_changes),
        cmocka_unit_test(a_bad_candidate_leaves_everything_as_it_is),
        cmocka_unit_test(the_rule_promotes_what_agrees_and_drops_what_does_not),
        cmocka_unit_test(a_candidate_learns_its_own_cuts_from_the_stream),
        cmocka_unit_test(models_are_swapped_while_others_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
