/* iforest.c: scikit-learn's IsolationForest: its attributes and its trees. */
#include "sklearn.h"

/* Each node that is read takes at least so many bytes of the file: trees that share their nodes would make a small
 * file a large forest. */
enum { NODE_BYTES_MIN = 32 };

/* c(n) of small n is asked for again and again. */
enum { PATHS_KEPT = 1024 };

/* --- what the forest says of itself ------------------------------------------------------------------- */

static alertron_status refuse_attribute(const struct iforest *iforest, const char *key, const char *why,
                                        alertron_error *error)
{
    const struct value *value = alertron__value_get(iforest->state, key);
    const size_t offset = value ? value->offset : iforest->estimator->offset;
    return alertron__error(error, ALERTRON_ERROR_FORMAT, offset,
                           "IsolationForest: %s at byte %zu %s; fit the forest and save it again", key, offset,
                           value ? why : "is missing");
}

/* The items of a list or tuple that has one a tree. */
static const struct values *items_of(const struct value *value, enum value_kind kind, size_t n)
{
    return value && value->kind == kind && value->as.items.n == n ? &value->as.items : NULL;
}

static alertron_status read_estimators(struct iforest *iforest, alertron_error *error)
{
    const struct value *value = alertron__value_get(iforest->state, "estimators_");
    if (!value)
        return alertron__error(error, ALERTRON_ERROR_UNSUPPORTED, iforest->estimator->offset,
                               "the IsolationForest at byte %zu was not fitted: call fit before saving it",
                               iforest->estimator->offset);
    if (value->kind != VALUE_LIST || value->as.items.n == 0)
        return refuse_attribute(iforest, "estimators_", "is no list of trees", error);
    if (value->as.items.n > ALERTRON_TREES_MAX)
        return alertron__error(error, ALERTRON_ERROR_LIMIT, value->offset,
                               "IsolationForest: %zu trees at byte %zu; at most %u can be loaded", value->as.items.n,
                               value->offset, ALERTRON_TREES_MAX);
    iforest->trees = &value->as.items;
    iforest->n_trees = (uint32_t)value->as.items.n;
    return ALERTRON_OK;
}

/* From 1.3 on depth and c(rows) are stored for each node, as they were when the forest was fitted. */
static alertron_status read_tables(struct iforest *iforest, alertron_error *error)
{
    const char *const keys[] = {"_decision_path_lengths", "_average_path_length_per_tree"};
    const struct values **tables[] = {&iforest->depths, &iforest->paths};
    if (iforest->version.minor < 3)
        return ALERTRON_OK;
    for (int i = 0; i < 2; i++) {
        *tables[i] = items_of(alertron__value_get(iforest->state, keys[i]), VALUE_TUPLE, iforest->n_trees);
        if (!*tables[i])
            return refuse_attribute(iforest, keys[i], "is no tuple of one array a tree", error);
    }
    return ALERTRON_OK;
}

/* Trees that see only some of the features number them anew; scikit-learn looks at the lists only then. */
static alertron_status read_subsets(struct iforest *iforest, alertron_error *error)
{
    int64_t n;
    if (!alertron__value_integer(alertron__value_get(iforest->state, "_max_features"), &n) || n < 1 ||
        n > (int64_t)iforest->n_features)
        return refuse_attribute(iforest, "_max_features", "is no number of the forest's features", error);
    const struct value *value = alertron__value_get(iforest->state, "estimators_features_");
    const struct values *subsets = items_of(value, VALUE_LIST, iforest->n_trees);
    if (!subsets)
        return refuse_attribute(iforest, "estimators_features_", "is no list of one array a tree", error);
    iforest->tree_features = (uint32_t)n;
    iforest->subsets = iforest->tree_features < iforest->n_features ? subsets : NULL;
    return ALERTRON_OK;
}

static alertron_status read_numbers(struct iforest *iforest, alertron_error *error)
{
    int64_t samples;
    if (!alertron__value_integer(alertron__value_get(iforest->state, "max_samples_"), &samples) || samples < 0)
        return refuse_attribute(iforest, "max_samples_", "is no number of rows", error);
    if (samples > (int64_t)ALERTRON_SAMPLES_MAX)
        return alertron__error(error, ALERTRON_ERROR_LIMIT, iforest->estimator->offset,
                               "IsolationForest: trees of %lld rows; at most %u can be loaded", (long long)samples,
                               ALERTRON_SAMPLES_MAX);
    iforest->samples = (uint32_t)samples;
    if (!alertron__value_number(alertron__value_get(iforest->state, "offset_"), &iforest->offset) ||
        !(iforest->offset - iforest->offset == 0.0))
        return refuse_attribute(iforest, "offset_", "is no finite number", error);
    return ALERTRON_OK;
}

