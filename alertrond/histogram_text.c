/* histogram_text.c: a histogram in a terminal.
 *
 * Columns stand for bins, or for a few of them together; rows of characters are cut into eighths. Below the axis stand
 * scores, and under each the share of rows that a threshold there would call anomalies.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "histogram.h"

#define HEIGHT 10u       /* lines */
#define LEFT 10u         /* columns before the bars: how many rows a height stands for */
#define WIDTH_MIN 40u    /* of the whole picture */
#define WIDTH_MAX 110u   /* more of it tells nothing more */
#define COLUMNS_MAX 256u /* of bars: no more than there are bins */
#define TICK_COLUMNS 8u  /* a score or a share, and room */

struct text_picture {
    const struct histogram *histogram;
    bool unicode, colour;
    size_t bins_each, columns_each; /* bins of a column, or columns of a bin; one of them is 1 */
    size_t n;                       /* columns */
    double rows[COLUMNS_MAX], most;
    char marks[COLUMNS_MAX + 4]; /* the letter of a mark, or a blank */
};

/* The column of a score, where it has one. */
static size_t column_of(const struct text_picture *picture, double score)
{
    const double bin = score * ALERTRON_SCORE_BINS - (double)picture->histogram->first;
    const double column = floor(bin * (double)picture->columns_each / (double)picture->bins_each);
    return column < 0 ? 0 : column < (double)picture->n ? (size_t)column : picture->n - 1;
}

static struct text_picture lay_out(const struct histogram *histogram, size_t width, bool unicode, bool colour)
{
    struct text_picture picture = {
        .histogram = histogram, .unicode = unicode, .colour = colour, .bins_each = 1, .columns_each = 1};
    width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
    const size_t room = width - LEFT - 2, bins = histogram->last - histogram->first + 1;
    if (bins > room)
        picture.bins_each = (bins + room - 1) / room;
    else
        picture.columns_each = room / bins < 4 ? room / bins : 4;
    picture.n = (bins + picture.bins_each - 1) / picture.bins_each * picture.columns_each;
    for (size_t column = 0; column < picture.n; column++) {
        const size_t begin = histogram->first + column / picture.columns_each * picture.bins_each;
        for (size_t bin = begin; bin < begin + picture.bins_each && bin <= histogram->last; bin++)
            picture.rows[column] += histogram->counts[bin];
        picture.most = fmax(picture.most, picture.rows[column]);
    }
    memset(picture.marks, ' ', sizeof picture.marks);
    for (size_t mark = 0; mark < HISTOGRAM_MARKS; mark++) {
        size_t column = column_of(&picture, histogram_mark(histogram, mark));
        while (picture.marks[column] != ' ')
            column++;
        if (histogram_shows(histogram, mark))
            picture.marks[column] = "AMH"[mark];
    }
    return picture;
}

/* ---- bars ---- */

static void set_colour(const struct text_picture *picture, alertron_severity severity)
{
    static const char *const codes[] = {"0", "33", "35", "31"};
    if (picture->colour)
        printf("\033[%sm", codes[severity]);
}

static alertron_severity band_of_column(const struct text_picture *picture, size_t column)
{
    const size_t begin = picture->histogram->first + column / picture->columns_each * picture->bins_each;
    return histogram_band(picture->histogram, histogram_score(begin), histogram_score(begin + picture->bins_each));
}

/* How much of a character of line `line`, counted from the axis, a column fills: 0 to 8. A single row beside 2^64 is an
 * eighth high, so it is always seen. */
static size_t fill_of(const struct text_picture *picture, size_t column, size_t line)
{
    const double height = histogram_height(picture->rows[column], picture->most) * HEIGHT * 8;
    const size_t eighths = (size_t)(height + 0.5);
    return eighths <= line * 8 ? 0 : eighths - line * 8 > 8 ? 8 : eighths - line * 8;
}

static void print_cell(const struct text_picture *picture, size_t column, size_t line)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {" ", ".", ".", ".", ":", ":", ":", "#", "#"};
    const size_t fill = fill_of(picture, column, line);
    if (fill == 0 && picture->marks[column] != ' ')
        printf("%s", picture->unicode ? "┊" : "|");
    else
        printf("%s", (picture->unicode ? blocks : plain)[fill]);
}

