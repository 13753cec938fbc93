/* file.h: whole files in, and out without ever leaving half of one. */
#ifndef ALERTROND_FILE_H
#define ALERTROND_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Reads a whole file, or standard input for "-". malloced; a 0 that *n_bytes does not count follows the bytes.
 * NULL, and why in one line that begins with the path, on failure or where it has more than bytes_max. */
unsigned char *file_read(const char *path, size_t bytes_max, size_t *n_bytes, char *why, size_t why_size);

/* The first of n inputs, where there is one, that is the same file as the output and would be lost; NULL where none is.
 * A NULL among them is no input; only regular files are replaced. */
const char *file_lost(const char *output, const char *const *inputs, size_t n);

/* A file that is written a piece at a time: aside, in the same folder. Committing syncs it and renames it into place:
 * whoever opens `path` finds the old content or the new, whole. An existing file keeps its mode, a symbolic link stays
 * one. "-" is standard output; what is no regular file (a pipe, a device) is written as it goes. */
struct new_file;

/* `path` stays the caller's, until the end. NULL, and why in one line that begins with the path, on failure. */
struct new_file *file_begin(const char *path, char *why, size_t why_size);
/* 0, or the errno that any writing so far has met; then nothing more is written. */
int file_append(struct new_file *file, const void *bytes, size_t n_bytes);
/* Frees it. False, and why, where it could not be written; the old content then stands. */
bool file_commit(struct new_file *file, char *why, size_t why_size);
/* Frees it; the old content stands. */
void file_abandon(struct new_file *file);

/* All of it at once. */
bool file_write(const char *path, const void *bytes, size_t n_bytes, char *why, size_t why_size);

#endif
