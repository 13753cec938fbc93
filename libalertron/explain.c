/* explain.c: which features isolated a row.
 *
 * A split that leaves the row with half of the samples tells one bit, as any split would; what it tells beyond that is
 * the feature's doing. So each node keeps how many samples it had: the logarithm, in a byte.
 */
#include "private.h"

/* --- sizes of nodes: log2 of the samples, in 255ths of the largest ----------------------------------------- */

/* Sample counts for which c is tabled: each up to 32, then 16 in each power of two, up to ALERTRON_SAMPLES_MAX. */
enum { COUNTS = 336, SIZES = 512 };

struct sizing {
    double c[COUNTS]; /* mean path length of an unsuccessful search among count_of(i + 1) samples */
    uint32_t n_c;     /* entries that were needed so far */
};

static uint32_t count_of(uint32_t index)
{
    return index < 32 ? index : (16 + index % 16) << (index / 16 - 1);
}

/* How many samples a leaf had whose c is given: the inverse of alertron__average_path_length. */
static uint32_t samples_of(struct sizing *sizing, double c)
{
    const double rounding = 1e-9;
    if (c <= rounding)
        return 1; /* as most are */
    while (sizing->n_c < COUNTS && (sizing->n_c == 0 || sizing->c[sizing->n_c - 1] <= c + rounding)) {
        sizing->c[sizing->n_c] = alertron__average_path_length(count_of(sizing->n_c + 1));
        sizing->n_c++;
    }
    return count_of(alertron__cuts_below(sizing->c, sizing->n_c, c + rounding));
}

/* log2(n) in 65,536ths, within 0.01: with n = 2^k (1 + f) it is k + f + 0.346 f (1 - f). */
static uint32_t log2_of(uint32_t n)
{
    const uint64_t one = 65536;
    uint32_t k = 0;
    while (n >> k > 1)
        k++;
    const uint64_t f = ((uint64_t)n << 16 >> k) - one;
    return (uint32_t)(k * one + f + (f * (one - f) >> 16) * 22676 / one);
}

static uint8_t size_of(uint32_t n, int32_t unit)
{
    const uint64_t largest = (uint64_t)unit;
    return (uint8_t)((log2_of(n) * (uint64_t)255 + largest / 2) / largest);
}

/* Samples of each of a tree's n nodes, from its leaves up. A leaf's term is its depth and c(samples). */
static void count_samples(struct sizing *sizing, const struct draft_node *drafts, uint32_t n, uint32_t *samples)
{
    samples[0] = 0; /* depths on the way down ... */
    for (uint32_t i = 0; i < n; i++)
        if (drafts[i].child)
            samples[drafts[i].child] = samples[drafts[i].child + 1] = samples[i] + 1;
    for (uint32_t i = n; i-- > 0;) { /* ... samples on the way up */
        const uint32_t child = drafts[i].child;
        const uint64_t sum =
            child ? (uint64_t)samples[child] + samples[child + 1] : samples_of(sizing, drafts[i].value - samples[i]);
        samples[i] = sum < ALERTRON_SAMPLES_MAX ? (uint32_t)sum : ALERTRON_SAMPLES_MAX;
    }
}

alertron_status alertron__forest_measure(struct forest *forest, alertron_error *error)
{
    const alertron_allocator *allocator = &forest->allocator;
    uint32_t *samples = alertron__new(allocator, forest->n_nodes, sizeof *samples), most = 1;
    forest->sizes = alertron__new(allocator, forest->n_nodes, sizeof *forest->sizes);
    if (!samples || !forest->sizes) {
        alertron__release(allocator, samples, forest->n_nodes, sizeof *samples);
        return alertron__error_memory(error);
    }
    struct sizing sizing = {.n_c = 0};
    for (uint32_t tree = 0; tree < forest->n_trees; tree++) {
        const uint32_t root = forest->roots[tree];
        count_samples(&sizing, forest->drafts + root, alertron__forest_tree_nodes(forest, tree), samples + root);
        most = samples[root] > most ? samples[root] : most;
    }
    forest->size_unit = most > 1 ? (int32_t)log2_of(most) : 1;
    uint8_t sizes[SIZES]; /* of the counts that nearly all nodes have */
    for (uint32_t n = 1; n < SIZES; n++)
        sizes[n] = size_of(n < most ? n : most, forest->size_unit);
    for (uint32_t at = 0; at < forest->n_nodes; at++)
        forest->sizes[at] = samples[at] < SIZES ? sizes[samples[at]] : size_of(samples[at], forest->size_unit);
    alertron__release(allocator, samples, forest->n_nodes, sizeof *samples);
    return ALERTRON_OK;
}

/* --- a row's paths ------------------------------------------------------------------------------------------ */

/* Trees that are walked side by side, and a bit in the unit of sizes. */
enum { PATHS = 8, BIT = 255 * 65536 };

/* Features that a byte numbers beside a bit. */
enum { BYTE_FEATURES = 128 };

/* What a feature's splits told on a path, by how much sizes fell, which sums to 255 at most; and SPLIT for each. */
enum { SPLIT = 1 << 16 };

struct tally {
    uint32_t of[BYTE_FEATURES][PATHS];
};

/* What the splits of a tally told beyond one bit each. */
static inline double excess_of(uint32_t tally, int32_t unit)
{
    return (double)(int32_t)(tally % SPLIT) * unit - (double)(int32_t)(tally / SPLIT) * BIT;
}

