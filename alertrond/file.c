/* file.c: whole files in, and out without ever leaving half of one. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "why.h"

#define READ_BYTES_MIN ((size_t)65536) /* of the buffer a file is read into, at first */
#define ASIDE_NAMES_MAX 100u           /* names tried for the file aside */
#define ASIDE_BASE_BYTES_MAX 200       /* of the file's own name in it */

static bool is_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* ---- reading ---- */

struct buffer {
    unsigned char *bytes;
    size_t n, capacity;
};

/* Room for more bytes and a 0 behind them. The capacity never passes bytes_max by more than one byte, which is how
 * a file that is too large is noticed. */
static bool make_room(struct buffer *buffer, size_t bytes_max)
{
    if (buffer->n < buffer->capacity)
        return true;
    size_t limit = bytes_max < SIZE_MAX - 2 ? bytes_max + 1 : SIZE_MAX - 1;
    size_t capacity = buffer->capacity ? buffer->capacity : READ_BYTES_MIN / 2;
    capacity = capacity > limit / 2 ? limit : capacity * 2;
    unsigned char *bytes = realloc(buffer->bytes, capacity + 1);
    if (!bytes)
        return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

static bool read_all(int file, const char *name, size_t bytes_max, struct buffer *buffer, char *why, size_t why_size)
{
    for (;;) {
        if (!make_room(buffer, bytes_max))
            return why_say(why, why_size, "%s: out of memory after %zu bytes", name, buffer->n);
        ssize_t n = read(file, buffer->bytes + buffer->n, buffer->capacity - buffer->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return why_say(why, why_size, "%s: %s", name, strerror(errno));
        if (n == 0)
            break;
        buffer->n += (size_t)n;
        if (buffer->n > bytes_max)
            return why_say(why, why_size, "%s: larger than %zu bytes", name, bytes_max);
    }
    buffer->bytes[buffer->n] = 0;
    return true;
}

unsigned char *file_read(const char *path, size_t bytes_max, size_t *n_bytes, char *why, size_t why_size)
{
    bool standard = is_standard(path);
    const char *name = standard ? "standard input" : path;
    int file = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        why_say(why, why_size, "%s: %s", name, strerror(errno));
        return NULL;
    }
    struct buffer buffer = {NULL, 0, 0};
    bool good = read_all(file, name, bytes_max, &buffer, why, why_size);
    if (!standard)
        close(file);
    if (!good) {
        free(buffer.bytes);
        return NULL;
    }
    *n_bytes = buffer.n;
    return buffer.bytes;
}

/* ---- writing ---- */

struct new_file {
    int descriptor, fault;   /* fault: the first errno, or 0 */
    const char *path;        /* as the caller names it */
    char target[PATH_MAX];   /* the file behind symbolic links */
    char aside[PATH_MAX];    /* the file that becomes it; "": it is written in place */
    bool standard, replaces; /* replaces: there is a file, whose owner and mode stay */
    struct stat old;
};

/* Some file systems can't sync what they hold, and say EINVAL; there is nothing to gain then. */
static int sync_descriptor(int descriptor)
{
    return fsync(descriptor) == 0 || errno == EINVAL ? 0 : errno;
}

static void note_fault(struct new_file *file, int fault)
{
    if (!file->fault)
        file->fault = fault;
}

/* Opens a new file beside the target, under a name that nobody else uses. */
static int open_aside(struct new_file *file)
{
    const char *slash = strrchr(file->target, '/'), *base = slash ? slash + 1 : file->target;
    int folder = slash ? (int)(base - file->target) : 0;
    for (unsigned i = 0; i < ASIDE_NAMES_MAX; i++) {
        int n = snprintf(file->aside, sizeof file->aside, "%.*s.%.*s.%ld-%u.part", folder, file->target,
                         ASIDE_BASE_BYTES_MAX, base, (long)getpid(), i);
        if (n < 0 || (size_t)n >= sizeof file->aside) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int descriptor = open(file->aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor >= 0 || errno != EEXIST)
            return descriptor;
    }
    return -1;
}

/* Only root may give a file away; anyone else keeps its own. The mode goes last, as chown takes bits off. */
static void keep_owner_and_mode(struct new_file *file)
{
    int given = fchown(file->descriptor, file->old.st_uid, file->old.st_gid);
    (void)given;
    if (fchmod(file->descriptor, file->old.st_mode & 0777) != 0)
        note_fault(file, errno);
}

static bool open_new(struct new_file *file, char *why, size_t why_size)
{
    file->replaces = stat(file->path, &file->old) == 0;
    if (file->replaces && S_ISDIR(file->old.st_mode))
        return why_say(why, why_size, "%s: it is a folder; name a file in it", file->path);
    if (file->replaces && !S_ISREG(file->old.st_mode)) {
        file->descriptor = open(file->path, O_WRONLY | O_CLOEXEC);
        return file->descriptor >= 0 || why_say(why, why_size, "%s: %s", file->path, strerror(errno));
    }
    int n = snprintf(file->target, sizeof file->target, "%s", file->path);
    if (n < 0 || (size_t)n >= sizeof file->target)
        return why_say(why, why_size, "%s", strerror(ENAMETOOLONG));
    if (file->replaces && !realpath(file->path, file->target))
        return why_say(why, why_size, "%s: %s", file->path, strerror(errno));
    file->descriptor = open_aside(file);
    if (file->descriptor < 0)
        return why_say(why, why_size, "%s: %s (in making a new file beside it)", file->path, strerror(errno));
    if (file->replaces)
        keep_owner_and_mode(file);
    return true;
}

struct new_file *file_begin(const char *path, char *why, size_t why_size)
{
    struct new_file *file = calloc(1, sizeof *file);
    if (!file) {
        why_say(why, why_size, "%s: out of memory", path);
        return NULL;
    }
    file->standard = is_standard(path);
    file->path = file->standard ? "standard output" : path;
    if (file->standard) {
        fflush(stdout);
        file->descriptor = STDOUT_FILENO;
    } else if (!open_new(file, why, why_size)) {
        free(file);
        return NULL;
    }
    return file;
}

int file_append(struct new_file *file, const void *bytes, size_t n_bytes)
{
    for (const unsigned char *at = bytes; n_bytes > 0 && !file->fault;) {
        ssize_t n = write(file->descriptor, at, n_bytes);
        if (n < 0 && errno != EINTR)
            note_fault(file, errno);
        if (n > 0) {
            at += n;
            n_bytes -= (size_t)n;
        }
    }
    return file->fault;
}

static void close_new(struct new_file *file)
{
    if (!file->standard && close(file->descriptor) != 0)
        note_fault(file, errno);
}

/* A rename lasts when its folder has been synced. */
static int sync_folder_of(const char *target)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(target, '/');
    int n = slash == target ? 1 : slash ? (int)(slash - target) : 1;
    snprintf(folder, sizeof folder, "%.*s", n, slash ? target : ".");
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return errno == EACCES ? 0 : errno; /* a folder that may be written but not read can't be synced */
    int fault = sync_descriptor(descriptor);
    close(descriptor);
    return fault;
}

