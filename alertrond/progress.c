/* progress.c: a line on a terminal that tells how far long work has come; nothing in a pipe. */
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_SECONDS 0.2 /* between two lines, and before the first: short work shows none */

double progress_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct progress progress_begin(const char *doing, bool wanted)
{
    return (struct progress){
        .doing = doing, .shown = wanted && isatty(STDERR_FILENO), .next = progress_clock() + PAUSE_SECONDS};
}

void progress_show(const struct progress *progress, size_t rows)
{
    if (!progress->shown)
        return;
    fprintf(stderr, "\r%s %zu rows", progress->doing, rows);
    fflush(stderr);
}

void progress_at(struct progress *progress, size_t rows)
{
    if (!progress->shown)
        return;
    double now = progress_clock();
    if (now < progress->next)
        return;
    progress_show(progress, rows);
    progress->next = now + PAUSE_SECONDS;
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fprintf(stderr, "\r\033[K");
    progress->shown = false;
}
