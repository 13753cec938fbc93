/* terminal.c: what standard output can show. */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

size_t terminal_width(void)
{
    const char *columns = environment("COLUMNS");
    const long told = columns ? strtol(columns, NULL, 10) : 0;
    if (told > 0 && told < 10000)
        return (size_t)told;
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return TERMINAL_WIDTH_DEFAULT;
}

static bool is_plain(void)
{
    const char *term = environment("TERM");
    return term && strcmp(term, "dumb") == 0;
}

bool terminal_unicode(void)
{
    const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"}, *locale = NULL;
    for (size_t i = 0; i < 3 && !locale; i++)
        locale = environment(names[i]);
    const char *codeset = locale ? strchr(locale, '.') : NULL;
    return codeset && !is_plain() && (strncasecmp(codeset, ".utf-8", 6) == 0 || strncasecmp(codeset, ".utf8", 5) == 0);
}

bool terminal_colour(void)
{
    return isatty(STDOUT_FILENO) && !environment("NO_COLOR") && environment("TERM") && !is_plain();
}