alertron_status alertron__iforest_read(const struct value *estimator, struct iforest *iforest, alertron_error *error)
{
    *iforest = (struct iforest){.estimator = estimator, .state = estimator->as.object.state};
    alertron_status status = alertron__sklearn_version(estimator, &iforest->version, error);
    if (status == ALERTRON_OK)
        status = read_estimators(iforest, error);
    if (status == ALERTRON_OK)
        status = alertron__sklearn_features(estimator, &iforest->n_features, error);
    if (status == ALERTRON_OK)
        status = read_tables(iforest, error);
    if (status == ALERTRON_OK)
        status = read_subsets(iforest, error);
    if (status == ALERTRON_OK)
        status = read_numbers(iforest, error);
    return status;
}

/* --- a tree's arrays ------------------------------------------------------------------------------------- */

struct node_fields {
    struct dtype left, right, feature, threshold, samples, missing;
    bool has_missing;
};

/* One tree at a time: where it is in the file, and where its nodes go. */
struct tree_reader {
    const struct iforest *iforest;
    const struct scaler *scaler;
    struct arena *arena;
    double *paths_kept; /* c(n) of n < PATHS_KEPT; negative where nobody asked yet */
    struct tree_node *out;
    uint32_t *out_depths;

    uint32_t tree;
    struct array nodes, depths, paths, subset;
    struct node_fields fields;
};

static alertron_status refuse_tree(const struct tree_reader *reader, const struct value *value, const char *what)
{
    const size_t offset = value ? value->offset : reader->iforest->estimator->offset;
    return alertron__error(reader->arena->error, ALERTRON_ERROR_FORMAT, offset,
                           "tree %u at byte %zu: %s; fit the forest and save it again", reader->tree, offset, what);
}

static alertron_status refuse_node(const struct tree_reader *reader, size_t node, const char *what)
{
    return alertron__error(reader->arena->error, ALERTRON_ERROR_FORMAT, reader->nodes.offset,
                           "tree %u, node %zu: %s; its nodes begin at byte %zu: the file is damaged, save the model "
                           "again",
                           reader->tree, node, what, reader->nodes.offset);
}

/* By name: scikit-learn has moved them, and machines differ in the size of an index. */
static bool find_fields(const struct dtype *dtype, struct node_fields *fields)
{
    fields->has_missing = alertron__dtype_field(dtype, "missing_go_to_left", &fields->missing);
    return alertron__dtype_field(dtype, "left_child", &fields->left) &&
           alertron__dtype_field(dtype, "right_child", &fields->right) &&
           alertron__dtype_field(dtype, "feature", &fields->feature) &&
           alertron__dtype_field(dtype, "threshold", &fields->threshold) &&
           alertron__dtype_field(dtype, "n_node_samples", &fields->samples);
}

/* ExtraTreeRegressor.tree_ is Tree(n_features, n_classes, n_outputs) with a state. */
static alertron_status find_nodes(struct tree_reader *reader, uint32_t tree)
{
    reader->tree = tree;
    const struct value *estimator = reader->iforest->trees->items[tree];
    if (alertron__value_class(estimator) != CLASS_EXTRA_TREE)
        return refuse_tree(reader, estimator, "it is no ExtraTreeRegressor");
    const struct value *value = alertron__value_get(estimator->as.object.state, "tree_");
    if (alertron__value_class(value) != CLASS_TREE)
        return refuse_tree(reader, estimator, "it has no tree_");
    const struct values *arguments = &value->as.object.arguments->as.items;
    int64_t n;
    if (arguments->n != 3 || !alertron__value_integer(arguments->items[0], &n) || n != reader->iforest->tree_features)
        return refuse_tree(reader, value, "its number of features is not the forest's _max_features");
    char what[32];
    alertron__text(what, sizeof what, "tree %u: nodes", tree);
    const struct value *state = value->as.object.state;
    alertron_status status =
        alertron__array_of(alertron__value_get(state, "nodes"), what, &reader->nodes, reader->arena->error);
    if (status != ALERTRON_OK)
        return status;
    if (reader->nodes.dtype.kind != 'V' || reader->nodes.n_dimensions != 1 || reader->nodes.n == 0 ||
        !alertron__value_integer(alertron__value_get(state, "node_count"), &n) || (uint64_t)n != reader->nodes.n)
        return refuse_tree(reader, value, "it has no array of node_count nodes");
    if (!find_fields(&reader->nodes.dtype, &reader->fields))
        return refuse_tree(reader, value, "its nodes lack a field that scikit-learn 1.0 to 1.9 have");
    return ALERTRON_OK;
}