bool file_commit(struct new_file *file, char *why, size_t why_size)
{
    const bool aside = file->aside[0] != 0;
    const char *doing = "";
    if (aside && !file->fault)
        note_fault(file, sync_descriptor(file->descriptor));
    close_new(file);
    if (aside && !file->fault && rename(file->aside, file->target) != 0)
        note_fault(file, errno);
    if (aside && file->fault)
        unlink(file->aside);
    if (aside && !file->fault && (file->fault = sync_folder_of(file->target)) != 0)
        doing = " (in syncing its folder)";
    bool good = !file->fault || why_say(why, why_size, "%s: %s%s", file->path, strerror(file->fault), doing);
    free(file);
    return good;
}

void file_abandon(struct new_file *file)
{
    close_new(file);
    if (file->aside[0])
        unlink(file->aside);
    free(file);
}

const char *file_lost(const char *output, const char *const *inputs, size_t n)
{
    struct stat old, input;
    if (!output || is_standard(output) || stat(output, &old) != 0 || !S_ISREG(old.st_mode))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (inputs[i] && !is_standard(inputs[i]) && stat(inputs[i], &input) == 0 && input.st_dev == old.st_dev &&
            input.st_ino == old.st_ino)
            return inputs[i];
    return NULL;
}

bool file_write(const char *path, const void *bytes, size_t n_bytes, char *why, size_t why_size)
{
    struct new_file *file = file_begin(path, why, why_size);
    if (!file)
        return false;
    file_append(file, bytes, n_bytes);
    return file_commit(file, why, why_size);
}