/* Walks n trees from `tree` on. `cuts` has for each cut twice its feature, and 1 more where the row is above it; and 0
 * for what leaves have in a cut's place. */
static inline void follow(const struct forest *forest, uint32_t tree, uint32_t n, const uint8_t *cuts,
                          struct tally *tally)
{
    uint32_t at[PATHS];
    for (uint32_t i = 0; i < n; i++)
        at[i] = forest->roots[tree + i];
    memset(tally->of, 0, forest->n_features * sizeof *tally->of);
    for (uint32_t level = 1; level < forest->depth; level++)
        for (uint32_t i = 0; i < n; i++) {
            const struct node node = forest->nodes[at[i]];
            const uint32_t cut = cuts[alertron__node_cut(node)], left = alertron__node_left(node);
            const uint32_t next = at[i] + left + (cut & 1);
            const uint32_t told = (uint32_t)(forest->sizes[at[i]] - forest->sizes[next]);
            tally->of[cut >> 1][i] += told + (left ? SPLIT : 0);
            at[i] = next;
        }
}

/* Adds each feature's excess, by the number of splits on its path. */
static inline void add_excess(const struct forest *forest, uint32_t n, const struct tally *tally, double *shares)
{
    uint32_t sums[PATHS] = {0};
    double weights[PATHS];
    for (uint32_t feature = 0; feature < forest->n_features; feature++)
        for (uint32_t i = 0; i < n; i++)
            sums[i] += tally->of[feature][i];
    for (uint32_t i = 0; i < n; i++)
        weights[i] = sums[i] >= SPLIT ? 1.0 / (sums[i] / SPLIT) : 0.0;
    for (uint32_t feature = 0; feature < forest->n_features; feature++)
        for (uint32_t i = 0; i < n; i++)
            shares[feature] += weights[i] * excess_of(tally->of[feature][i], forest->size_unit);
}

static inline void explain_trees(const struct forest *forest, uint32_t tree, uint32_t n, const uint8_t *cuts,
                                 double *shares)
{
    struct tally tally;
    follow(forest, tree, n, cuts, &tally);
    add_excess(forest, n, &tally, shares);
}

static void explain_ranked(const struct forest *forest, const double *row, double *shares)
{
    const alertron_rows rows = alertron_rows_of(row, 1, forest->n_features);
    uint16_t positions[POSITIONS_OF_ROW];
    uint8_t cuts[CUTS_MAX + TERMS_MAX];
    const struct block block = {.positions = positions, .stride = 1, .n = 1};
    for (uint32_t i = 0; i < forest->n_segments; i++) {
        const struct segment *segment = &forest->segments[i];
        alertron__find_positions(segment, &rows, 0, &block);
        for (uint32_t feature = 0, cut = 0; feature < forest->n_features; feature++) {
            for (; cut < positions[feature]; cut++)
                cuts[cut] = (uint8_t)(2 * feature + 1);
            for (; cut < segment->starts[feature + 1]; cut++)
                cuts[cut] = (uint8_t)(2 * feature);
        }
        memset(cuts + segment->n_cuts, 0, segment->n_terms * sizeof *cuts);
        for (uint32_t tree = segment->first_tree; tree < segment->end_tree; tree += PATHS) {
            const uint32_t rest = segment->end_tree - tree, n = rest < PATHS ? rest : PATHS;
            if (n == PATHS)
                explain_trees(forest, tree, PATHS, cuts, shares);
            else
                explain_trees(forest, tree, n, cuts, shares);
        }
    }
}

/* The same for rows with missing values, for forests that are not ranked, and for many features. */
static void explain_slowly(const struct forest *forest, const double *row, double *shares)
{
    uint32_t features[ALERTRON_DEPTH_MAX], tallies[ALERTRON_DEPTH_MAX];
    for (uint32_t tree = 0; tree < forest->n_trees; tree++) {
        const uint8_t *sizes = forest->sizes + forest->roots[tree];
        uint32_t at = 0, splits = 0;
        for (struct tree_node node; (node = alertron__forest_node(forest, tree, at)).left >= 0; splits++) {
            const uint32_t next = alertron__forest_step(&node, row[node.feature]);
            features[splits] = (uint32_t)node.feature;
            tallies[splits] = SPLIT + (uint32_t)(sizes[at] - sizes[next]);
            at = next;
        }
        for (uint32_t i = 0; i < splits; i++)
            shares[features[i]] += excess_of(tallies[i], forest->size_unit) / splits;
    }
}

/* What is not above 0 becomes 0, and the sum 1. */
static void normalize(double *shares, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        shares[i] = shares[i] > 0 ? shares[i] : 0.0;
        sum += shares[i];
    }
    for (uint32_t i = 0; i < n; i++)
        shares[i] = sum > 0 ? shares[i] / sum : 1.0 / n;
}

void alertron__explain(const struct forest *forest, const double *row, double *shares)
{
    bool missing = false;
    for (uint32_t i = 0; i < forest->n_features; i++) {
        missing |= row[i] != row[i];
        shares[i] = 0;
    }
    if (missing && !forest->missing_values) {
        for (uint32_t i = 0; i < forest->n_features; i++)
            shares[i] = alertron__double_of_bits(0x7ff8000000000000u);
        return;
    }
    if (missing || !forest->kernel || forest->n_features > BYTE_FEATURES)
        explain_slowly(forest, row, shares);
    else
        explain_ranked(forest, row, shares);
    normalize(shares, forest->n_features);
}
