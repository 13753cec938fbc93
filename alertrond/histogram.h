/* histogram.h: how scores lie, with the threshold and the cuts above them: what is drawn by histogram_text.c and
 * histogram_svg.c.
 *
 * Heights are logarithmic, so that a few anomalies are seen beside many normal rows.
 */
#ifndef ALERTROND_HISTOGRAM_H
#define ALERTROND_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <alertron.h>

#define HISTOGRAM_MARKS 3u /* the threshold, medium, high: by severity - 1 */
#define HISTOGRAM_TICKS_MAX 32u

struct histogram {
    const char *title;
    double counts[ALERTRON_SCORE_BINS];
    double rows; /* the sum of counts */
    alertron_cuts cuts;
    double above[HISTOGRAM_MARKS]; /* rows at or above each mark */
    bool exact[HISTOGRAM_MARKS];   /* otherwise it is taken from the bins */
    size_t first, last;            /* bins worth showing, both included; the marks are among them */
};

/* by_severity: rows in each band, or NULL where only the bins are known; then an origin `training` of the cuts tells
 * how many training rows are anomalies. `title` stays the caller's. */
struct histogram histogram_of(const char *title, const uint64_t *counts, const alertron_cuts *cuts,
                              const size_t *by_severity);

/* The score of a mark, and whether the picture has it: a threshold may lie beyond all scores. */
double histogram_mark(const struct histogram *histogram, size_t mark);
bool histogram_shows(const struct histogram *histogram, size_t mark);

/* "anomaly above 0.6126: 200 rows, 1%" */
void histogram_mark_text(const struct histogram *histogram, size_t mark, char *out, size_t size);

/* Share of the rows with a score of at least this; within a bin they count as evenly spread. */
double histogram_share_above(const struct histogram *histogram, double score);

/* A share as people read it: "1.6%". */
void histogram_share_text(double share, char *out, size_t size);

/* 0 for none, 1 for most rows. */
double histogram_height(double rows, double most);

/* The band that most of a range of scores is in. */
alertron_severity histogram_band(const struct histogram *histogram, double from, double to);

/* Round scores to be told along the axis, at most so many (1 to HISTOGRAM_TICKS_MAX); returns how many. */
size_t histogram_ticks(const struct histogram *histogram, size_t most, double ticks[HISTOGRAM_TICKS_MAX]);

/* The lowest score of a bin. */
double histogram_score(size_t bin);

/* For a terminal of `width` columns: blocks of Unicode or plain ASCII, with colours or without. */
void histogram_print(const struct histogram *histogram, size_t width, bool unicode, bool colour);

/* An SVG that stands alone, for light and dark pages: to a file, whole or not at all, or to standard output for "-". */
bool histogram_write_svg(const struct histogram *histogram, const char *path, char *why, size_t why_size);

#endif
