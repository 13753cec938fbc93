/* grow.c: growing the trees of an Isolation Forest (Liu, Ting and Zhou, 2008).
 *
 * A tree splits its sample at a random feature that is not constant there, at a random place between its least
 * and greatest value, until rows are alone, equal, or as deep as a balanced tree would be. Each tree draws from
 * a random sequence of its own, so the forest depends on the seed and the rows alone, and its first trees are the same
 * however many follow.
 *
 * A missing number stands for one that nobody knows: in each node it is taken to be that of a donor, a row of the node
 * drawn at random among those that have one (a hot deck). So a row is not isolated by what it lacks, the node's missing
 * numbers stay together as one direction for NaN, and that direction is likely to be the one that most rows take.
 *
 * Rows are read where they lie: a node needs one feature of its rows, so copying them would cost more than it saves.
 */
#include "private.h"

#include <string.h>

/* A node while its forest grows: `value` is the threshold, or a leaf's term; the right child follows the left. */
struct grown_node {
    double value;
    uint32_t left; /* 0 for a leaf */
    uint16_t feature;
    bool missing_left;
};

/* A node whose rows are known and that is to be split or made a leaf. */
struct span {
    uint32_t node, first, n, depth;
    uint32_t n_features; /* those that are not known to be constant, the first in the tree's list */
};

/* c(n) is computed once for each n below this. */
enum { LENGTHS_MAX = 4096 };

struct grower {
    const struct growth *growth;
    struct random_state random;
    struct random_state donors; /* a sequence of its own: rows without NaN give the same trees, looked for or not */
    uint64_t *is_drawn;         /* a bit a row */
    uint32_t *members;          /* rows of the sample, a node's lie together */
    double *values;             /* one feature of a node's rows, in the order of members */
    uint32_t *features;         /* of the model, the tree's first */
    double *lengths;            /* c(n), 0 where it was not needed yet */
    uint32_t *tree_nodes;       /* how many, of each tree */
    struct grown_node *nodes;   /* of all trees so far */
    size_t n_nodes, capacity;
};

static size_t n_words(const struct growth *growth)
{
    return growth->rows->rows / 64 + 1;
}

static void close_grower(struct grower *grower)
{
    const struct growth *growth = grower->growth;
    const alertron_allocator *allocator = growth->allocator;
    alertron__release(allocator, grower->nodes, grower->capacity, sizeof *grower->nodes);
    alertron__release(allocator, grower->tree_nodes, growth->trees, sizeof *grower->tree_nodes);
    alertron__release(allocator, grower->lengths, LENGTHS_MAX, sizeof *grower->lengths);
    alertron__release(allocator, grower->features, growth->rows->width, sizeof *grower->features);
    alertron__release(allocator, grower->values, growth->samples, sizeof *grower->values);
    alertron__release(allocator, grower->members, growth->samples, sizeof *grower->members);
    alertron__release(allocator, grower->is_drawn, n_words(growth), sizeof *grower->is_drawn);
}

static bool open_grower(struct grower *grower, const struct growth *growth)
{
    const alertron_allocator *allocator = growth->allocator;
    *grower = (struct grower){
        .growth = growth,
        .is_drawn = alertron__new(allocator, n_words(growth), sizeof *grower->is_drawn),
        .members = alertron__new(allocator, growth->samples, sizeof *grower->members),
        .values = alertron__new(allocator, growth->samples, sizeof *grower->values),
        .features = alertron__new(allocator, growth->rows->width, sizeof *grower->features),
        .lengths = alertron__new(allocator, LENGTHS_MAX, sizeof *grower->lengths),
        .tree_nodes = alertron__new(allocator, growth->trees, sizeof *grower->tree_nodes),
        .capacity = 1024,
    };
    grower->nodes = alertron__new(allocator, grower->capacity, sizeof *grower->nodes);
    return grower->is_drawn && grower->members && grower->values && grower->features && grower->lengths &&
           grower->tree_nodes && grower->nodes;
}

/* --- the sample ------------------------------------------------------------------------------------ */

/* Without replacement (Floyd's method in Bentley, 1987): each set of rows is as likely as any other. */
static uint32_t draw_subsample(struct grower *grower)
{
    const uint32_t n_rows = (uint32_t)grower->growth->rows->rows, n = grower->growth->samples;
    uint64_t *is_drawn = grower->is_drawn;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t last = n_rows - n + i;
        uint32_t row = alertron__random_below(&grower->random, last + 1);
        if (is_drawn[row / 64] >> row % 64 & 1)
            row = last;
        is_drawn[row / 64] |= (uint64_t)1 << row % 64;
        grower->members[i] = row;
    }
    return n;
}

/* With replacement. A row that is drawn again is the same row: no split could part it from itself, and as two in a leaf
 * it would look like company. */
static uint32_t draw_bootstrap(struct grower *grower)
{
    const uint32_t n_rows = (uint32_t)grower->growth->rows->rows;
    uint64_t *is_drawn = grower->is_drawn;
    uint32_t n = 0;
    for (uint32_t i = 0; i < grower->growth->samples; i++) {
        const uint32_t row = alertron__random_below(&grower->random, n_rows);
        grower->members[n] = row;
        n += !(is_drawn[row / 64] >> row % 64 & 1);
        is_drawn[row / 64] |= (uint64_t)1 << row % 64;
    }
    return n;
}

