/* private.h: what the rooms of libalertron show each other. A section a file, in the order data flows. Rooms that few
 * others look into have headers of their own: check.h, sklearn.h, registry.h.
 *
 * Names shared between files begin with alertron__ (two underscores), so that a program that links the
 * static library meets no name of ours outside alertron_.
 */
#ifndef ALERTRON_PRIVATE_H
#define ALERTRON_PRIVATE_H

/* The same bits on every machine, whatever options the user compiles with. GCC would fuse a * b + c into one rounding
 * where the machine can, and x87 rounds twice. */
#include <float.h>
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0)
#error "libalertron needs IEEE arithmetic: compile it without -ffast-math, -Ofast and -ffinite-math-only"
#elif FLT_EVAL_METHOD == 2 || FLT_EVAL_METHOD < 0
#error "libalertron needs doubles that are rounded once: compile it with -msse2 -mfpmath=sse"
#elif defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#include "alertron.h"

#include <stdarg.h>
#include <string.h>

/* Formats are checked on systems where a uint32_t is an unsigned int, not an unsigned long of the same size. */
#if (defined(__GNUC__) || defined(__clang__)) && (defined(__unix__) || defined(__APPLE__))
#define ALERTRON_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define ALERTRON_PRINTF(text, first)
#endif

/* --- base.c: memory, errors, little-endian bytes ---------------------------------------------- */

/* The allocator to use: *allocator, or malloc and free where it is NULL. */
alertron_allocator alertron__allocator(const alertron_allocator *allocator);

/* Zeroed memory for count things of size bytes each. NULL where that overflows or there is none;
 * never NULL for a count of 0. Give it back with the same count and size. */
void *alertron__new(const alertron_allocator *allocator, size_t count, size_t size);
void alertron__release(const alertron_allocator *allocator, void *memory, size_t count, size_t size);

/* A copy of n bytes of text and a NUL; release it with count strlen + 1, size 1. */
char *alertron__copy_text(const alertron_allocator *allocator, const char *text, size_t n);

/* Fills *error, if error is not NULL, and returns status. */
alertron_status alertron__error(alertron_error *error, alertron_status status, uint64_t offset, const char *format, ...)
    ALERTRON_PRINTF(4, 5);

/* The same for memory that was not to be had. */
alertron_status alertron__error_memory(alertron_error *error);

