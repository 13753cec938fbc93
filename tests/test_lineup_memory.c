/* test_lineup_memory.c: what a reload missed for want of memory is made good by the next one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "models_support.h"

/* The linker puts these before malloc's: the one of this number fails, 0: none, and all behind it where it lasts. */
static size_t failing, allocations;
static bool lasts;

static bool fails(void)
{
    const bool failed = failing > 0 && (++allocations == failing || (lasts && allocations > failing));
    if (failed)
        errno = ENOMEM;
    return failed;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes)
{
    return fails() ? NULL : __real_calloc(n, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return fails() ? NULL : __real_realloc(memory, bytes);
}

/* Whether the reload had all its memory. */
static bool reload_with(struct models_fixture *fixture, size_t nth)
{
    failing = nth;
    allocations = 0;
    reload(fixture);
    const bool enough = allocations < nth;
    failing = 0;
    return enough;
}

/* Both files change, and the reload lacks memory from one place on after the other: what is in force stays, or is what
 * the files hold, and the next reload or look makes good what was missed. */
static void lack_memory(bool by_look, bool to_the_end)
{
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0, true);
    models_start(&fixture, train(WIDTH, 1, 1));
    unsigned char *bytes[4];
    size_t n[4], refused = 0;
    for (size_t i = 0; i < 4; i++)
        n[i] = saved(WIDTH, 10 + i, 1, &bytes[i]);
    bool enough = false;
    lasts = to_the_end;
    for (size_t nth = 1; !enough; nth++) {
        put_bytes(fixture.primary, bytes[nth % 2], n[nth % 2]);
        put_bytes(fixture.candidate, bytes[2 + nth % 2], n[2 + nth % 2]);
        enough = reload_with(&fixture, nth);
        const bool missed = fixture.report.outcome == MODELS_REFUSED;
        refused += missed;
        const double done = reloads(&fixture, MODELS_DONE);
        if (by_look)
            models_look(fixture.parts.models);
        else
            reload(&fixture);
        assert_true(reloads(&fixture, MODELS_DONE) == done + missed);
        assert_int_equal(reload(&fixture), MODELS_UNCHANGED);
        assert_string_not_equal(fixture.report.candidate, "");
    }
    assert_true(refused > 10);
    for (size_t i = 0; i < 4; i++)
        free(bytes[i]);
    models_end(&fixture);
}

static void what_lacked_memory_is_made_good_by_the_next_reload(void **state)
{
    (void)state;
    lack_memory(false, false);
    lack_memory(false, true);
}

static void what_lacked_memory_is_made_good_by_the_next_look(void **state)
{
    (void)state;
    lack_memory(true, false);
    lack_memory(true, true);
}

static void a_candidate_that_could_not_go_for_want_of_memory_goes_later(void **state)
{
    (void)state;
    struct models_fixture fixture;
    models_begin_in_folder(&fixture, 0, true);
    models_start(&fixture, train(WIDTH, 1, 1));
    unlink(fixture.candidate);
    lasts = true;
    assert_false(reload_with(&fixture, 1));
    models_look(fixture.parts.models);
    reload(&fixture);
    assert_string_equal(fixture.report.candidate, "");
    models_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lacked_memory_is_made_good_by_the_next_reload),
        cmocka_unit_test(what_lacked_memory_is_made_good_by_the_next_look),
        cmocka_unit_test(a_candidate_that_could_not_go_for_want_of_memory_goes_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
