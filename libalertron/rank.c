/* rank.c: thresholds as ranks.
 *
 * Whether x <= threshold depends only on how many of the forest's thresholds for that feature lie below x. So
 * thresholds are sorted once, a row's numbers become positions among them once, and a node is two small integers.
 * Trees side by side share their cuts as long as 15 bits number them: a segment.
 */
#include "private.h"

enum { TERM_SLOTS = 2 * TERMS_MAX };

/* The terms of a segment that is being gathered, and a hash table of their codes, 0 where there is none, else 1 more.
 */
struct terms {
    double values[TERMS_MAX];
    uint16_t slots[TERM_SLOTS];
    uint32_t n;
};

/* A threshold that is to be sorted, and the node it came from. */
struct cut {
    uint64_t key; /* in the numbers' order */
    uint32_t at;
    uint16_t feature;
    uint16_t missing_left;
};

/* --- terms ------------------------------------------------------------------------------------------ */

/* The code of a term, which is new where it is not known; TERMS_MAX where there is no room. */
static uint32_t term_code(struct terms *terms, double term)
{
    const uint64_t bits = alertron__bits_of_double(term);
    uint32_t slot = (uint32_t)(bits * 0x9e3779b97f4a7c15u >> 40) % TERM_SLOTS;
    while (terms->slots[slot]) {
        const uint32_t code = terms->slots[slot] - 1u;
        if (alertron__bits_of_double(terms->values[code]) == bits)
            return code;
        slot = (slot + 1) % TERM_SLOTS;
    }
    if (terms->n == TERMS_MAX)
        return TERMS_MAX;
    terms->values[terms->n] = term;
    terms->slots[slot] = (uint16_t)++terms->n;
    return terms->n - 1;
}

/* --- which trees stand together ------------------------------------------------------------------------- */

/* Turns a tree's drafts into nodes but for the numbers of its cuts. False where there is no room for its terms. */
static bool place_tree(struct forest *forest, uint32_t tree, struct terms *terms)
{
    const uint32_t root = forest->roots[tree], n = alertron__forest_tree_nodes(forest, tree);
    const struct draft_node *drafts = forest->drafts + root;
    struct node *nodes = forest->nodes + root;
    for (uint32_t i = 0; i < n; i++)
        nodes[i] = alertron__node(0, drafts[i].child ? drafts[i].child - i : 0);
    for (uint32_t i = 0; i < n; i++) {
        if (drafts[i].child)
            continue;
        const uint32_t code = term_code(terms, drafts[i].value);
        if (code == TERMS_MAX)
            return false;
        nodes[i] = alertron__node(code, 0);
    }
    return true;
}

/* Makes room for a segment more. */
static bool grow_segments(struct forest *forest)
{
    if (forest->n_segments < forest->segments_max)
        return true;
    const uint32_t more = forest->segments_max ? 2 * forest->segments_max : 1;
    struct segment *segments = alertron__new(&forest->allocator, more, sizeof *segments);
    if (!segments)
        return false;
    if (forest->segments)
        memcpy(segments, forest->segments, forest->n_segments * sizeof *segments);
    alertron__release(&forest->allocator, forest->segments, forest->segments_max, sizeof *segments);
    forest->segments = segments;
    forest->segments_max = more;
    return true;
}

/* Adds the segment that begins with tree `first`: as many trees as there is room for, and their terms. None where that
 * tree is too large for a segment. */
static alertron_status add_segment(struct forest *forest, uint32_t first, alertron_error *error)
{
    struct terms terms = {.n = 0};
    uint32_t n_terms = 0, splits = 0, tree = first;
    for (; tree < forest->n_trees; tree++) {
        splits += alertron__forest_tree_nodes(forest, tree) / 2;
        if (splits > CUTS_MAX || !place_tree(forest, tree, &terms))
            break;
        n_terms = terms.n;
    }
    if (!grow_segments(forest))
        return alertron__error_memory(error);
    struct segment *segment = &forest->segments[forest->n_segments++];
    *segment = (struct segment){.first_tree = first, .end_tree = tree, .n_terms = n_terms};
    segment->terms = alertron__new(&forest->allocator, n_terms, sizeof *segment->terms);
    if (!segment->terms)
        return alertron__error_memory(error);
    memcpy(segment->terms, terms.values, n_terms * sizeof *segment->terms);
    return ALERTRON_OK;
}

/* --- sorting ------------------------------------------------------------------------------------------ */

/* Room to sort the cuts of one segment. */
struct sorting {
    struct cut *cuts, *spare;
    uint32_t n;
};

