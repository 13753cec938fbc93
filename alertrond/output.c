/* output.c: bytes gathered in front of a file, so that writing them is cheap. */
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

#define HELD_BYTES ((size_t)1 << 20) /* before they are handed to the system */

struct output {
    struct new_file *file;
    int fault; /* the first errno, or 0 */
    char *held;
    size_t n, capacity;
};

struct output *output_open(const char *path, char *why, size_t why_size)
{
    struct output *output = calloc(1, sizeof *output);
    char *held = malloc(HELD_BYTES);
    if (!output || !held) {
        snprintf(why, why_size, "out of memory");
        goto fail;
    }
    *output =
        (struct output){.file = file_begin(path ? path : "-", why, why_size), .held = held, .capacity = HELD_BYTES};
    if (output->file)
        return output;
fail:
    free(held);
    free(output);
    return NULL;
}

bool output_flush(struct output *output)
{
    if (!output->fault)
        output->fault = file_append(output->file, output->held, output->n);
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
    bool good = output->fault != ENOMEM;
    if (good) {
        good = file_commit(output->file, why, why_size);
    } else {
        snprintf(why, why_size, "out of memory");
        file_abandon(output->file);
    }
    free(output->held);
    free(output);
    return good;
}

void output_abandon(struct output *output)
{
    output_flush(output);
    file_abandon(output->file);
    free(output->held);
    free(output);
}
