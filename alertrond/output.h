/* output.h: bytes gathered in front of a file, which appears whole or not at all. */
#ifndef ALERTROND_OUTPUT_H
#define ALERTROND_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

struct output;

/* Begins a file as file_begin does; NULL is standard output, too. NULL, and why, on failure. */
struct output *output_open(const char *path, char *why, size_t why_size);

/* Room for n more bytes, to be filled and then told by output_add. NULL once writing has failed or memory has run
 * out: the reason is told when the output ends. */
char *output_room(struct output *output, size_t n);
void output_add(struct output *output, size_t n);
void output_text(struct output *output, const char *text);

/* Hands on what is held. False once writing has failed. */
bool output_flush(struct output *output);

/* Whether the reader of a pipe has gone, which is no fault of the work. */
bool output_reader_gone(const struct output *output);

/* Ends and frees: writes the rest, syncs, and puts the file into its place. False, and why, on failure: then the
 * path holds what it held before. */
bool output_finish(struct output *output, char *why, size_t why_size);

/* Ends and frees without putting the file into its place; standard output gets what was held. */
void output_abandon(struct output *output);

#endif
