/* hosted.c: prints the answers to a model file: hosted FILE. */
#include "answers.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    static unsigned char bytes[1 << 16];
    static char text[8192];
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!file)
        return 2;
    const size_t n_bytes = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    const size_t n = answers(bytes, n_bytes, NULL, text, sizeof text);
    fputs(text, n ? stdout : stderr);
    return n ? 0 : 1;
}