/* The tree's rows; returns how many. What was drawn before is a bit a row. */
static uint32_t draw_sample(struct grower *grower)
{
    const uint32_t n = grower->growth->bootstrap ? draw_bootstrap(grower) : draw_subsample(grower);
    for (uint32_t i = 0; i < n; i++)
        grower->is_drawn[grower->members[i] / 64] = 0;
    return n;
}

static void swap_indices(uint32_t *a, uint32_t *b)
{
    uint32_t kept = *a;
    *a = *b;
    *b = kept;
}

static void draw_features(struct grower *grower)
{
    const uint32_t n_features = (uint32_t)grower->growth->rows->width, n = grower->growth->tree_features;
    for (uint32_t feature = 0; feature < n_features; feature++)
        grower->features[feature] = feature;
    if (n < n_features)
        for (uint32_t i = 0; i < n; i++)
            swap_indices(&grower->features[i],
                         &grower->features[i + alertron__random_below(&grower->random, n_features - i)]);
}

/* --- a node ------------------------------------------------------------------------------------------ */

/* One feature of the members. Adding zero turns -0.0 into 0.0: a threshold must not depend on which of the two came
 * first. */
static void read_feature(struct grower *grower, const uint32_t *members, uint32_t n, uint32_t feature)
{
    const alertron_rows *rows = grower->growth->rows;
    const unsigned char *column = (const unsigned char *)rows->data + (ptrdiff_t)feature * rows->column_stride;
    const ptrdiff_t stride = rows->row_stride;
    double *values = grower->values;
    if (rows->dtype == ALERTRON_FLOAT64)
        for (uint32_t i = 0; i < n; i++)
            values[i] = alertron__load_number(column + (ptrdiff_t)members[i] * stride, ALERTRON_FLOAT64) + 0.0;
    else
        for (uint32_t i = 0; i < n; i++)
            values[i] = alertron__load_number(column + (ptrdiff_t)members[i] * stride, ALERTRON_FLOAT32) + 0.0;
}

/* Puts the donor's number in place of NaN, and returns it; NaN where all are. Of n_present numbers the donor's is drawn
 * by its rank in the order of members, so each is as likely as any other. */
static double fill_missing(struct grower *grower, uint32_t n)
{
    double *values = grower->values, *end = values + n, *donor = values;
    uint32_t n_present = 0;
    for (uint32_t i = 0; i < n; i++)
        n_present += values[i] == values[i];
    if (n_present == 0)
        return values[0];
    uint32_t rank = alertron__random_below(&grower->donors, n_present);
    if (n_present == n)
        return values[rank];
    while (*donor != *donor || rank-- > 0)
        donor++;
    const double given = *donor;
    for (double *value = values; value < end; value++)
        *value = *value == *value ? *value : given;
    return given;
}

/* Two at a time, as each comparison must wait for the one before it. */
struct range alertron__range_of(const double *values, size_t n)
{
    struct range a = {values[0], values[0]}, b = a;
    for (size_t i = n & 1; i < n; i += 2) {
        const double x = values[i], y = values[i + 1];
        a.least = x < a.least ? x : a.least;
        a.greatest = x > a.greatest ? x : a.greatest;
        b.least = y < b.least ? y : b.least;
        b.greatest = y > b.greatest ? y : b.greatest;
    }
    return (struct range){b.least < a.least ? b.least : a.least, b.greatest > a.greatest ? b.greatest : a.greatest};
}

/* A random feature that is not constant among the members; false where all are. Features found constant move behind the
 * span's list. */
static bool draw_split(struct grower *grower, struct span *span, struct grown_node *node)
{
    while (span->n_features > 0) {
        const uint32_t pick = alertron__random_below(&grower->random, span->n_features);
        const uint32_t feature = grower->features[pick];
        read_feature(grower, grower->members + span->first, span->n, feature);
        const double given = grower->growth->missing_values ? fill_missing(grower, span->n) : 0.0;
        const struct range range = alertron__range_of(grower->values, span->n);
        if (!(range.least < range.greatest)) {
            swap_indices(&grower->features[pick], &grower->features[--span->n_features]);
            continue;
        }
        const double share = alertron__random_unit(&grower->random);
        double threshold = range.least * (1.0 - share) + range.greatest * share;
        if (!(threshold >= range.least && threshold < range.greatest))
            threshold = range.least;
        node->feature = (uint16_t)feature;
        node->value = threshold;
        node->missing_left = given <= threshold;
        return true;
    }
    return false;
}

/* Members that go left to the front; returns how many. Without a branch, as which way a row goes can't be predicted. */
static uint32_t part_members(uint32_t *members, const double *values, uint32_t n, double threshold)
{
    uint32_t n_left = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t member = members[i];
        members[i] = members[n_left];
        members[n_left] = member;
        n_left += values[i] <= threshold;
    }
    return n_left;
}