static alertron_status find_table(struct tree_reader *reader, const struct values *tables, const char *key, size_t n,
                                  struct array *table)
{
    char what[64];
    if (!tables)
        return ALERTRON_OK;
    alertron__text(what, sizeof what, "tree %u: %s", reader->tree, key);
    return alertron__vector_of(tables->items[reader->tree], what, n, table, reader->arena->error);
}

static alertron_status find_subset(struct tree_reader *reader)
{
    const struct iforest *iforest = reader->iforest;
    alertron_status status =
        find_table(reader, iforest->subsets, "estimators_features_", iforest->tree_features, &reader->subset);
    if (status != ALERTRON_OK || !iforest->subsets)
        return status;
    for (size_t i = 0; i < reader->subset.n; i++) {
        int64_t feature = alertron__array_integer(&reader->subset, i);
        if (feature < 0 || feature >= (int64_t)iforest->n_features)
            return refuse_tree(reader, iforest->subsets->items[reader->tree], "estimators_features_ is out of range");
    }
    return ALERTRON_OK;
}

/* --- a tree's nodes ---------------------------------------------------------------------------------------- */

static double path_length_of(const struct tree_reader *reader, uint64_t rows)
{
    if (rows >= PATHS_KEPT)
        return alertron__average_path_length(rows);
    double *kept = &reader->paths_kept[rows];
    if (*kept < 0.0)
        *kept = alertron__average_path_length(rows);
    return *kept;
}

static alertron_status read_leaf(const struct tree_reader *reader, size_t index, const unsigned char *node)
{
    const struct iforest *iforest = reader->iforest;
    const uint32_t depth = reader->out_depths[index];
    const int64_t rows = alertron__dtype_integer(&reader->fields.samples, node);
    if (rows < 0 || rows > (int64_t)ALERTRON_SAMPLES_MAX)
        return refuse_node(reader, index, "its number of rows is out of range");
    double path = path_length_of(reader, (uint64_t)rows);
    if (iforest->paths) {
        /* The stored one counts, to the last bit: it depends on the machine that fitted the forest. */
        double stored = alertron__array_number(&reader->paths, index);
        if (!(stored - path < 1e-9 && path - stored < 1e-9))
            return refuse_node(reader, index, "its _average_path_length_per_tree is not that of its rows");
        path = stored;
    }
    if (iforest->depths && alertron__array_integer(&reader->depths, index) != (int64_t)depth)
        return refuse_node(reader, index, "its _decision_path_lengths is not that of its place in the tree");
    reader->out[index] = (struct tree_node){.left = -1, .right = -1, .term = ((double)depth + path) - 1.0};
    return ALERTRON_OK;
}

static alertron_status read_split(const struct tree_reader *reader, size_t index, const unsigned char *node)
{
    const struct node_fields *fields = &reader->fields;
    const int64_t left = alertron__dtype_integer(&fields->left, node);
    const int64_t right = alertron__dtype_integer(&fields->right, node);
    const int64_t n = (int64_t)reader->nodes.n, parent = (int64_t)index;
    if (left <= parent || left >= n || right <= parent || right >= n)
        return refuse_node(reader, index, "its children are outside the tree or before it");
    const uint32_t depth = reader->out_depths[index] + 1;
    if (depth > ALERTRON_DEPTH_MAX)
        return alertron__error(reader->arena->error, ALERTRON_ERROR_LIMIT, reader->nodes.offset,
                               "tree %u, node %zu: more than %u nodes on a path; no deeper tree can be loaded",
                               reader->tree, index, ALERTRON_DEPTH_MAX);
    reader->out_depths[left] = reader->out_depths[right] = depth;

    int64_t feature = alertron__dtype_integer(&fields->feature, node);
    if (feature < 0 || feature >= (int64_t)reader->iforest->tree_features)
        return refuse_node(reader, index, "its feature is out of range");
    if (reader->iforest->subsets)
        feature = alertron__array_integer(&reader->subset, (size_t)feature);
    const double threshold = alertron__dtype_number(&fields->threshold, node);
    if (threshold != threshold)
        return refuse_node(reader, index, "its threshold is not a number");
    const double fold = alertron__scaler_fold(reader->scaler, (size_t)feature, threshold);
    if (fold != fold)
        return refuse_node(reader, index, "it splits a feature of which the scaler has seen no number");
    const bool missing_left = fields->has_missing && alertron__dtype_integer(&fields->missing, node) != 0;
    reader->out[index] = (struct tree_node){
        .left = left, .right = right, .feature = feature, .threshold = fold, .missing_left = missing_left};
    return ALERTRON_OK;
}

