/* test_offsets.c: the group never goes on past a reading whose output is not acknowledged, whatever the order of
 * acknowledgements, rebalances and refusals; and it does go on as far as it may.
 */
#include "offsets.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { PARTITIONS = 4, NONE = -2 };

/* What a callback was told last, by partition; NONE where it was not called. */
struct told {
    int64_t offsets[PARTITIONS];
    size_t calls;
};

static void note(void *context, int32_t partition, int64_t offset)
{
    struct told *told = context;
    assert_in_range(partition, 0, PARTITIONS - 1);
    assert_int_equal(told->offsets[partition], NONE);
    told->offsets[partition] = offset;
    told->calls++;
}

static struct told told_nothing(void)
{
    return (struct told){.offsets = {NONE, NONE, NONE, NONE}};
}

/* Whether exactly one partition's offset has risen, to `offset`. */
static bool only_rose(struct offsets *offsets, int32_t partition, int64_t offset)
{
    struct told told = told_nothing();
    offsets_each_risen(offsets, note, &told);
    return told.calls == 1 && told.offsets[partition] == offset;
}

static bool nothing_rose(struct offsets *offsets)
{
    struct told told = told_nothing();
    offsets_each_risen(offsets, note, &told);
    return told.calls == 0;
}

static int64_t safe(const struct offsets *offsets, int32_t partition)
{
    struct told told = told_nothing();
    offsets_each(offsets, note, &told);
    return told.offsets[partition];
}

/* A reading with an output, dealt with; its token. */
static struct output *output_at(struct offsets *offsets, int32_t partition, int64_t offset)
{
    struct output *output = offsets_begin(offsets, partition, offset);
    assert_non_null(output);
    offsets_pass(offsets, partition, offset);
    return output;
}

static struct offsets *assigned(size_t outputs_max)
{
    struct offsets *offsets = offsets_new(outputs_max);
    assert_non_null(offsets);
    for (int32_t partition = 0; partition < PARTITIONS; partition++)
        assert_true(offsets_assign(offsets, partition));
    return offsets;
}

static void readings_without_output_are_passed_at_once(void **state)
{
    (void)state;
    struct offsets *offsets = assigned(4);
    assert_true(nothing_rose(offsets));
    assert_int_equal(safe(offsets, 1), -1);
    offsets_pass(offsets, 1, 41);
    assert_int_equal(safe(offsets, 1), 42);
    assert_true(only_rose(offsets, 1, 42));
    assert_true(nothing_rose(offsets));
    offsets_free(offsets);
}

static void an_output_holds_its_offset_until_it_is_acknowledged(void **state)
{
    (void)state;
    struct offsets *offsets = assigned(4);
    offsets_pass(offsets, 0, 10);
    struct output *output = output_at(offsets, 0, 11);
    offsets_pass(offsets, 0, 12);
    assert_true(only_rose(offsets, 0, 11));
    assert_int_equal(offsets_waiting(offsets), 1);
    offsets_acknowledge(offsets, output);
    assert_int_equal(offsets_waiting(offsets), 0);
    assert_true(only_rose(offsets, 0, 13));
    offsets_free(offsets);
}

static void acknowledgements_in_any_order_count_from_the_lowest_on(void **state)
{
    (void)state;
    struct offsets *offsets = assigned(4);
    struct output *first = output_at(offsets, 2, 0), *second = output_at(offsets, 2, 1);
    struct output *third = output_at(offsets, 2, 2);
    offsets_acknowledge(offsets, third);
    offsets_acknowledge(offsets, second);
    assert_int_equal(safe(offsets, 2), 0);
    offsets_acknowledge(offsets, first);
    assert_true(only_rose(offsets, 2, 3));
    assert_int_equal(offsets_room(offsets), 4);
    offsets_free(offsets);
}

static void an_output_that_began_but_was_not_passed_holds_too(void **state)
{
    (void)state;
    struct offsets *offsets = assigned(4);
    offsets_pass(offsets, 0, 4);
    struct output *output = offsets_begin(offsets, 0, 5);
    offsets_acknowledge(offsets, output);
    assert_int_equal(safe(offsets, 0), 5);
    offsets_free(offsets);
}

static void gaps_that_transactions_leave_are_passed(void **state)
{
    (void)state;
    struct offsets *offsets = assigned(4);
    offsets_pass(offsets, 0, 5);
    struct output *output = output_at(offsets, 0, 1000);
    assert_int_equal(safe(offsets, 0), 1000);
    offsets_acknowledge(offsets, output);
    assert_true(only_rose(offsets, 0, 1001));
    offsets_free(offsets);
}

