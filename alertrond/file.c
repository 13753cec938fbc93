/* file.c: whole files in, and out without ever leaving half of one. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES_MIN ((size_t)65536) /* of the buffer a file is read into, at first */
#define ASIDE_NAMES_MAX 100u           /* names tried for the file aside */
#define ASIDE_BASE_BYTES_MAX 200       /* of the file's own name in it */

__attribute__((format(printf, 3, 4))) static bool fail(char *why, size_t why_size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, why_size, format, arguments);
    va_end(arguments);
    return false;
}

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
            return fail(why, why_size, "%s: out of memory after %zu bytes", name, buffer->n);
        ssize_t n = read(file, buffer->bytes + buffer->n, buffer->capacity - buffer->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(why, why_size, "%s: %s", name, strerror(errno));
        if (n == 0)
            break;
        buffer->n += (size_t)n;
        if (buffer->n > bytes_max)
            return fail(why, why_size, "%s: larger than %zu bytes", name, bytes_max);
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
        fail(why, why_size, "%s: %s", name, strerror(errno));
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

/* Where a file goes: the file behind symbolic links, and the one aside that becomes it. */
struct aside {
    char target[PATH_MAX], path[PATH_MAX];
    bool replaces; /* there is a file, whose mode stays */
    struct stat old;
};

static int write_all(int file, const unsigned char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(file, bytes, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        bytes += written;
        n -= (size_t)written;
    }
    return 0;
}

/* Some file systems can't sync what they hold, and say EINVAL; there is nothing to gain then. */
static int sync_file(int file)
{
    return fsync(file) == 0 || errno == EINVAL ? 0 : errno;
}

static bool write_in_place(const char *path, const void *bytes, size_t n_bytes, char *why, size_t why_size)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return fail(why, why_size, "%s: %s", path, strerror(errno));
    int fault = write_all(file, bytes, n_bytes);
    if (close(file) != 0 && !fault)
        fault = errno;
    return fault ? fail(why, why_size, "%s: %s", path, strerror(fault)) : true;
}

/* Opens a new file beside the target, under a name that nobody else uses. */
static int open_aside(struct aside *aside)
{
    const char *slash = strrchr(aside->target, '/'), *base = slash ? slash + 1 : aside->target;
    int folder = slash ? (int)(base - aside->target) : 0;
    for (unsigned i = 0; i < ASIDE_NAMES_MAX; i++) {
        int n = snprintf(aside->path, sizeof aside->path, "%.*s.%.*s.%ld-%u.part", folder, aside->target,
                         ASIDE_BASE_BYTES_MAX, base, (long)getpid(), i);
        if (n < 0 || (size_t)n >= sizeof aside->path) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int file = open(aside->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 || errno != EEXIST)
            return file;
    }
    return -1;
}

static int fill_aside(const struct aside *aside, int file, const void *bytes, size_t n_bytes)
{
    if (aside->replaces) {
        /* Only root may give a file away; anyone else keeps its own. The mode goes last, as chown takes bits off. */
        int given = fchown(file, aside->old.st_uid, aside->old.st_gid);
        (void)given;
        if (fchmod(file, aside->old.st_mode & 0777) != 0)
            return errno;
    }
    int fault = write_all(file, bytes, n_bytes);
    return fault ? fault : sync_file(file);
}

/* A rename lasts when its folder has been synced. */
static int sync_folder_of(const char *target)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(target, '/');
    int n = slash == target ? 1 : slash ? (int)(slash - target) : 1;
    snprintf(folder, sizeof folder, "%.*s", n, slash ? target : ".");
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return errno == EACCES ? 0 : errno; /* a folder that may be written but not read can't be synced */
    int fault = sync_file(file);
    close(file);
    return fault;
}

static bool replace(struct aside *aside, const char *path, const void *bytes, size_t n_bytes, char *why,
                    size_t why_size)
{
    int file = open_aside(aside);
    if (file < 0)
        return fail(why, why_size, "%s: %s (in making a new file beside it)", path, strerror(errno));
    int fault = fill_aside(aside, file, bytes, n_bytes);
    if (close(file) != 0 && !fault)
        fault = errno;
    if (!fault && rename(aside->path, aside->target) != 0)
        fault = errno;
    if (fault) {
        unlink(aside->path);
        return fail(why, why_size, "%s: %s", path, strerror(fault));
    }
    fault = sync_folder_of(aside->target);
    return fault ? fail(why, why_size, "%s: %s (in syncing its folder)", path, strerror(fault)) : true;
}

bool file_write(const char *path, const void *bytes, size_t n_bytes, char *why, size_t why_size)
{
    if (is_standard(path)) {
        fflush(stdout);
        int fault = write_all(STDOUT_FILENO, bytes, n_bytes);
        return fault ? fail(why, why_size, "standard output: %s", strerror(fault)) : true;
    }
    struct aside aside;
    aside.replaces = stat(path, &aside.old) == 0;
    if (aside.replaces && S_ISDIR(aside.old.st_mode))
        return fail(why, why_size, "%s: it is a folder; name a file in it", path);
    if (aside.replaces && !S_ISREG(aside.old.st_mode))
        return write_in_place(path, bytes, n_bytes, why, why_size);
    int n = snprintf(aside.target, sizeof aside.target, "%s", path);
    if (n < 0 || (size_t)n >= sizeof aside.target)
        return fail(why, why_size, "%s", strerror(ENAMETOOLONG));
    if (aside.replaces && !realpath(path, aside.target))
        return fail(why, why_size, "%s: %s", path, strerror(errno));
    return replace(&aside, path, bytes, n_bytes, why, why_size);
}
