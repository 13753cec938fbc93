/* private.h: what the rooms of libalertron show each other. A section a file, in the order data flows.
 *
 * Names shared between files begin with alertron__ (two underscores), so that a program that links the
 * static library meets no name of ours outside alertron_.
 */
#ifndef ALERTRON_PRIVATE_H
#define ALERTRON_PRIVATE_H

#include "alertron.h"

#if defined(__GNUC__) || defined(__clang__)
#define ALERTRON_PRINTF(format, first) __attribute__((format(printf, format, first)))
#else
#define ALERTRON_PRINTF(format, first)
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

uint64_t alertron__load_le(const unsigned char *bytes, size_t n_bytes);
void alertron__store_le(unsigned char *bytes, size_t n_bytes, uint64_t value);
double alertron__double_of_bits(uint64_t bits);
uint64_t alertron__bits_of_double(double value);

/* The dtype's number at `at`, which need not be aligned, in the machine's own byte order. */
double alertron__load_number(const unsigned char *at, alertron_dtype dtype);

/* --- number.c: doubles as text, the same everywhere ------------------------------------------- */

#define ALERTRON_NUMBER_BYTES 32
/* The shortest decimal text that reads back as `value` ("0.1", "1e+21", "NaN", "+Inf", "-Inf"); no NUL.
 * Returns its length, at most ALERTRON_NUMBER_BYTES. */
size_t alertron__number_text(double value, char out[ALERTRON_NUMBER_BYTES]);

/* --- isolation.c: the formulas of the score --------------------------------------------------- */

/* c(n): mean path length of an unsuccessful search in a binary search tree of n keys (Liu, Ting and Zhou
 * 2008, eq. 1), computed as scikit-learn does. */
double alertron__average_path_length(uint64_t n);

/* 2 ** -(path_length / normalizer); 0.5 where normalizer is 0, as scikit-learn gives. NaN stays NaN. */
double alertron__score(double path_length, double normalizer);

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

/* A node as kernels walk it. Siblings lie side by side; a leaf is its own left child and its threshold is
 * +Inf, so that a walk may go on at a leaf without moving. */
struct node {
    double threshold;
    uint32_t child; /* left; right is child + 1; a leaf: itself */
    uint16_t feature;
    uint16_t missing_left;
};

struct forest {
    uint32_t n_features, n_trees, n_nodes, depth;
    uint32_t trees_max, nodes_max; /* what there is room for */
    bool missing_values;           /* rows may hold NaN */
    uint32_t *roots;               /* of each tree */
    uint32_t *depths;              /* nodes on the longest path of each tree */
    struct node *nodes;
    double *terms; /* of each node; meaningful at leaves */
    const struct kernel *kernel;
    alertron_allocator allocator;
};

/* A forest with room for n_trees and n_nodes; the caller checked the bounds of alertron.h. */
struct forest *alertron__forest_new(uint32_t n_features, uint32_t n_trees, uint32_t n_nodes,
                                    const alertron_allocator *allocator, alertron_error *error);
void alertron__forest_free(struct forest *forest);

/* Adds the next tree of n nodes after checking that it is one: children inside and after their parent, each
 * node reached once, features and depth within bounds, no NaN threshold. A refusal names tree and node. */
alertron_status alertron__forest_add_tree(struct forest *forest, const struct tree_node *nodes, uint32_t n,
                                          alertron_error *error);

/* To be called when all trees are there: picks the kernel. */
void alertron__forest_finish(struct forest *forest);

/* --- kernel.c: the table of kernels, and kernel_*.c ------------------------------------------- */

struct kernel {
    const char *name;
    bool (*suits)(const struct forest *forest);
    /* Path lengths of n rows without NaN; trees are added in their order, so all kernels give the same bits. */
    void (*path_lengths)(const struct forest *forest, const alertron_rows *rows, size_t first, size_t n,
                         double *path_lengths);
    double (*path_length)(const struct forest *forest, const double *row);
};

const struct kernel *alertron__kernel_for(const struct forest *forest);
extern const struct kernel alertron__kernel_portable;

/* The path length of one row that may hold NaN; slower, the same bits. */
double alertron__path_length_missing(const struct forest *forest, const alertron_rows *rows, size_t row);

/* --- model.c ---------------------------------------------------------------------------------- */

struct alertron_model {
    struct forest *forest;
    alertron_cuts cuts;
    double normalizer;
    uint32_t samples;
    char **feature_names; /* NULL, or one a feature */
    char *producer;
    char *provenance;
    alertron_allocator allocator;
};

/* What a loader or fit knows besides the forest. Strings are copied. */
struct model_parts {
    struct forest *forest; /* taken over, also on failure */
    uint32_t samples;
    double normalizer;
    alertron_cuts cuts;               /* threshold and quantiles; medium and high where origin says so */
    const char *const *feature_names; /* n_features of them, or NULL */
    const char *producer;
    const char *provenance;
};

/* Provisional cuts are worked out here. */
alertron_model *alertron__model_new(const struct model_parts *parts, const alertron_allocator *allocator,
                                    alertron_error *error);

/* --- modelfile.c: our own format ---------------------------------------------------------------- */

bool alertron__modelfile_is(const unsigned char *bytes, size_t n_bytes);
alertron_model *alertron__modelfile_load(const unsigned char *bytes, size_t n_bytes,
                                         const alertron_allocator *allocator, alertron_error *error);

/* --- pickle.c, sklearn.c, scaler.c: scikit-learn's files ---------------------------------------- */

bool alertron__pickle_is(const unsigned char *bytes, size_t n_bytes);
alertron_model *alertron__sklearn_load(const unsigned char *bytes, size_t n_bytes, alertron_input input,
                                       const alertron_allocator *allocator, alertron_error *error);

#endif
