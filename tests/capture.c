/* capture.c: what a function writes to standard output or error, for a test to look at. */
#include "capture.h"

#include <stdlib.h>
#include <unistd.h>

#include "support.h"

struct capture capture_begin(FILE *stream)
{
    struct capture capture = {stream, tmpfile(), -1};
    assert_non_null(capture.file);
    fflush(stream);
    capture.saved = dup(fileno(stream));
    assert_true(capture.saved >= 0);
    assert_true(dup2(fileno(capture.file), fileno(stream)) >= 0);
    return capture;
}

char *capture_end(struct capture *capture)
{
    fflush(capture->stream);
    assert_true(dup2(capture->saved, fileno(capture->stream)) >= 0);
    close(capture->saved);
    long n = fseek(capture->file, 0, SEEK_END) == 0 ? ftell(capture->file) : -1;
    assert_true(n >= 0);
    rewind(capture->file);
    char *text = malloc((size_t)n + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)n, capture->file), n);
    text[n] = 0;
    fclose(capture->file);
    return text;
}