static double term_of_leaf(struct grower *grower, const struct span *span)
{
    double length;
    if (span->n < LENGTHS_MAX) {
        if (grower->lengths[span->n] == 0.0)
            grower->lengths[span->n] = alertron__average_path_length(span->n);
        length = grower->lengths[span->n];
    } else {
        length = alertron__average_path_length(span->n);
    }
    return (double)span->depth + length - 1.0;
}

/* --- trees ---------------------------------------------------------------------------------------------- */

static bool make_room(struct grower *grower)
{
    const alertron_allocator *allocator = grower->growth->allocator;
    struct grown_node *nodes = alertron__new(allocator, 2 * grower->capacity, sizeof *nodes);
    if (!nodes)
        return false;
    memcpy(nodes, grower->nodes, grower->n_nodes * sizeof *nodes);
    alertron__release(allocator, grower->nodes, grower->capacity, sizeof *nodes);
    grower->nodes = nodes;
    grower->capacity *= 2;
    return true;
}

/* Depth first, so no more spans wait than a path has nodes. There is room for two more nodes whenever a leaf is made,
 * and a tree ends with one: so there is room for the next root. */
static bool grow_tree(struct grower *grower, uint32_t tree, uint32_t n_members)
{
    const struct growth *growth = grower->growth;
    const size_t root = grower->n_nodes;
    struct span spans[ALERTRON_DEPTH_MAX];
    uint32_t n_spans = 1;
    spans[0] = (struct span){.n = n_members, .depth = 1, .n_features = growth->tree_features};
    grower->n_nodes++;
    while (n_spans > 0) {
        struct span span = spans[--n_spans];
        if (grower->n_nodes + 2 > grower->capacity && !make_room(grower))
            return false;
        struct grown_node *node = &grower->nodes[root + span.node];
        if (span.n < 2 || span.depth == growth->depth || !draw_split(grower, &span, node)) {
            *node = (struct grown_node){.value = term_of_leaf(grower, &span)};
            continue;
        }
        const uint32_t n_left = part_members(grower->members + span.first, grower->values, span.n, node->value);
        node->left = (uint32_t)(grower->n_nodes - root);
        grower->n_nodes += 2;
        spans[n_spans++] =
            (struct span){node->left + 1, span.first + n_left, span.n - n_left, span.depth + 1, span.n_features};
        spans[n_spans++] = (struct span){node->left, span.first, n_left, span.depth + 1, span.n_features};
    }
    grower->tree_nodes[tree] = (uint32_t)(grower->n_nodes - root);
    return true;
}

static uint32_t most_nodes(const struct grower *grower)
{
    uint32_t most = 0;
    for (uint32_t tree = 0; tree < grower->growth->trees; tree++)
        most = grower->tree_nodes[tree] > most ? grower->tree_nodes[tree] : most;
    return most;
}

static struct tree_node node_of(const struct grown_node *grown)
{
    if (grown->left == 0)
        return (struct tree_node){.left = -1, .right = -1, .term = grown->value};
    return (struct tree_node){.left = grown->left,
                              .right = (int64_t)grown->left + 1,
                              .feature = grown->feature,
                              .threshold = grown->value,
                              .missing_left = grown->missing_left};
}

/* A forest of exactly the nodes that were grown. */
static struct forest *forest_of(const struct grower *grower, alertron_error *error)
{
    const struct growth *growth = grower->growth;
    const uint32_t most = most_nodes(grower);
    struct tree_node *nodes = alertron__new(growth->allocator, most, sizeof *nodes);
    struct forest *forest = alertron__forest_new((uint32_t)growth->rows->width, growth->trees,
                                                 (uint32_t)grower->n_nodes, growth->allocator, error);
    alertron_status status = nodes && forest ? ALERTRON_OK : alertron__error_memory(error);
    const struct grown_node *grown = grower->nodes;
    if (forest)
        forest->missing_values = growth->missing_values;
    for (uint32_t tree = 0; status == ALERTRON_OK && tree < growth->trees; tree++) {
        const uint32_t n = grower->tree_nodes[tree];
        for (uint32_t i = 0; i < n; i++)
            nodes[i] = node_of(&grown[i]);
        status = alertron__forest_add_tree(forest, nodes, n, error);
        grown += n;
    }
    alertron__release(growth->allocator, nodes, most, sizeof *nodes);
    if (status == ALERTRON_OK)
        return forest;
    alertron__forest_free(forest);
    return NULL;
}

struct forest *alertron__grow(const struct growth *growth, alertron_error *error)
{
    struct grower grower;
    bool grown = open_grower(&grower, growth);
    for (uint32_t tree = 0; grown && tree < growth->trees; tree++) {
        grower.random = alertron__random_new(growth->seed, tree);
        grower.donors = alertron__random_new(growth->seed, (uint64_t)1 << 32 | tree);
        const uint32_t n_members = draw_sample(&grower);
        draw_features(&grower);
        grown = grow_tree(&grower, tree, n_members);
    }
    struct forest *forest = NULL;
    if (grown)
        forest = forest_of(&grower, error);
    else
        alertron__error_memory(error);
    close_grower(&grower);
    return forest;
}
