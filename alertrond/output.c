/* output.c: a file that is written a piece at a time, and appears whole or not at all. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HELD_BYTES ((size_t)1 << 20) /* before they are handed to the system */

struct output {
    int fd, fault; /* the first errno, or 0 */
    char *path;    /* NULL: standard output */
    char *aside;   /* the file that becomes `path`, or NULL: it is written in place */
    char *held;
    size_t n, capacity;
};

static void release(struct output *output)
{
    if (output->path && output->fd >= 0)
        close(output->fd);
    free(output->held);
    free(output->aside);
    free(output->path);
    free(output);
}

/* Opens a new file beside the path, or the path itself where it is a device or a pipe. */
static int open_path(struct output *output)
{
    struct stat old;
    bool there = stat(output->path, &old) == 0;
    if (there && !S_ISREG(old.st_mode))
        return open(output->path, O_WRONLY | O_CLOEXEC);
    size_t size = strlen(output->path) + 32;
    output->aside = malloc(size);
    if (!output->aside)
        return -1;
    snprintf(output->aside, size, "%s.%ld.part", output->path, (long)getpid());
    int fd = open(output->aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 && there && fchmod(fd, old.st_mode & 0777) != 0)
        output->fault = errno;
    return fd;
}

struct output *output_open(const char *path, char *why, size_t why_size)
{
    bool standard = !path || strcmp(path, "-") == 0;
    struct output *output = calloc(1, sizeof *output);
    if (output) {
        output->fd = STDOUT_FILENO;
        output->capacity = HELD_BYTES;
        output->held = malloc(output->capacity);
        output->path = standard ? NULL : strdup(path);
    }
    if (!output || !output->held || (!standard && !output->path)) {
        snprintf(why, why_size, "out of memory");
        if (output)
            release(output);
        return NULL;
    }
    if (!standard)
        output->fd = open_path(output);
    if (output->fd >= 0)
        return output;
    snprintf(why, why_size, "%s: %s", path, strerror(errno));
    release(output);
    return NULL;
}

bool output_flush(struct output *output)
{
    size_t done = 0;
    while (done < output->n && !output->fault) {
        ssize_t n = write(output->fd, output->held + done, output->n - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            output->fault = errno;
    }
    output->n = 0;
    return output->fault == 0;
}

char *output_room(struct output *output, size_t n)
{
    if (output->capacity - output->n < n && !output_flush(output))
        return NULL;
    if (output->capacity < n) {
        char *grown = realloc(output->held, n);
        if (!grown) {
            output->fault = ENOMEM;
            return NULL;
        }
        output->held = grown;
        output->capacity = n;
    }
    return output->fault ? NULL : output->held + output->n;
}

void output_add(struct output *output, size_t n)
{
    output->n += n;
}

void output_text(struct output *output, const char *text)
{
    size_t n = strlen(text);
    char *room = output_room(output, n);
    if (!room)
        return;
    memcpy(room, text, n);
    output_add(output, n);
}

bool output_reader_gone(const struct output *output)
{
    return output->fault == EPIPE;
}

bool output_finish(struct output *output, char *why, size_t why_size)
{
    output_flush(output);
    if (output->aside) {
        /* Some file systems can't sync, and say EINVAL; there is nothing to gain then. */
        if (!output->fault && fsync(output->fd) != 0 && errno != EINVAL)
            output->fault = errno;
        if (!output->fault && rename(output->aside, output->path) != 0)
            output->fault = errno;
        if (output->fault)
            unlink(output->aside);
    }
    bool good = output->fault == 0;
    if (!good)
        snprintf(why, why_size, "%s: %s", output->path ? output->path : "standard output", strerror(output->fault));
    release(output);
    return good;
}

void output_abandon(struct output *output)
{
    if (output->aside)
        unlink(output->aside);
    else
        output_flush(output);
    release(output);
}
