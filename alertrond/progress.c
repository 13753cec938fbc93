/* progress.c: a line on a terminal that tells how far long work has come; nothing in a pipe. */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "clock.h"

#define PAUSE_SECONDS 0.2 /* between two lines, and before the first: short work shows none */

struct progress progress_begin(const char *doing, bool wanted)
{
    return (struct progress){
        .doing = doing, .shown = wanted && isatty(STDERR_FILENO), .next = clock_seconds() + PAUSE_SECONDS};
}

void progress_show(const struct progress *progress, size_t rows)
{
    if (!progress->shown)
        return;
    fprintf(stderr, "\r%s %zu %s", progress->doing, rows, progress->unit ? progress->unit : "rows");
    fflush(stderr);
}

void progress_at(struct progress *progress, size_t rows)
{
    if (!progress->shown)
        return;
    double now = clock_seconds();
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
