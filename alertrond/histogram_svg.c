/* histogram_svg.c: a histogram as an SVG that stands alone: no script, nothing from elsewhere, its colours those of the
 * reader's scheme. Each bar tells its rows where a pointer rests on it.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "histogram.h"
#include "output.h"
#include "utf8.h"

/* Of the picture, and the rectangle in it that the bars stand in. */
enum { WIDTH = 760, HEIGHT = 376, LEFT = 66, RIGHT = 736, TOP = 92, BOTTOM = 300 };
enum { LABEL_WIDTH = 250, LABEL_HEIGHT = 16, TICK_WIDTH = 60, TITLE_CHARACTERS = 76, TEXT_BYTES = 1024 };

struct svg {
    const struct histogram *histogram;
    struct output *output;
};

static const char *const classes[] = {"normal", "low", "medium", "high"};

static const char head[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" "
    "aria-labelledby=\"title\">\n"
    "<style>\n"
    ".page{fill:#fff}.text{fill:#1f2328}.quiet{fill:#59636e}.line{stroke:#d1d9e0}.axis{stroke:#59636e}\n"
    ".normal{fill:#4c78a8}.low{fill:#d9a400}.medium{fill:#e0701d}.high{fill:#c9252d}\n"
    ".mark{stroke-width:1.5;stroke-dasharray:4 3}.mark.low{stroke:#d9a400}.mark.medium{stroke:#e0701d}"
    ".mark.high{stroke:#c9252d}\n"
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}.heading{font-size:15px;"
    "font-weight:600}.label{stroke:#fff;stroke-width:6;paint-order:stroke;stroke-linejoin:round}\n"
    "@media (prefers-color-scheme:dark){.page{fill:#0d1117}.text{fill:#f0f6fc}.quiet{fill:#9198a1}"
    ".label{stroke:#0d1117}.line{stroke:#30363d}.axis{stroke:#9198a1}.normal{fill:#6ea8dc}.low{fill:#e3b341}.medium{"
    "fill:#f0883e}"
    ".high{fill:#ff6b63}.mark.low{stroke:#e3b341}.mark.medium{stroke:#f0883e}.mark.high{stroke:#ff6b63}}\n"
    "</style>\n"
    "<rect class=\"page\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n";

__attribute__((format(printf, 2, 3))) static void put(const struct svg *svg, const char *format, ...)
{
    char text[2 * TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    output_text(svg->output, text);
}

/* A text from anywhere. */
static void put_text(const struct svg *svg, const char *text)
{
    char character[UTF8_XML_BYTES];
    while (*text) {
        text += utf8_xml(text, character);
        output_text(svg->output, character);
    }
}

static double x_of(const struct svg *svg, double score)
{
    const double from = histogram_score(svg->histogram->first), to = histogram_score(svg->histogram->last + 1);
    return LEFT + (score - from) / (to - from) * (RIGHT - LEFT);
}

static double most_rows(const struct histogram *histogram)
{
    double most = 0;
    for (size_t bin = 0; bin < ALERTRON_SCORE_BINS; bin++)
        most = fmax(most, histogram->counts[bin]);
    return most;
}

static void put_heights(const struct svg *svg, double most)
{
    for (double rows = 1; rows <= most; rows *= 10) {
        const double y = BOTTOM - histogram_height(rows, most) * (BOTTOM - TOP);
        put(svg, "<line class=\"line\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, RIGHT, y, y);
        put(svg,
            rows < 1e6 ? "<text class=\"quiet\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>\n"
                       : "<text class=\"quiet\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0e</text>\n",
            LEFT - 8, y + 4, rows);
    }
    put(svg,
        "<text class=\"quiet\" transform=\"translate(16 %d) rotate(-90)\" text-anchor=\"middle\">rows, "
        "logarithmic</text>\n",
        (TOP + BOTTOM) / 2);
}

static void put_bars(const struct svg *svg, double most)
{
    const double width = x_of(svg, histogram_score(1)) - x_of(svg, 0), gap = width > 4 ? 1 : 0;
    for (size_t bin = svg->histogram->first; bin <= svg->histogram->last; bin++) {
        const double rows = svg->histogram->counts[bin], from = histogram_score(bin), to = histogram_score(bin + 1);
        const double height = histogram_height(rows, most) * (BOTTOM - TOP);
        if (rows > 0)
            put(svg,
                "<rect class=\"%s\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\"><title>%.4f to %.4f: %.0f "
                "row%s</title></rect>\n",
                classes[histogram_band(svg->histogram, from, to)], x_of(svg, from), BOTTOM - height, width - gap,
                height, from, to, rows, rows == 1 ? "" : "s");
    }
}

static void put_axis(const struct svg *svg)
{
    double ticks[HISTOGRAM_TICKS_MAX];
    const size_t n = histogram_ticks(svg->histogram, (RIGHT - LEFT) / TICK_WIDTH, ticks);
    put(svg, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT, RIGHT, BOTTOM, BOTTOM);
    for (size_t i = 0; i < n; i++) {
        const double x = x_of(svg, ticks[i]);
        char share[16];
        histogram_share_text(histogram_share_above(svg->histogram, ticks[i]), share, sizeof share);
        put(svg, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x, x, BOTTOM, BOTTOM + 5);
        put(svg, "<text class=\"text\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.2f</text>", x, BOTTOM + 20,
            ticks[i]);
        put(svg, "<text class=\"quiet\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x, BOTTOM + 37);
        put_text(svg, share);
        put(svg, "</text>\n");
    }
    put(svg,
        "<text class=\"quiet\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">anomaly score, and the share of the rows "
        "above it</text>\n",
        (LEFT + RIGHT) / 2, BOTTOM + 58);
}

static int label_y(int level)
{
    return TOP - 6 - level * LABEL_HEIGHT;
}

static void put_label(const struct svg *svg, size_t mark, bool left, int level)
{
    char text[96];
    const double x = x_of(svg, histogram_mark(svg->histogram, mark));
    histogram_mark_text(svg->histogram, mark, text, sizeof text);
    put(svg, "<text class=\"text label\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">", left ? x - 6 : x + 6, label_y(level),
        left ? "end" : "start");
    put_text(svg, text);
    put(svg, "</text>\n");
}

/* Lines at the threshold and the cuts, each with its text on a level of its own. To the left of the lines the leftmost
 * has the lowest, to the right the highest: so none crosses a text, where all are on one side; elsewhere texts lie
 * above lines. */
static void put_marks(const struct svg *svg)
{
    const bool all_left = x_of(svg, histogram_mark(svg->histogram, 0)) >= LABEL_WIDTH;
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t mark = 0; mark < HISTOGRAM_MARKS; mark++) {
            const double x = x_of(svg, histogram_mark(svg->histogram, mark));
            const int level = all_left ? (int)mark : (int)(HISTOGRAM_MARKS - 1 - mark);
            if (!histogram_shows(svg->histogram, mark))
                continue;
            if (pass == 0)
                put(svg, "<line class=\"mark %s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", classes[mark + 1],
                    x, x, label_y(level) - 10, BOTTOM);
            else
                put_label(svg, mark, all_left || x + LABEL_WIDTH > WIDTH, level);
        }
}

/* A title that would be wider than the picture is drawn closer. */
static void put_title(const struct svg *svg)
{
    const char *title = svg->histogram->title;
    put(svg, "<text class=\"text heading\" x=\"24\" y=\"30\"");
    if (strlen(title) > TITLE_CHARACTERS)
        put(svg, " textLength=\"%d\" lengthAdjust=\"spacingAndGlyphs\"", WIDTH - 48);
    put(svg, ">");
    put_text(svg, title);
    put(svg, "</text>\n");
}

static void put_picture(const struct svg *svg)
{
    const double most = most_rows(svg->histogram);
    put(svg, head, WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
    put(svg, "<title id=\"title\">");
    put_text(svg, svg->histogram->title);
    put(svg, "</title>\n");
    put_title(svg);
    put_heights(svg, most);
    put_bars(svg, most);
    put_marks(svg);
    put_axis(svg);
    put(svg, "</svg>\n");
}

bool histogram_write_svg(const struct histogram *histogram, const char *path, char *why, size_t why_size)
{
    const struct svg svg = {.histogram = histogram, .output = output_open(path, why, why_size)};
    if (!svg.output)
        return false;
    put_picture(&svg);
    return output_finish(svg.output, why, why_size);
}