enum { DIGITS = 10 }; /* bytes of a key, and of a feature */

static uint32_t digit_of(const struct cut *cut, int digit)
{
    return (uint32_t)((digit < 8 ? cut->key >> 8 * digit : (uint64_t)cut->feature >> 8 * (digit - 8)) & 255);
}

/* By feature, then key: a radix sort, byte by byte from the lowest. A byte that all share is left out. */
static void sort_cuts(struct sorting *sorting)
{
    uint16_t counts[DIGITS][256] = {0}; /* a segment has fewer cuts than 2^16 */
    for (uint32_t i = 0; i < sorting->n; i++)
        for (int digit = 0; digit < DIGITS; digit++)
            counts[digit][digit_of(&sorting->cuts[i], digit)]++;
    for (int digit = 0; digit < DIGITS && sorting->n > 0; digit++) {
        if (counts[digit][digit_of(sorting->cuts, digit)] == sorting->n)
            continue;
        uint32_t places[256], place = 0;
        for (int value = 0; value < 256; value++) {
            places[value] = place;
            place += counts[digit][value];
        }
        for (uint32_t i = 0; i < sorting->n; i++)
            sorting->spare[places[digit_of(&sorting->cuts[i], digit)]++] = sorting->cuts[i];
        struct cut *const sorted = sorting->spare;
        sorting->spare = sorting->cuts;
        sorting->cuts = sorted;
    }
}

/* --- cuts of a segment ---------------------------------------------------------------------------------- */

static uint32_t end_node(const struct forest *forest, const struct segment *segment)
{
    return segment->end_tree < forest->n_trees ? forest->roots[segment->end_tree] : forest->n_nodes;
}

/* Those first at which NaN goes right: sorting keeps that order among equal ones. */
static void gather_cuts(const struct forest *forest, const struct segment *segment, struct sorting *sorting)
{
    const uint32_t end = end_node(forest, segment);
    sorting->n = 0;
    for (uint16_t missing_left = 0; missing_left <= forest->missing_values; missing_left++)
        for (uint32_t at = forest->roots[segment->first_tree]; at < end; at++) {
            /* One that does not count is written too, and over it the next: no branch to be mispredicted. */
            const struct draft_node *draft = &forest->drafts[at];
            const bool counts = (draft->child != 0) & ((forest->missing_values & draft->missing_left) == missing_left);
            sorting->cuts[sorting->n] =
                (struct cut){alertron__rank_of_double(draft->value), at, draft->feature, missing_left};
            sorting->n += counts;
        }
}

/* Thresholds that are equal are two cuts where NaN goes left at one and right at the other. */
static bool is_same_cut(const struct cut *a, const struct cut *b)
{
    return a->key == b->key && a->feature == b->feature && a->missing_left == b->missing_left;
}

/* Numbers the sorted cuts, equal ones alike, and tells each node its number. */
static void number_cuts(struct forest *forest, struct segment *segment, const struct sorting *sorting)
{
    const struct cut *cuts = sorting->cuts;
    uint32_t number = 0, feature = 0;
    for (uint32_t i = 0; i < sorting->n; i++) {
        if (i > 0 && !is_same_cut(&cuts[i - 1], &cuts[i]))
            number++;
        for (; feature < cuts[i].feature; feature++)
            segment->starts[feature + 1] = (uint16_t)number;
        segment->cuts[number] = alertron__double_of_rank(cuts[i].key);
        if (segment->missing_right)
            segment->missing_right[number] = !cuts[i].missing_left;
        forest->nodes[cuts[i].at].word |= number;
    }
    for (; feature < forest->n_features; feature++)
        segment->starts[feature + 1] = (uint16_t)segment->n_cuts;
    const uint32_t end = end_node(forest, segment);
    for (uint32_t at = forest->roots[segment->first_tree]; at < end; at++)
        forest->nodes[at].word += alertron__node_left(forest->nodes[at]) ? 0 : segment->n_cuts;
}

static alertron_status add_cuts(struct forest *forest, struct segment *segment, struct sorting *sorting,
                                alertron_error *error)
{
    gather_cuts(forest, segment, sorting);
    sort_cuts(sorting);
    for (uint32_t i = 0; i < sorting->n; i++)
        segment->n_cuts += i == 0 || !is_same_cut(&sorting->cuts[i - 1], &sorting->cuts[i]);
    segment->cuts = alertron__new(&forest->allocator, segment->n_cuts, sizeof *segment->cuts);
    segment->starts = alertron__new(&forest->allocator, forest->n_features + 1, sizeof *segment->starts);
    if (forest->missing_values)
        segment->missing_right = alertron__new(&forest->allocator, segment->n_cuts, 1);
    if (!segment->cuts || !segment->starts || (forest->missing_values && !segment->missing_right))
        return alertron__error_memory(error);
    number_cuts(forest, segment, sorting);
    return ALERTRON_OK;
}

