/* file.h: whole files in, and out without ever leaving half of one. */
#ifndef ALERTROND_FILE_H
#define ALERTROND_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Reads a whole file, or standard input for "-". NULL, and why in `why`, on failure or above bytes_max. malloced. */
unsigned char *file_read(const char *path, size_t bytes_max, size_t *n_bytes, char *why, size_t why_size);

/* Writes aside, syncs, renames into place. "-" is standard output. False, and why, on failure. */
bool file_write(const char *path, const void *bytes, size_t n_bytes, char *why, size_t why_size);

#endif