static alertron_status read_nodes(const struct tree_reader *reader)
{
    reader->out_depths[0] = 1;
    for (size_t i = 0; i < reader->nodes.n; i++) {
        const unsigned char *node = reader->nodes.data + i * reader->nodes.dtype.size;
        const bool leaf = alertron__dtype_integer(&reader->fields.left, node) == -1 &&
                          alertron__dtype_integer(&reader->fields.right, node) == -1;
        /* No parent has named it, so its depth is unknown. */
        if (reader->out_depths[i] == 0)
            return refuse_node(reader, i, "it hangs on no other node");
        alertron_status status = leaf ? read_leaf(reader, i, node) : read_split(reader, i, node);
        if (status != ALERTRON_OK)
            return status;
    }
    for (size_t i = 0; i < reader->nodes.n; i++)
        reader->out_depths[i] = 0;
    return ALERTRON_OK;
}

static alertron_status add_fitted_tree(struct tree_reader *reader, uint32_t tree, struct forest *forest)
{
    const struct iforest *iforest = reader->iforest;
    alertron_status status = find_nodes(reader, tree);
    const size_t n = reader->nodes.n;
    if (status == ALERTRON_OK)
        status = find_table(reader, iforest->depths, "_decision_path_lengths", n, &reader->depths);
    if (status == ALERTRON_OK)
        status = find_table(reader, iforest->paths, "_average_path_length_per_tree", n, &reader->paths);
    if (status == ALERTRON_OK)
        status = find_subset(reader);
    if (status == ALERTRON_OK)
        status = read_nodes(reader);
    if (status == ALERTRON_OK)
        status = alertron__forest_add_tree(forest, reader->out, (uint32_t)n, reader->arena->error);
    return status;
}

/* --- the forest -------------------------------------------------------------------------------------------- */

static alertron_status count_nodes(struct tree_reader *reader, size_t n_bytes, size_t *n_nodes, size_t *largest)
{
    for (uint32_t tree = 0; tree < reader->iforest->n_trees; tree++) {
        alertron_status status = find_nodes(reader, tree);
        if (status != ALERTRON_OK)
            return status;
        const size_t n = reader->nodes.n;
        if (n > ALERTRON_NODES_MAX - *n_nodes)
            return alertron__error(reader->arena->error, ALERTRON_ERROR_LIMIT, reader->nodes.offset,
                                   "the forest has more than the %u nodes that can be loaded", ALERTRON_NODES_MAX);
        *n_nodes += n;
        *largest = n > *largest ? n : *largest;
        if (*n_nodes > n_bytes / NODE_BYTES_MIN)
            return alertron__error(reader->arena->error, ALERTRON_ERROR_LIMIT, reader->nodes.offset,
                                   "tree %u: the forest has more nodes than the file has room for, so its trees share "
                                   "them; save a forest whose trees are its own",
                                   tree);
    }
    return ALERTRON_OK;
}

static alertron_status take_scratch(struct tree_reader *reader, size_t largest)
{
    reader->out = alertron__arena_take(reader->arena, largest, sizeof *reader->out);
    reader->out_depths = alertron__arena_take(reader->arena, largest, sizeof *reader->out_depths);
    reader->paths_kept = alertron__arena_take(reader->arena, PATHS_KEPT, sizeof *reader->paths_kept);
    if (!reader->out || !reader->out_depths || !reader->paths_kept)
        return ALERTRON_ERROR_MEMORY;
    for (size_t i = 0; i < PATHS_KEPT; i++)
        reader->paths_kept[i] = -1.0;
    return ALERTRON_OK;
}

struct forest *alertron__iforest_trees(const struct iforest *iforest, const struct scaler *scaler, size_t n_bytes,
                                       struct arena *arena)
{
    struct tree_reader reader = {.iforest = iforest, .scaler = scaler, .arena = arena};
    size_t n_nodes = 0, largest = 0;
    if (count_nodes(&reader, n_bytes, &n_nodes, &largest) != ALERTRON_OK ||
        take_scratch(&reader, largest) != ALERTRON_OK)
        return NULL;
    struct forest *forest =
        alertron__forest_new(iforest->n_features, iforest->n_trees, (uint32_t)n_nodes, &arena->allocator, arena->error);
    if (!forest)
        return NULL;
    for (uint32_t tree = 0; tree < iforest->n_trees; tree++) {
        if (add_fitted_tree(&reader, tree, forest) != ALERTRON_OK) {
            alertron__forest_free(forest);
            return NULL;
        }
    }
    forest->missing_values = iforest->version.minor >= 6;
    return forest;
}