/* How many rows a column has whose top is in this line, where that is a power of ten. */
static void print_rows_label(const struct text_picture *picture, size_t line)
{
    char label[16] = "";
    for (double rows = 1; rows <= picture->most; rows *= 10)
        if ((size_t)(histogram_height(rows, picture->most) * HEIGHT - 1e-9) == line)
            snprintf(label, sizeof label, rows < 1e6 ? "%.0f" : "%.0e", rows);
    const char *tick = picture->unicode ? "┤" : "+", *axis = picture->unicode ? "│" : "|";
    printf("%*s %s", (int)LEFT - 1, label, label[0] ? tick : axis);
}

static void print_bars(const struct text_picture *picture)
{
    for (size_t line = HEIGHT; line-- > 0;) {
        size_t end = picture->n;
        while (end > 0 && fill_of(picture, end - 1, line) == 0 && picture->marks[end - 1] == ' ')
            end--;
        print_rows_label(picture, line);
        alertron_severity shown = ALERTRON_SEVERITY_NONE;
        for (size_t column = 0; column < end; column++) {
            const alertron_severity severity = band_of_column(picture, column);
            if (severity != shown)
                set_colour(picture, severity);
            shown = severity;
            print_cell(picture, column, line);
        }
        if (shown != ALERTRON_SEVERITY_NONE)
            set_colour(picture, ALERTRON_SEVERITY_NONE);
        printf("\n");
    }
}

/* ---- below the bars ---- */

static void print_axis(const struct text_picture *picture, const double *ticks, size_t n_ticks)
{
    printf("%*s%s", (int)LEFT, "", picture->unicode ? "└" : "+");
    for (size_t column = 0; column < picture->n; column++) {
        bool tick = false;
        for (size_t i = 0; i < n_ticks; i++)
            tick = tick || column_of(picture, ticks[i]) == column;
        printf("%s", picture->unicode ? (tick ? "┬" : "─") : (tick ? "+" : "-"));
    }
    size_t end = sizeof picture->marks;
    while (end > 0 && picture->marks[end - 1] == ' ')
        end--;
    printf("\n%*s%.*s\n", (int)LEFT + 1, "", (int)end, picture->marks);
}

/* A line with a text under each tick. */
static void print_ticks(const struct text_picture *picture, const char *label, const double *ticks, size_t n_ticks,
                        bool shares)
{
    size_t at = (size_t)printf("  %-*s", (int)LEFT - 2, label);
    for (size_t i = 0; i < n_ticks; i++) {
        char text[16];
        if (shares)
            histogram_share_text(histogram_share_above(picture->histogram, ticks[i]), text, sizeof text);
        else
            snprintf(text, sizeof text, "%.2f", ticks[i]);
        const size_t n = strlen(text), middle = LEFT + 1 + column_of(picture, ticks[i]);
        const size_t begin = middle - n / 2 > at ? middle - n / 2 : at + 1;
        at += (size_t)printf("%*s%s", (int)(begin - at), "", text);
    }
    printf("\n");
}

void histogram_print(const struct histogram *histogram, size_t width, bool unicode, bool colour)
{
    const struct text_picture picture = lay_out(histogram, width, unicode, colour);
    double ticks[HISTOGRAM_TICKS_MAX];
    const size_t n_ticks = histogram_ticks(histogram, picture.n / TICK_COLUMNS + 1, ticks);
    printf("  %s; heights are logarithmic\n\n", histogram->title);
    print_bars(&picture);
    print_axis(&picture, ticks, n_ticks);
    print_ticks(&picture, "score", ticks, n_ticks, false);
    print_ticks(&picture, "above", ticks, n_ticks, true);
    printf("\n");
    for (size_t mark = 0; mark < HISTOGRAM_MARKS; mark++) {
        char text[96];
        histogram_mark_text(histogram, mark, text, sizeof text);
        set_colour(&picture, (alertron_severity)(mark + 1));
        printf("  %c", "AMH"[mark]);
        set_colour(&picture, ALERTRON_SEVERITY_NONE);
        printf("  %s\n", text);
    }
}
