/* histogram.c: how scores lie, with the threshold and the cuts above them. */
#include "histogram.h"

#include <math.h>
#include <stdio.h>

static const char *const mark_words[HISTOGRAM_MARKS] = {"anomaly above", "medium from", "high from"};

double histogram_score(size_t bin)
{
    return (double)bin / ALERTRON_SCORE_BINS;
}

double histogram_mark(const struct histogram *histogram, size_t mark)
{
    const double scores[HISTOGRAM_MARKS] = {histogram->cuts.threshold, histogram->cuts.medium, histogram->cuts.high};
    return scores[mark];
}

bool histogram_shows(const struct histogram *histogram, size_t mark)
{
    const double score = histogram_mark(histogram, mark);
    return score > 0 && score < 1;
}

double histogram_share_above(const struct histogram *histogram, double score)
{
    if (!(score > 0))
        return 1;
    if (!(score < 1) || histogram->rows == 0)
        return 0;
    const size_t bin = alertron_score_bin(score);
    double rows = histogram->counts[bin] * ((double)(bin + 1) - score * ALERTRON_SCORE_BINS);
    for (size_t i = bin + 1; i < ALERTRON_SCORE_BINS; i++)
        rows += histogram->counts[i];
    return rows / histogram->rows;
}

/* From the first to the last bin that has rows or a mark, and one more at each end. */
static void find_range(struct histogram *histogram)
{
    size_t first = ALERTRON_SCORE_BINS, last = 0;
    for (size_t bin = 0; bin < ALERTRON_SCORE_BINS; bin++)
        if (histogram->counts[bin] > 0) {
            first = bin < first ? bin : first;
            last = bin;
        }
    for (size_t mark = 0; mark < HISTOGRAM_MARKS; mark++)
        if (histogram_shows(histogram, mark)) {
            const size_t bin = alertron_score_bin(histogram_mark(histogram, mark));
            first = bin < first ? bin : first;
            last = bin > last ? bin : last;
        }
    histogram->first = first > 0 && first < ALERTRON_SCORE_BINS ? first - 1 : 0;
    histogram->last = last + 1 < ALERTRON_SCORE_BINS ? last + 1 : last;
}

/* Whether so many of these rows can have scores above the threshold: cuts may be those of other rows. */
static bool may_be_above(const struct histogram *histogram, uint64_t n)
{
    const size_t threshold = alertron_score_bin(histogram->cuts.threshold);
    double above = 0;
    for (size_t bin = threshold + 1; bin < ALERTRON_SCORE_BINS; bin++)
        above += histogram->counts[bin];
    return (double)n >= above && (double)n <= above + histogram->counts[threshold];
}

struct histogram histogram_of(const char *title, const uint64_t *counts, const alertron_cuts *cuts,
                              const size_t *by_severity)
{
    struct histogram histogram = {.title = title, .cuts = *cuts};
    for (size_t bin = 0; bin < ALERTRON_SCORE_BINS; bin++) {
        histogram.counts[bin] = (double)counts[bin];
        histogram.rows += histogram.counts[bin];
    }
    for (size_t mark = 0; mark < HISTOGRAM_MARKS; mark++)
        histogram.above[mark] = histogram_share_above(&histogram, histogram_mark(&histogram, mark)) * histogram.rows;
    if (!by_severity && cuts->origin == ALERTRON_CUTS_TRAINING && may_be_above(&histogram, cuts->n_scores)) {
        histogram.above[0] = (double)cuts->n_scores;
        histogram.exact[0] = true;
    }
    double above = 0;
    for (size_t mark = HISTOGRAM_MARKS; by_severity && mark-- > 0;) {
        above += (double)by_severity[mark + 1];
        histogram.above[mark] = above;
        histogram.exact[mark] = true;
    }
    find_range(&histogram);
    return histogram;
}

void histogram_share_text(double share, char *out, size_t size)
{
    const double percent = 100 * share;
    if (percent > 0 && percent < 0.01)
        snprintf(out, size, "<0.01%%");
    else if (percent < 1 || percent >= 10)
        snprintf(out, size, percent < 1 ? "%.2g%%" : percent > 99.5 && percent < 100 ? ">99%%" : "%.0f%%", percent);
    else
        snprintf(out, size, "%.1f%%", percent);
}

void histogram_mark_text(const struct histogram *histogram, size_t mark, char *out, size_t size)
{
    char share[16];
    const double above = histogram->above[mark];
    histogram_share_text(histogram->rows > 0 ? above / histogram->rows : 0, share, sizeof share);
    snprintf(out, size, "%s %.4f: %s%.0f row%s, %s", mark_words[mark], histogram_mark(histogram, mark),
             histogram->exact[mark] ? "" : "about ", above, above > 0.5 && above < 1.5 ? "" : "s", share);
}

double histogram_height(double rows, double most)
{
    return most > 0 ? log1p(rows) / log1p(most) : 0;
}

alertron_severity histogram_band(const struct histogram *histogram, double from, double to)
{
    return alertron_cuts_severity(&histogram->cuts, (from + to) / 2);
}

size_t histogram_ticks(const struct histogram *histogram, size_t most, double ticks[HISTOGRAM_TICKS_MAX])
{
    static const int steps[] = {1, 2, 5, 10, 20, 50}; /* hundredths */
    const double from = histogram_score(histogram->first), to = histogram_score(histogram->last + 1);
    size_t n = 0;
    for (size_t step = 0; step < sizeof steps / sizeof *steps; step++) {
        n = 0;
        for (int at = 0; at <= 100; at += steps[step])
            if (at / 100.0 >= from && at / 100.0 <= to && n++ < HISTOGRAM_TICKS_MAX)
                ticks[n - 1] = at / 100.0;
        if (n <= most && n <= HISTOGRAM_TICKS_MAX)
            return n;
    }
    return n < most ? n : most;
}