uint32_t alertron__cut_feature(const struct forest *forest, const struct segment *segment, uint32_t cut)
{
    uint32_t feature = 0;
    for (uint32_t n = forest->n_features; n > 1; n -= n / 2)
        feature += segment->starts[feature + n / 2] <= cut ? n / 2 : 0;
    return feature;
}

/* --- the forest ----------------------------------------------------------------------------------------- */

void alertron__segments_free(struct forest *forest)
{
    const alertron_allocator *allocator = &forest->allocator;
    for (uint32_t i = 0; i < forest->n_segments; i++) {
        struct segment *segment = &forest->segments[i];
        alertron__release(allocator, segment->missing_right, segment->n_cuts, 1);
        alertron__release(allocator, segment->cuts, segment->n_cuts, sizeof *segment->cuts);
        alertron__release(allocator, segment->starts, forest->n_features + 1, sizeof *segment->starts);
        alertron__release(allocator, segment->terms, segment->n_terms, sizeof *segment->terms);
    }
    alertron__release(allocator, forest->segments, forest->segments_max, sizeof *forest->segments);
    alertron__release(allocator, forest->nodes, forest->n_nodes, sizeof *forest->nodes);
    forest->segments = NULL;
    forest->nodes = NULL;
    forest->n_segments = forest->segments_max = 0;
}

size_t alertron__segments_bytes(const struct forest *forest)
{
    size_t bytes = forest->nodes ? forest->n_nodes * sizeof *forest->nodes : 0;
    for (uint32_t i = 0; i < forest->n_segments; i++) {
        const struct segment *segment = &forest->segments[i];
        bytes += sizeof *segment + segment->n_cuts * sizeof *segment->cuts + segment->n_terms * sizeof *segment->terms +
                 (forest->n_features + 1) * sizeof *segment->starts + (segment->missing_right ? segment->n_cuts : 0);
    }
    return bytes;
}

/* All segments without their cuts. None where a tree is too large for one, and where there would be so many that rows
 * are better off without: in each of them a row's every feature is looked at. */
static alertron_status add_segments(struct forest *forest, alertron_error *error)
{
    for (uint32_t first = 0; first < forest->n_trees;) {
        alertron_status status = add_segment(forest, first, error);
        if (status != ALERTRON_OK)
            return status;
        const uint32_t end = forest->segments[forest->n_segments - 1].end_tree;
        if (end == first || (forest->n_segments - 1) * (uint64_t)forest->n_features > forest->n_nodes) {
            alertron__segments_free(forest);
            return ALERTRON_OK;
        }
        first = end;
    }
    return ALERTRON_OK;
}

static alertron_status rank_segments(struct forest *forest, alertron_error *error)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < forest->n_segments; i++) {
        const struct segment *segment = &forest->segments[i];
        const uint32_t n = end_node(forest, segment) - forest->roots[segment->first_tree];
        most = n / 2 + 1 > most ? n / 2 + 1 : most;
    }
    struct cut *const room = alertron__new(&forest->allocator, most, 2 * sizeof *room);
    struct sorting sorting = {.cuts = room, .spare = room ? room + most : NULL};
    alertron_status status = room ? ALERTRON_OK : alertron__error_memory(error);
    for (uint32_t i = 0; status == ALERTRON_OK && i < forest->n_segments; i++)
        status = add_cuts(forest, &forest->segments[i], &sorting, error);
    alertron__release(&forest->allocator, room, most, 2 * sizeof *room);
    return status;
}

alertron_status alertron__forest_rank(struct forest *forest, alertron_error *error)
{
    const alertron_allocator *allocator = &forest->allocator;
    forest->nodes = alertron__new(allocator, forest->n_nodes, sizeof *forest->nodes);
    if (!forest->nodes)
        return alertron__error_memory(error);
    alertron_status status = add_segments(forest, error);
    if (status != ALERTRON_OK || !forest->nodes)
        return status;
    status = rank_segments(forest, error);
    if (status == ALERTRON_OK) {
        alertron__release(allocator, forest->drafts, forest->nodes_max, sizeof *forest->drafts);
        forest->drafts = NULL;
    }
    return status;
}