static void a_withdrawn_output_leaves_no_trace(void **state)
{
    (void)state;
    struct offsets *offsets = assigned(3);
    struct output *kept = output_at(offsets, 0, 0);
    for (int i = 0; i < 10; i++) {
        struct output *refused = offsets_begin(offsets, 0, 1);
        assert_int_equal(offsets_room(offsets), 1);
        offsets_withdraw(offsets, refused);
    }
    assert_int_equal(offsets_room(offsets), 2);
    assert_int_equal(safe(offsets, 0), 0);
    struct output *next = output_at(offsets, 0, 1);
    offsets_acknowledge(offsets, kept);
    assert_int_equal(safe(offsets, 0), 1);
    offsets_acknowledge(offsets, next);
    assert_true(only_rose(offsets, 0, 2));
    struct output *lone = offsets_begin(offsets, 0, 2);
    offsets_withdraw(offsets, lone);
    assert_int_equal(offsets_room(offsets), 3);
    assert_int_equal(safe(offsets, 0), 2);
    offsets_free(offsets);
}

static void there_is_room_for_as_many_as_were_asked_for(void **state)
{
    (void)state;
    enum { MAX = 100 };
    struct offsets *offsets = assigned(MAX);
    struct output *outputs[MAX];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MAX; i++) {
            assert_int_equal(offsets_room(offsets), MAX - i);
            outputs[i] = output_at(offsets, i % PARTITIONS, round * MAX + i);
        }
        assert_int_equal(offsets_room(offsets), 0);
        assert_int_equal(offsets_waiting(offsets), MAX);
        for (int i = MAX; i-- > 0;)
            offsets_acknowledge(offsets, outputs[i]);
        assert_int_equal(offsets_room(offsets), MAX);
    }
    offsets_free(offsets);
}

static void a_partition_that_is_not_ours_has_no_outputs_and_no_offset(void **state)
{
    (void)state;
    struct offsets *offsets = offsets_new(4);
    assert_null(offsets_begin(offsets, 0, 0));
    assert_null(offsets_begin(offsets, 1000000, 0));
    assert_null(offsets_begin(offsets, -1, 0));
    offsets_pass(offsets, 3, 7);
    offsets_revoke(offsets, 3);
    assert_true(nothing_rose(offsets));
    assert_true(offsets_assign(offsets, 3));
    assert_int_equal(safe(offsets, 3), -1);
    assert_null(offsets_begin(offsets, 2, 0));
    offsets_free(offsets);
}

static void outputs_of_an_earlier_assignment_hold_nothing_of_the_next(void **state)
{
    (void)state;
    struct offsets *offsets = assigned(4);
    struct output *first = output_at(offsets, 0, 7), *second = output_at(offsets, 0, 8);
    offsets_revoke(offsets, 0);
    assert_true(nothing_rose(offsets));
    assert_true(offsets_assign(offsets, 0));
    assert_int_equal(safe(offsets, 0), -1);
    struct output *anew = output_at(offsets, 0, 7);
    assert_int_equal(offsets_waiting(offsets), 3);
    offsets_acknowledge(offsets, second);
    offsets_acknowledge(offsets, first);
    assert_int_equal(safe(offsets, 0), 7);
    assert_int_equal(offsets_room(offsets), 3);
    offsets_acknowledge(offsets, anew);
    assert_true(only_rose(offsets, 0, 8));
    offsets_free(offsets);
}

static void a_partition_assigned_twice_begins_anew(void **state)
{
    (void)state;
    struct offsets *offsets = assigned(4);
    struct output *old = output_at(offsets, 0, 7);
    assert_true(offsets_assign(offsets, 0));
    offsets_pass(offsets, 0, 3);
    assert_true(only_rose(offsets, 0, 4));
    offsets_acknowledge(offsets, old);
    assert_true(nothing_rose(offsets));
    offsets_free(offsets);
}

/* A topic that was deleted and made again counts from 0: what was stored of the old one says nothing. */
static void a_partition_that_goes_back_begins_anew(void **state)
{
    (void)state;
    struct offsets *offsets = assigned(4);
    struct output *old = output_at(offsets, 0, 500);
    offsets_pass(offsets, 0, 999);
    assert_true(only_rose(offsets, 0, 500));
    offsets_pass(offsets, 0, 0);
    assert_true(only_rose(offsets, 0, 1));
    struct output *output = output_at(offsets, 0, 1);
    offsets_acknowledge(offsets, old);
    assert_int_equal(safe(offsets, 0), 1);
    offsets_acknowledge(offsets, output);
    assert_true(only_rose(offsets, 0, 2));
    struct output *again = output_at(offsets, 0, 0);
    assert_int_equal(safe(offsets, 0), 0);
    offsets_acknowledge(offsets, again);
    assert_int_equal(offsets_room(offsets), 4);
    offsets_free(offsets);
}

