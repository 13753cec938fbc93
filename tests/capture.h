/* capture.h: what a function writes to standard output or error, for a test to look at. */
#ifndef ALERTRON_TESTS_CAPTURE_H
#define ALERTRON_TESTS_CAPTURE_H

#include <stdio.h>

struct capture {
    FILE *stream, *file;
    int saved;
};

/* From here on what goes to `stream`, which is stdout or stderr, is kept. */
struct capture capture_begin(FILE *stream);

/* Gives the stream back; what went to it, malloced. */
char *capture_end(struct capture *capture);

#endif