static inline uint64_t alertron__load_le(const unsigned char *bytes, size_t n_bytes)
{
    uint64_t value = 0;
    for (size_t i = n_bytes; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static inline void alertron__store_le(unsigned char *bytes, size_t n_bytes, uint64_t value)
{
    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
}

static inline double alertron__double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t alertron__bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Doubles as integers in the same order: -Inf is lowest, +Inf highest, -0.0 just below 0.0. */
static inline uint64_t alertron__rank_of_double(double value)
{
    const uint64_t bits = alertron__bits_of_double(value), sign = (uint64_t)1 << 63;
    return bits & sign ? ~bits : bits | sign;
}

static inline double alertron__double_of_rank(uint64_t rank)
{
    const uint64_t sign = (uint64_t)1 << 63;
    return alertron__double_of_bits(rank & sign ? rank ^ sign : ~rank);
}

static inline double alertron__infinity(void)
{
    return alertron__double_of_bits(0x7ff0000000000000u);
}

/* The dtype's number at `at`, which need not be aligned, in the machine's own byte order. */
static inline double alertron__load_number(const unsigned char *at, alertron_dtype dtype)
{
    if (dtype == ALERTRON_FLOAT32) {
        float narrow;
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    }
    double value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* --- arena.c: memory for much that is small ------------------------------------------------------ */

/* Memory that is freed all at once; its blocks' bytes together stay below `limit`. */
struct arena {
    alertron_allocator allocator;
    struct arena_block *blocks;
    size_t held, limit;
    alertron_error *error;
};

/* Zeroed, aligned for pointers and doubles. NULL, and the arena's error is filled, where memory or the limit is
 * reached. */
void *alertron__arena_take(struct arena *arena, size_t count, size_t size);
void alertron__arena_free(struct arena *arena);

/* --- text.c: text by a format ----------------------------------------------------------------- */

/* As snprintf, for %s, %u, %d and %x (with ll or z, and zeros to a width: %02x), %.*s and %.40s. */
size_t alertron__text(char *out, size_t capacity, const char *format, ...) ALERTRON_PRINTF(3, 4);
size_t alertron__text_of(char *out, size_t capacity, const char *format, va_list list) ALERTRON_PRINTF(3, 0);

/* Bytes of the UTF-8 character that the NUL-terminated text begins with; 0 where there is none. */
size_t alertron__text_character(const char *text);

/* --- number.c: doubles as text, the same everywhere ------------------------------------------- */

#define ALERTRON_NUMBER_BYTES 32
/* The shortest decimal text that reads back as `value` ("0.1", "1e+21", "NaN", "+Inf", "-Inf"); no NUL.
 * Returns its length, at most ALERTRON_NUMBER_BYTES. */
size_t alertron__number_text(double value, char out[ALERTRON_NUMBER_BYTES]);

/* The same with an exponent from 1e+06 on, as Prometheus' client libraries write a bucket's bound. */
size_t alertron__number_bound(double value, char out[ALERTRON_NUMBER_BYTES]);

/* Reads n bytes that are a decimal number and nothing else, "-1.5e3" or ".5", times ten to the power, as the nearest
 * double; an infinity where that is out of range. False for anything else, and for more than 19 digits that count. */
bool alertron__number_read(const char *text, size_t n, int power, double *value);

/* An integer's digits, at most 20, no NUL. Returns how many. */
size_t alertron__integer_text(uint64_t value, char *out);

/* --- isolation.c: the formulas of the score --------------------------------------------------- */

/* c(n): mean path length of an unsuccessful search in a binary search tree of n keys (Liu, Ting and Zhou
 * 2008, eq. 1), computed as scikit-learn does. */
double alertron__average_path_length(uint64_t n);

/* 2 ** -(path_length / normalizer); 0.5 where normalizer is 0, as scikit-learn gives. NaN stays NaN. */
double alertron__score(double path_length, double normalizer);

/* --- severity.c -------------------------------------------------------------------------------- */

/* The quantile of n >= 1 values, with linear interpolation as numpy.quantile; values are reordered. */
double alertron__quantile(double *values, size_t n, double quantile);

alertron_status alertron__quantiles_check(double medium, double high, alertron_error *error);

/* --- forest.c: the trees in memory, checked --------------------------------------------------- */

/* A node as loaders and fit describe it, the root first. */
struct tree_node {
    int64_t left;      /* index of the child for x <= threshold, greater than the node's own; -1 for a leaf */
    int64_t right;     /* the other child; -1 for a leaf */
    int64_t feature;   /* column of the row; ignored for a leaf */
    double threshold;  /* in the caller's units, all scaling folded in: left where x <= threshold */
    double term;       /* of a leaf: (nodes on the path + c(rows)) - 1 */
    bool missing_left; /* NaN goes left */
};

/* A node of a tree while the forest is being made, and for good in a forest that is not ranked. */
struct draft_node {
    double value;   /* threshold; of a leaf: its term */
    uint32_t child; /* in the tree: left, right is child + 1; 0: a leaf */
    uint16_t feature;
    uint16_t missing_left;
};

/* A node of a ranked forest, in one word, which a walk loads at once. Siblings lie side by side. */
struct node {
    uint32_t word;
};

static inline struct node alertron__node(uint32_t cut, uint32_t left)
{
    return (struct node){.word = left << 16 | cut};
}

/* Its threshold's number among the segment's; of a leaf: n_cuts + the code of its term. */
static inline uint32_t alertron__node_cut(struct node node)
{
    return node.word & 0xffff;
}

/* Nodes from here to the left child, which the right one follows; 0: a leaf. */
static inline uint32_t alertron__node_left(struct node node)
{
    return node.word >> 16;
}

/* Numbers in a segment. Where memory is small, so are segments. */
#if UINTPTR_MAX > 0xffffffff
enum { CUTS_MAX = 0x7ffe, TERMS_MAX = 256 };
#else
enum { CUTS_MAX = 0x7fe, TERMS_MAX = 256 };
#endif

/* Trees side by side with the numbers that their nodes refer to. */
struct segment {
    uint32_t first_tree, end_tree;
    uint32_t n_cuts, n_terms;
    double *cuts; /* thresholds: feature after feature, rising; one of them twice where NaN goes both ways */
    unsigned char *missing_right; /* whether NaN is above the cut, a byte a cut; NULL where rows hold no NaN */
    uint16_t *starts;             /* of each feature among the cuts, and the end */
    double *terms;                /* by code */
};

struct forest {
    uint32_t n_features, n_trees, n_nodes, depth;
    uint32_t trees_max, nodes_max; /* what there is room for */
    bool missing_values;           /* rows may hold NaN */
    uint32_t *roots;               /* of each tree among the nodes */
    uint32_t *depths;              /* nodes on the longest path of each tree */
    struct draft_node *drafts;     /* NULL once the forest is ranked */
    struct node *nodes;            /* NULL where it is not ranked */
    uint8_t *sizes;                /* of each node: log2 of its samples, of which 255 are the largest */
    int32_t size_unit;             /* of one: this / 255 / 65536 bits */
    struct segment *segments;
    uint32_t n_segments, segments_max;
    struct lanes *lanes; /* NULL where the kernel does not use them */
    const struct kernel *kernel;
    alertron_allocator allocator;
};

/* A forest with room for n_trees and n_nodes; the caller checked the bounds of alertron.h. */
struct forest *alertron__forest_new(uint32_t n_features, uint32_t n_trees, uint32_t n_nodes,
                                    const alertron_allocator *allocator, alertron_error *error);
void alertron__forest_free(struct forest *forest);

/* Memory that the forest holds, in bytes. */
size_t alertron__forest_bytes(const struct forest *forest);

/* Adds the next tree of n nodes after checking that it is one: children inside and after their parent, each
 * node reached once, features and depth within bounds, no NaN threshold. A refusal names tree and node. */
alertron_status alertron__forest_add_tree(struct forest *forest, const struct tree_node *nodes, uint32_t n,
                                          alertron_error *error);

/* To be called when all trees are there: ranks the forest, if that can be done, and picks the kernel. */
alertron_status alertron__forest_finish(struct forest *forest, alertron_error *error);

uint32_t alertron__forest_tree_nodes(const struct forest *forest, uint32_t tree);
/* The tree to which the forest's node `at` belongs. */
uint32_t alertron__forest_tree_of(const struct forest *forest, uint32_t at);
/* A node as it was given, but for its place: trees lie breadth first. */
struct tree_node alertron__forest_node(const struct forest *forest, uint32_t tree, uint32_t index);

/* The child of a split that a number goes to. */
static inline uint32_t alertron__forest_step(const struct tree_node *node, double x)
{
    const bool left = x != x ? node->missing_left : x <= node->threshold;
    return (uint32_t)(left ? node->left : node->right);
}

/* --- rank.c: thresholds as ranks ---------------------------------------------------------------------- */

/* Turns drafts into nodes and segments. Leaves the forest as it is where a tree has more cuts or terms than a
 * segment holds, or where finding a row's positions in all segments would cost more than walking. */
alertron_status alertron__forest_rank(struct forest *forest, alertron_error *error);
void alertron__segments_free(struct forest *forest);
size_t alertron__segments_bytes(const struct forest *forest);

/* The feature of a cut. */
uint32_t alertron__cut_feature(const struct forest *forest, const struct segment *segment, uint32_t cut);

/* How many of n rising cuts lie below x, which is not NaN. No branch depends on x. */
static inline uint32_t alertron__cuts_below(const double *cuts, uint32_t n, double x)
{
    uint32_t below = 0;
    for (; n > 1; n -= n / 2)
        below += n / 2 & -(uint32_t)(cuts[below + n / 2 - 1] < x);
    return below + (n == 1 && cuts[below] < x);
}

/* --- kernel.c: the table of kernels, and kernel_*.c ------------------------------------------- */

/* Numbers of a block of rows as positions among a segment's cuts: that of row r's feature f is at
 * positions[f * stride + r]. */
struct block {
    uint16_t *positions;
    uint32_t stride; /* a power of two */
    uint32_t n; /* rows; what positions hold from there to the next multiple of the kernel's lanes does not matter */
};

/* A way to add up path lengths. All give the same bits: they add the terms of a row in the trees' order. */
struct kernel {
    const char *name;
    uint32_t lanes;     /* rows side by side */
    uint32_t few;       /* so many rows go faster one by one */
    bool uses_lanes;    /* walks forest->lanes */
    bool (*runs)(void); /* on this machine */
    /* Positions of rows first to first + block->n; whether there was a NaN, whose position is of no use. */
    bool (*find_positions)(const struct segment *segment, const alertron_rows *rows, size_t first,
                           const struct block *block);
    /* Adds the terms of the segment's trees to path_lengths[0 .. block->n), which has room for all lanes. */
    void (*add_terms)(const struct forest *forest, const struct segment *segment, const struct block *block,
                      double *path_lengths);
};

alertron_status alertron__kernel_pick(struct forest *forest, alertron_error *error);
alertron_status alertron__kernel_set(struct forest *forest, const char *name, alertron_error *error);

/* Path lengths of all rows; that of a row with NaN is NaN where the forest does not take missing values. */
void alertron__path_lengths(const struct forest *forest, const alertron_rows *rows, double *path_lengths);
double alertron__path_length(const struct forest *forest, const double *row);

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define ALERTRON_KERNELS_X86
#endif
#if defined(__aarch64__) && !defined(__AARCH64EB__) && (defined(__GNUC__) || defined(__clang__))
#define ALERTRON_KERNEL_NEON
#endif

/* Positions of a block are on the stack, so there is a bound; it is enough for every forest but on small machines. */
#if UINTPTR_MAX > 0xffffffff
enum { POSITIONS_MAX = 8192, BLOCK_ROWS_MAX = 256 };
#else
enum { POSITIONS_MAX = 1024, BLOCK_ROWS_MAX = 8 };
#endif

enum { POSITIONS_OF_ROW = POSITIONS_MAX < ALERTRON_FEATURES_MAX ? POSITIONS_MAX : ALERTRON_FEATURES_MAX };

extern const struct kernel alertron__kernel_avx512, alertron__kernel_avx2, alertron__kernel_neon,
    alertron__kernel_portable;
/* For kernels that have no better way, and for few rows. */
bool alertron__find_positions(const struct segment *segment, const alertron_rows *rows, size_t first,
                              const struct block *block);
void alertron__add_rows_singly(const struct forest *forest, const struct segment *segment, const struct block *block,
                               double *path_lengths);
/* The path length and the terms of the segment's trees, for a row with NaN and a forest that takes it. */
double alertron__add_row_with_missing(const struct forest *forest, const struct segment *segment,
                                      const alertron_rows *rows, size_t row, double path_length);

/* --- lanes.c: trees as tables, for kernels whose lanes are rows ------------------------------------------ */

enum { LANE_LEVELS = 8, LANES_MAX = 32 };

/* A tree with each level filled up. A lane's place in level L is L bits, the first decision lowest; cuts of the level
 * lie from 1 << L on. A decision is the parity of the features of its level whose position is above the cut. */
struct lane_tree {
    uint16_t cuts[1 << LANE_LEVELS];
    uint8_t codes[1 << LANE_LEVELS]; /* of terms, by the place behind the last level */
    uint32_t levels;
    uint32_t first_feature;           /* in lanes->features: those of level 0, then 1, ... */
    uint16_t n_features[LANE_LEVELS]; /* of each level */
};

struct lanes {
    struct lane_tree *trees;
    uint16_t *features;
    uint32_t n_trees, n_features;
};

/* A tree's cuts for kernels that look up bytes. */
struct lane_bytes {
    uint8_t low[1 << LANE_LEVELS], high[1 << LANE_LEVELS];
};

/* Finds the places behind the tree's last level, a byte a lane, from positions at the first lane's row. */
typedef void find_places(const struct lane_tree *tree, const struct lane_bytes *bytes, const uint16_t *features,
                         const uint16_t *positions, uint32_t stride, uint8_t *places);

/* struct kernel's add_terms for such kernels. */
void alertron__lanes_add_terms(const struct forest *forest, const struct segment *segment, const struct block *block,
                               uint32_t n_lanes, find_places *find, double *path_lengths);

bool alertron__lanes_suit(const struct forest *forest);
struct lanes *alertron__lanes_new(const struct forest *forest, alertron_error *error);
void alertron__lanes_free(struct lanes *lanes, const alertron_allocator *allocator);
size_t alertron__lanes_bytes(const struct lanes *lanes);

/* --- explain.c: which features isolated a row ------------------------------------------------------------ */

/* Sets the sizes of the nodes, while they are drafts. */
alertron_status alertron__forest_measure(struct forest *forest, alertron_error *error);
void alertron__explain(const struct forest *forest, const double *row, double *shares);

/* --- model.c ---------------------------------------------------------------------------------- */

struct alertron_model {
    struct forest *forest;
    alertron_cuts cuts;
    double normalizer;
    uint32_t samples;
    double *golden;       /* GOLDEN_ROWS rows: n_features numbers and the path length they must give */
    char **feature_names; /* NULL, or one a feature */
    char *producer;
    char *provenance;
    char *tests;               /* "" where it carries none */
    uint64_t *training_scores; /* NULL, or ALERTRON_SCORE_BINS counts */
    alertron_allocator allocator;
};

enum { GOLDEN_ROWS = 16 };

/* What a loader or fit knows besides the forest. Strings are copied. */
struct model_parts {
    struct forest *forest; /* taken over, also on failure */
    uint32_t samples;
    double normalizer;
    alertron_cuts cuts;               /* threshold and quantiles; medium and high unless they are provisional */
    const double *golden;             /* as in the model: checked; NULL: made */
    const char *const *feature_names; /* n_features of them, or NULL */
    const char *producer;
    const char *provenance;
    const char *tests;               /* or NULL */
    const uint64_t *training_scores; /* as in the model, or NULL */
};

/* Checks what the parts say of themselves, works out provisional cuts and golden rows where there are none. */
alertron_model *alertron__model_new(const struct model_parts *parts, const alertron_allocator *allocator,
                                    alertron_error *error);

/* Sets the cuts above the threshold to thirds of the way to the highest score that the forest gives. */
alertron_status alertron__model_provisional_cuts(alertron_model *model, alertron_error *error);

/* --- modelfile.c: our own format ---------------------------------------------------------------- */

bool alertron__modelfile_is(const unsigned char *bytes, size_t n_bytes);
alertron_model *alertron__modelfile_load(const unsigned char *bytes, size_t n_bytes,
                                         const alertron_allocator *allocator, alertron_error *error);

/* --- random.c: numbers that are the same for a seed on every machine ----------------------------- */

struct random_state {
    uint64_t words[4];
};

/* Each (seed, stream) pair is a sequence of its own. */
struct random_state alertron__random_new(uint64_t seed, uint64_t stream);
uint64_t alertron__random_next(struct random_state *state);
/* Uniform in [0, below), below > 0, and in [0, 1) in steps of 2^-53. */
uint32_t alertron__random_below(struct random_state *state, uint32_t below);
double alertron__random_unit(struct random_state *state);

/* --- grow.c: the trees of an isolation forest ------------------------------------------------------ */

struct growth {
    const alertron_rows *rows; /* of finite numbers, and NaN where missing_values; at least 2, at most UINT32_MAX */
    uint32_t trees, samples;   /* samples: rows that are drawn for each tree, 2 to all */
    uint32_t tree_features;    /* features that each tree may use, 1 to all */
    uint32_t depth;            /* nodes on the longest path, at most ALERTRON_DEPTH_MAX */
    uint64_t seed;
    bool bootstrap, missing_values;
    const alertron_allocator *allocator;
};

/* A forest that is not finished yet; NULL on failure. */
struct forest *alertron__grow(const struct growth *growth, alertron_error *error);

struct range {
    double least, greatest;
};

/* Of n >= 1 numbers, all of them without NaN, or NaN. */
struct range alertron__range_of(const double *values, size_t n);

/* --- load.c: which room reads the bytes ------------------------------------------------------------------------ */

/* The model if it passes the tests that it carries; otherwise, or for NULL, NULL. */
alertron_model *alertron__model_tested(alertron_model *model, alertron_error *error);

#endif