/* --- random schedules against a model that is too simple to be wrong ------------------------------------- */

enum { OUTPUTS_MAX = 24, READINGS_MAX = 20000 };

struct model_output {
    struct output *token;
    int32_t partition;
    int64_t offset;
    size_t assignment; /* number of the partition's assignment that it belongs to */
    bool acknowledged;
};

struct model {
    struct model_output outputs[READINGS_MAX];
    size_t n_outputs;
    size_t assignments[PARTITIONS]; /* how often it was assigned; odd moments don't matter, only equality */
    bool is_assigned[PARTITIONS];
    int64_t at[PARTITIONS];     /* the next offset to be read */
    int64_t passed[PARTITIONS]; /* behind the last that was passed; -1: none */
    int64_t stored[PARTITIONS];
};

static int64_t model_safe(const struct model *model, int32_t partition)
{
    int64_t lowest = model->passed[partition];
    for (size_t i = 0; i < model->n_outputs; i++) {
        const struct model_output *output = &model->outputs[i];
        if (output->partition == partition && output->assignment == model->assignments[partition] &&
            !output->acknowledged && (output->offset < lowest || lowest < 0))
            lowest = output->offset;
    }
    return lowest;
}

static uint32_t draw(uint64_t *seed, uint32_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % n;
}

static void step_reading(struct offsets *offsets, struct model *model, uint64_t *seed)
{
    const int32_t partition = (int32_t)draw(seed, PARTITIONS);
    const int64_t offset = model->at[partition] + (draw(seed, 10) == 0 ? draw(seed, 50) : 0);
    if (draw(seed, 3) == 0 && offsets_room(offsets) > 0) {
        struct output *token = offsets_begin(offsets, partition, offset);
        assert_int_equal(token != NULL, model->is_assigned[partition]);
        if (!token)
            return;
        if (draw(seed, 4) == 0) {
            offsets_withdraw(offsets, token);
            return;
        }
        model->outputs[model->n_outputs++] = (struct model_output){
            .token = token, .partition = partition, .offset = offset, .assignment = model->assignments[partition]};
    }
    offsets_pass(offsets, partition, offset);
    if (!model->is_assigned[partition])
        return;
    model->passed[partition] = offset + 1;
    model->at[partition] = offset + 1;
}

static void step_acknowledgement(struct offsets *offsets, struct model *model, uint64_t *seed)
{
    const size_t window = model->n_outputs < 2 * OUTPUTS_MAX ? model->n_outputs : 2 * OUTPUTS_MAX;
    if (window == 0)
        return;
    struct model_output *output = &model->outputs[model->n_outputs - 1 - draw(seed, (uint32_t)window)];
    if (output->acknowledged)
        return;
    output->acknowledged = true;
    offsets_acknowledge(offsets, output->token);
}

static void step_rebalance(struct offsets *offsets, struct model *model, uint64_t *seed)
{
    const int32_t partition = (int32_t)draw(seed, PARTITIONS);
    model->assignments[partition]++;
    model->passed[partition] = model->stored[partition] = -1;
    model->at[partition] = draw(seed, 1000);
    model->is_assigned[partition] = draw(seed, 2) == 0;
    if (model->is_assigned[partition])
        assert_true(offsets_assign(offsets, partition));
    else
        offsets_revoke(offsets, partition);
}

static void check(struct offsets *offsets, struct model *model)
{
    struct told see = told_nothing(), risen = told_nothing();
    offsets_each(offsets, note, &see);
    offsets_each_risen(offsets, note, &risen);
    for (int32_t partition = 0; partition < PARTITIONS; partition++) {
        const int64_t lowest = model_safe(model, partition);
        assert_int_equal(see.offsets[partition], model->is_assigned[partition] ? lowest : NONE);
        const bool rises =
            model->is_assigned[partition] && model->passed[partition] >= 0 && lowest > model->stored[partition];
        assert_int_equal(risen.offsets[partition], rises ? lowest : NONE);
        if (rises)
            model->stored[partition] = lowest;
    }
    assert_int_equal(offsets_room(offsets) + offsets_waiting(offsets), OUTPUTS_MAX);
}

