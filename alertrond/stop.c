/* stop.c: a command that is told to end. */
#include "stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_bool asked;

static void note_signal(int number)
{
    if (atomic_exchange(&asked, true))
        _exit(128 + number);
}

void stop_catch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

bool stop_asked(void)
{
    return asked;
}
