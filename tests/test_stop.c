/* test_stop.c: the first signal is only noted, the second one ends the process. */
#include "stop.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

static void the_first_signal_is_noted_and_the_second_ends_the_process(void **state)
{
    (void)state;
    const int signals[] = {SIGTERM, SIGINT};
    for (int i = 0; i < 4; i++) {
        const int first = signals[i % 2], second = signals[i / 2];
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            stop_catch_signals();
            const bool before = stop_asked();
            raise(first);
            if (!before && stop_asked())
                raise(second);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 128 + second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_signal_is_noted_and_the_second_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