/* Everything that was under way is acknowledged: all room is there again. */
static void finish(struct offsets *offsets, struct model *model)
{
    for (size_t i = 0; i < model->n_outputs; i++)
        if (!model->outputs[i].acknowledged)
            offsets_acknowledge(offsets, model->outputs[i].token);
    assert_int_equal(offsets_waiting(offsets), 0);
}

/* What is counted once must not be counted again when it comes again. */
static void what_comes_again_after_a_restart_is_told(void **state)
{
    (void)state;
    struct offsets *offsets = assigned(4);
    assert_true(offsets_pass(offsets, 0, 10));
    assert_true(offsets_pass(offsets, 0, 11));
    offsets_restart(offsets);
    assert_false(offsets_pass(offsets, 0, 10));
    offsets_restart(offsets); /* before it has caught up */
    assert_false(offsets_pass(offsets, 0, 10));
    assert_false(offsets_pass(offsets, 0, 11));
    assert_true(offsets_pass(offsets, 0, 12));
    assert_true(offsets_pass(offsets, 1, 10)); /* another partition */
    assert_true(offsets_pass(offsets, 0, 0));  /* the topic was deleted and made again */
    offsets_restart(offsets);
    assert_false(offsets_pass(offsets, 0, 0));
    assert_true(offsets_pass(offsets, 0, 1));
    assert_true(offsets_assign(offsets, 0));
    assert_true(offsets_pass(offsets, 0, 0));
    offsets_revoke(offsets, 0);
    assert_true(offsets_pass(offsets, 0, 0));
    offsets_free(offsets);
}

static void passed_partitions_are_told_how_many_they_are(void **state)
{
    (void)state;
    struct offsets *offsets = assigned(4);
    struct told told = told_nothing();
    assert_int_equal(offsets_passed(offsets), 0);
    output_at(offsets, 1, 10);
    offsets_pass(offsets, 3, 20);
    assert_int_equal(offsets_passed(offsets), 2);
    offsets_each_passed(offsets, note, &told);
    assert_int_equal(told.calls, 2);
    assert_int_equal(told.offsets[1], 11); /* acknowledged or not */
    assert_int_equal(told.offsets[3], 21);
    assert_int_equal(offsets_passed(offsets), 0);
    offsets_pass(offsets, 3, 21);
    offsets_revoke(offsets, 3);
    assert_int_equal(offsets_passed(offsets), 0);
    offsets_free(offsets);
}

static void any_schedule_is_as_the_simple_model_says(void **state)
{
    (void)state;
    struct model *model = malloc(sizeof *model);
    assert_non_null(model);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t dice = seed;
        memset(model, 0, sizeof *model);
        for (int i = 0; i < PARTITIONS; i++)
            model->passed[i] = model->stored[i] = -1;
        struct offsets *offsets = offsets_new(OUTPUTS_MAX);
        for (int i = 0; i < 3000; i++) {
            const uint32_t kind = draw(&dice, 100);
            if (kind < 60)
                step_reading(offsets, model, &dice);
            else if (kind < 98)
                step_acknowledgement(offsets, model, &dice);
            else
                step_rebalance(offsets, model, &dice);
            if (draw(&dice, 4) == 0)
                check(offsets, model);
        }
        if (seed % 2)
            finish(offsets, model);
        offsets_free(offsets); /* also with outputs that still wait */
    }
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readings_without_output_are_passed_at_once),
        cmocka_unit_test(an_output_holds_its_offset_until_it_is_acknowledged),
        cmocka_unit_test(acknowledgements_in_any_order_count_from_the_lowest_on),
        cmocka_unit_test(an_output_that_began_but_was_not_passed_holds_too),
        cmocka_unit_test(gaps_that_transactions_leave_are_passed),
        cmocka_unit_test(a_withdrawn_output_leaves_no_trace),
        cmocka_unit_test(there_is_room_for_as_many_as_were_asked_for),
        cmocka_unit_test(a_partition_that_is_not_ours_has_no_outputs_and_no_offset),
        cmocka_unit_test(outputs_of_an_earlier_assignment_hold_nothing_of_the_next),
        cmocka_unit_test(a_partition_assigned_twice_begins_anew),
        cmocka_unit_test(a_partition_that_goes_back_begins_anew),
        cmocka_unit_test(what_comes_again_after_a_restart_is_told),
        cmocka_unit_test(passed_partitions_are_told_how_many_they_are),
        cmocka_unit_test(any_schedule_is_as_the_simple_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
