/* test_modelfile.c: what is saved loads as it was; what was altered is refused, or harmless where it was altered with
 * a checksum to match. */
#include "support.h"

#include "private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- a small model, and its file ------------------------------------------------------------------------------- */

static const char *const names[] = {"pressure", "\xc2\xb5m", ""};

static struct forest *small_forest(const alertron_allocator *allocator)
{
    const struct tree_node first[] = {{.left = 1, .right = 2, .feature = 2, .threshold = 0.1, .missing_left = true},
                                      {.left = -1, .right = -1, .term = 1.0},
                                      {.left = 3, .right = 4, .feature = 0, .threshold = -1e300},
                                      {.left = -1, .right = -1, .term = 2.0},
                                      {.left = -1, .right = -1, .term = 2.0 + 0x1.3517aa6149ab3p+0}};
    const struct tree_node second[] = {{.left = -1, .right = -1, .term = 0.1}};
    struct forest *forest = alertron__forest_new(3, 2, 6, allocator, NULL);
    assert_non_null(forest);
    assert_int_equal(alertron__forest_add_tree(forest, first, 5, NULL), ALERTRON_OK);
    assert_int_equal(alertron__forest_add_tree(forest, second, 1, NULL), ALERTRON_OK);
    forest->missing_values = true;
    return forest;
}

/* With all that a file may hold, or with what it must hold. */
static alertron_model *small_model(bool whole)
{
    const alertron_allocator allocator = alertron__allocator(NULL);
    static const uint64_t training_scores[ALERTRON_SCORE_BINS] = {[0] = 1, [100] = (uint64_t)1 << 52, [255] = 7};
    const struct model_parts parts = {
        .forest = small_forest(&allocator),
        .samples = 5,
        .normalizer = 2 * 0x1.29dbcb065482fp+1,
        .cuts = {0.51, 0.61, 0.71, 0.75, 0.9375, 123456789012345u, ALERTRON_CUTS_FILE},
        .feature_names = whole ? names : NULL,
        .producer = "a test",
        .provenance = "made: by hand\nwith: \xc3\xa4\n",
        .training_scores = whole ? training_scores : NULL,
        .tests = whole ? "# none yet\n" : NULL,
    };
    alertron_model *model = alertron__model_new(&parts, &allocator, NULL);
    assert_non_null(model);
    return model;
}

static unsigned char *save(const alertron_model *model, size_t *n)
{
    *n = alertron_model_save(model, NULL, 0);
    unsigned char *bytes = malloc(*n);
    assert_non_null(bytes);
    assert_int_equal(alertron_model_save(model, bytes, *n), *n);
    return bytes;
}

static unsigned char *file_of_small_model(bool whole, size_t *n)
{
    alertron_model *model = small_model(whole);
    unsigned char *bytes = save(model, n);
    alertron_model_free(model);
    return bytes;
}

static unsigned char *small_file(size_t *n)
{
    return file_of_small_model(true, n);
}

/* CRC-64/XZ, a bit at a time, by its definition. */
static uint64_t crc_of(const unsigned char *bytes, size_t n)
{
    uint64_t crc = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xc96c5795d7870f42u : 0);
    }
    return ~crc;
}

/* Makes length and checksum fit what the file holds. */
static void seal(unsigned char *bytes, size_t n)
{
    alertron__store_le(bytes + 16, 8, n);
    alertron__store_le(bytes + n - 8, 8, crc_of(bytes, n - 8));
}

/* Where a section's payload begins. */
static size_t payload_of(const unsigned char *bytes, size_t n, const char *tag)
{
    for (size_t at = 24; at + 24 <= n; at += 16 + (size_t)alertron__load_le(bytes + at + 8, 8))
        if (memcmp(bytes + at, tag, 4) == 0)
            return at + 16;
    fail_msg("the file has no section %s", tag);
    return 0;
}

static const alertron_cuts *cuts_of(const alertron_model *model)
{
    return &model->cuts;
}

/* --- round trip ------------------------------------------------------------------------------------------------- */

static void assert_same_node(struct tree_node a, struct tree_node b)
{
    assert_true(a.left == b.left && a.right == b.right && a.feature == b.feature && a.missing_left == b.missing_left);
    assert_int_equal(alertron__bits_of_double(a.threshold), alertron__bits_of_double(b.threshold));
    assert_int_equal(alertron__bits_of_double(a.term), alertron__bits_of_double(b.term));
}

static void assert_same_model(const alertron_model *a, const alertron_model *b)
{
    alertron_model_info x, y;
    alertron_model_describe(a, &x);
    alertron_model_describe(b, &y);
    assert_string_equal(x.producer, y.producer);
    assert_string_equal(x.provenance, y.provenance);
    assert_true(x.features == y.features && x.trees == y.trees && x.nodes == y.nodes && x.depth == y.depth);
    assert_true(x.samples == y.samples && x.normalizer == y.normalizer && x.missing_values == y.missing_values);
    assert_int_equal(x.bytes, y.bytes);
    assert_memory_equal(a->forest->nodes, b->forest->nodes, x.nodes * sizeof *a->forest->nodes);
    for (uint32_t tree = 0; tree < x.trees; tree++)
        for (uint32_t i = 0; i < alertron__forest_tree_nodes(a->forest, tree); i++)
            assert_same_node(alertron__forest_node(a->forest, tree, i), alertron__forest_node(b->forest, tree, i));
    assert_memory_equal(a->golden, b->golden, GOLDEN_ROWS * (x.features + 1) * sizeof *a->golden);
    const alertron_cuts *c = cuts_of(a), *d = cuts_of(b);
    assert_true(c->threshold == d->threshold && c->medium == d->medium && c->high == d->high);
    assert_true(c->medium_quantile == d->medium_quantile && c->high_quantile == d->high_quantile);
    assert_true(c->n_scores == d->n_scores && c->origin == d->origin);
    for (uint32_t i = 0; i < x.features; i++) {
        const char *name = alertron_model_feature_name(a, i), *other = alertron_model_feature_name(b, i);
        assert_true(name && other ? strcmp(name, other) == 0 : name == other);
    }
    assert_string_equal(alertron_model_tests(a), alertron_model_tests(b));
    const uint64_t *counts = alertron_model_training_scores(a), *others = alertron_model_training_scores(b);
    assert_int_equal(counts == NULL, others == NULL);
    if (counts)
        assert_memory_equal(counts, others, ALERTRON_SCORE_BINS * sizeof *counts);
}

static void what_is_saved_loads_as_it_was(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        alertron_model *model = small_model(whole);
        size_t n, n_again;
        unsigned char *bytes = save(model, &n);
        alertron_error error = {.text = ""};
        alertron_model *loaded = alertron_model_load(bytes, n, NULL, &error);
        assert_non_null(loaded);
        assert_same_model(model, loaded);
        unsigned char *again = save(loaded, &n_again);
        assert_int_equal(n, n_again);
        assert_memory_equal(bytes, again, n);
        free(again);
        free(bytes);
        alertron_model_free(loaded);
        alertron_model_free(model);
    }
}

static void save_tells_its_size_and_writes_only_what_fits(void **state)
{
    (void)state;
    alertron_model *model = small_model(true);
    size_t n;
    unsigned char *bytes = save(model, &n), *buffer = malloc(n + 2);
    assert_non_null(buffer);
    for (size_t capacity = 0; capacity <= n + 1; capacity++) {
        memset(buffer, 0xa5, n + 2);
        assert_int_equal(alertron_model_save(model, buffer, capacity), n);
        if (capacity >= n)
            assert_memory_equal(buffer, bytes, n);
        for (size_t i = capacity < n ? 0 : n; i < n + 2; i++)
            assert_int_equal(buffer[i], 0xa5);
    }
    free(buffer);
    free(bytes);
    alertron_model_free(model);
}

static void the_checksum_is_crc_64_xz(void **state)
{
    (void)state;
    assert_true(crc_of((const unsigned char *)"123456789", 9) == 0x995dc9bbdf1939fau);
    size_t n;
    unsigned char *bytes = small_file(&n);
    assert_true(alertron__load_le(bytes + n - 8, 8) == crc_of(bytes, n - 8));
    free(bytes);
}

/* A file that was written by the first version must load for ever, and give the scores it gave then. */
static void a_file_of_format_version_1_gives_its_scores(void **state)
{
    (void)state;
    static const struct {
        double row[3], path_length, score;
        alertron_severity severity;
    } known[] = {
        {{22, 50, 0.002}, 0x1.706e95acda24p+5, 0x1.bf7bf6042430ep-2, ALERTRON_SEVERITY_NONE},
        {{22.5, 54, 0}, 0x1.1da061f1c9bc3p+5, 0x1.0d7eb93e6a0f4p-1, ALERTRON_SEVERITY_NONE},
        {{31, 69, 0.02}, 0x1.2p+4, 0x1.727827ed874eap-1, ALERTRON_SEVERITY_MEDIUM},
        {{20, 40, 0.03}, 0x1.8p+4, 0x1.4c97cd36f93adp-1, ALERTRON_SEVERITY_MEDIUM},
        {{NAN, 50, 0.002}, 0x1.1c0baa59af6e8p+5, 0x1.0e743a319c014p-1, ALERTRON_SEVERITY_NONE},
        {{22, NAN, NAN}, 0x1.cp+4, 0x1.3584cafa2e72p-1, ALERTRON_SEVERITY_LOW},
        {{INFINITY, -INFINITY, 0}, 0x1.c3517aa6149abp+4, 0x1.345df444d3f3cp-1, ALERTRON_SEVERITY_LOW},
        {{-1e308, 1e308, -0.0}, 0x1.fda061f1c9bc3p+4, 0x1.20d07bec44eddp-1, ALERTRON_SEVERITY_LOW},
        {{0x1.4f6f09dcdaf5fp-8, 0, 0}, 0x1.ap+4, 0x1.40d9368cfb9efp-1, ALERTRON_SEVERITY_LOW},
    };
    size_t n;
    unsigned char *bytes = read_file(ALERTRON_TESTS_DIR "/data/model-v1.alertron", &n);
    assert_non_null(bytes);
    alertron_model *model = alertron_model_load(bytes, n, NULL, NULL);
    assert_non_null(model);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_true(alertron_model_path_length(model, known[i].row) == known[i].path_length);
        assert_true(alertron_model_score(model, known[i].row) == known[i].score);
        assert_int_equal(alertron_model_severity(model, known[i].score), known[i].severity);
    }
    const alertron_cuts cuts = alertron_model_cuts(model);
    assert_true(cuts.threshold == 0x1.1a418dcc112cap-1 && cuts.medium == 0x1.48d77465fd29fp-1);
    assert_true(cuts.high == 0x1.7331f6f0e5122p-1 && cuts.n_scores == 30 && cuts.origin == ALERTRON_CUTS_TRAINING);
    assert_string_equal(alertron_model_feature_name(model, 2), "Vibration \xc2\xb5m");
    alertron_model_free(model);
    free(bytes);
}

/* What a file may hold besides stands in another one: tests that are run when it is loaded, the training rows' scores.
 */
static void a_file_with_optional_sections_gives_what_is_in_them(void **state)
{
    (void)state;
    size_t n;
    unsigned char *bytes = read_file(ALERTRON_TESTS_DIR "/data/model-v1-optional.alertron", &n);
    assert_non_null(bytes);
    alertron_model *model = alertron_model_load(bytes, n, NULL, NULL);
    assert_non_null(model);
    assert_string_equal(alertron_model_tests(model), "reading [22, 50, 0.002] is none   # a usual one\n"
                                                     "reading [31, 69, 0.02] is at least medium\n"
                                                     "reading [22, nan, nan] scores 0.604529\n");
    const uint64_t *counts = alertron_model_training_scores(model);
    assert_non_null(counts);
    for (size_t bin = 0; bin < ALERTRON_SCORE_BINS; bin++)
        assert_int_equal(counts[bin], bin == 111 || bin == 134 || bin == 166 || bin == 185);
    alertron_model_free(model);
    free(bytes);
}

/* --- damage --------------------------------------------------------------------------------------------------------
 */

/* Loads a copy that ends where its memory ends, so that the sanitizers see a step beyond it; keeps to the bound that
 * alertron.h promises. A model that loads must be of use. */
static alertron_status load_hostile(const unsigned char *bytes, size_t n)
{
    failing_allocator counting = {0};
    const alertron_allocator allocator = failing_allocator_of(&counting);
    unsigned char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    alertron_error error = {.status = ALERTRON_OK, .text = ""};
    alertron_model *model = alertron_model_load(copy, n, &allocator, &error);
    free(copy);
    assert_true(counting.bytes_peak < 16 * n + 1048576);
    if (!model) {
        assert_int_not_equal(error.status, ALERTRON_OK);
        assert_true(strlen(error.text) > 20);
        assert_int_equal(counting.bytes_held, 0);
        return error.status;
    }
    double *row = calloc(alertron_model_features(model), sizeof *row);
    assert_non_null(row);
    const double score = alertron_model_score(model, row);
    assert_true(score >= 0.0 && score <= 1.0);
    (void)alertron_model_severity(model, score);
    free(row);
    size_t n_again;
    unsigned char *again = save(model, &n_again);
    alertron_model_free(model);
    free(again);
    assert_int_equal(counting.bytes_held, 0);
    return ALERTRON_OK;
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    size_t n;
    unsigned char *bytes = small_file(&n);
    assert_int_equal(load_hostile(bytes, n), ALERTRON_OK);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_not_equal(load_hostile(bytes, n), ALERTRON_OK);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free(bytes);
}

static void every_cut_and_every_addition_is_refused(void **state)
{
    (void)state;
    size_t n;
    unsigned char *bytes = small_file(&n);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_not_equal(load_hostile(bytes, cut), ALERTRON_OK);
    unsigned char *longer = calloc(1, n + 9);
    assert_non_null(longer);
    memcpy(longer, bytes, n);
    for (size_t extra = 1; extra < 10; extra++)
        assert_int_not_equal(load_hostile(longer, n + extra), ALERTRON_OK);
    free(longer);
    free(bytes);
}

static void another_format_version_is_told_apart_from_damage(void **state)
{
    (void)state;
    size_t n;
    unsigned char *bytes = small_file(&n);
    for (int version = 0; version < 4; version++) {
        alertron__store_le(bytes + 8, 4, (uint64_t)version);
        seal(bytes, n);
        assert_int_equal(load_hostile(bytes, n), version == 1 ? ALERTRON_OK : ALERTRON_ERROR_UNSUPPORTED);
    }
    free(bytes);
}

/* Cut at every length, with length and checksum to match. */
static void sealed_cuts_are_refused(void **state)
{
    (void)state;
    size_t n;
    unsigned char *bytes = small_file(&n), *cut = malloc(n);
    assert_non_null(cut);
    for (size_t length = 32; length < n; length++) {
        memcpy(cut, bytes, length);
        seal(cut, length);
        assert_int_not_equal(load_hostile(cut, length), ALERTRON_OK);
    }
    free(cut);
    free(bytes);
}

/* Every byte and every word between header and checksum in turn, with a checksum to match. */
static void sealed_alterations_never_crash(void **state)
{
    (void)state;
    static const uint64_t words[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 67108864, 0xfffe0001};
    static const double doubles[] = {NAN, INFINITY, -INFINITY, 1e308, -1e308, -1.0, 0x1p-1074, 0.5, 127.9};
    size_t n, loaded = 0, tried = 0;
    unsigned char *bytes = small_file(&n), *altered = malloc(n);
    assert_non_null(altered);
    const size_t counts = payload_of(bytes, n, "hist"); /* each may be any number: two of them will do */
    for (size_t at = 8; at + 8 <= n; at += at == counts + 16 ? 8 * (ALERTRON_SCORE_BINS - 2) : 1)
        for (size_t kind = 0; kind < 27; kind++) {
            if (kind >= 10 && at % 4 != 0)
                break;
            memcpy(altered, bytes, n);
            if (kind < 10)
                altered[at] ^= (unsigned char)(kind < 8 ? 1u << kind : kind == 8 ? 0xffu : 0x7fu);
            else if (kind < 18)
                alertron__store_le(altered + at, 4, words[kind - 10]);
            else
                alertron__store_le(altered + at, 8, alertron__bits_of_double(doubles[kind - 18]));
            alertron__store_le(altered + n - 8, 8, crc_of(altered, n - 8));
            loaded += load_hostile(altered, n) == ALERTRON_OK;
            tried++;
        }
    /* Both happen often: a golden row or a text may be another, a count may not. */
    assert_true(loaded > tried / 4 && tried - loaded > tried / 4);
    free(altered);
    free(bytes);
}

struct alteration {
    const char *tag;
    size_t offset, n_bytes;
    uint64_t value;
    alertron_status expected;
};

#define BITS_OF_NAN 0x7ff8000000000000u
#define BITS_OF_INFINITY 0x7ff0000000000000u
#define BITS_OF_MINUS_ONE 0xbff0000000000000u
#define BITS_OF_TWO 0x4000000000000000u

/* Each field in turn is set to what it must not be. */
static const struct alteration alterations[] = {
    {"FRST", 0, 4, 0, ALERTRON_ERROR_LIMIT},                   /* features */
    {"FRST", 0, 4, 4097, ALERTRON_ERROR_LIMIT},                /* features */
    {"FRST", 0, 4, 2, ALERTRON_ERROR_FORMAT},                  /* features: the golden rows are wider */
    {"FRST", 4, 4, 0, ALERTRON_ERROR_LIMIT},                   /* trees */
    {"FRST", 4, 4, 65537, ALERTRON_ERROR_LIMIT},               /* trees */
    {"FRST", 4, 4, 65536, ALERTRON_ERROR_FORMAT},              /* trees */
    {"FRST", 8, 4, 67108865, ALERTRON_ERROR_LIMIT},            /* nodes */
    {"FRST", 8, 4, 67108864, ALERTRON_ERROR_FORMAT},           /* nodes */
    {"FRST", 8, 4, 0, ALERTRON_ERROR_FORMAT},                  /* nodes */
    {"FRST", 12, 4, 2, ALERTRON_ERROR_UNSUPPORTED},            /* flags */
    {"FRST", 12, 4, 0, ALERTRON_ERROR_SELF_TEST},              /* flags: golden rows hold missing values */
    {"FRST", 16, 4, 16777217, ALERTRON_ERROR_LIMIT},           /* samples */
    {"FRST", 24, 8, BITS_OF_NAN, ALERTRON_ERROR_FORMAT},       /* normalizer */
    {"FRST", 24, 8, BITS_OF_INFINITY, ALERTRON_ERROR_FORMAT},  /* normalizer */
    {"FRST", 24, 8, BITS_OF_MINUS_ONE, ALERTRON_ERROR_FORMAT}, /* normalizer */
    {"TREE", 0, 4, 6, ALERTRON_ERROR_FORMAT},                  /* nodes of the first tree */
    {"TREE", 0, 4, 0, ALERTRON_ERROR_FORMAT},
    {"TREE", 0, 4, 4, ALERTRON_ERROR_FORMAT},
    {"TREE", 4, 4, 0xffffffff, ALERTRON_ERROR_FORMAT},         /* nodes of the second tree */
    {"NODE", 0, 8, BITS_OF_NAN, ALERTRON_ERROR_FORMAT},        /* a threshold */
    {"NODE", 8, 4, 0xffffffff, ALERTRON_ERROR_FORMAT},         /* a child */
    {"NODE", 8, 4, 4, ALERTRON_ERROR_FORMAT},                  /* a child: the right one is outside */
    {"NODE", 8, 4, 3, ALERTRON_ERROR_FORMAT},                  /* a child: others are never reached */
    {"NODE", 8, 4, 0, ALERTRON_ERROR_FORMAT},                  /* no child: others are never reached */
    {"NODE", 12, 2, 3, ALERTRON_ERROR_FORMAT},                 /* a feature */
    {"NODE", 12, 2, 0xffff, ALERTRON_ERROR_FORMAT},            /* a feature */
    {"NODE", 14, 2, 0, ALERTRON_ERROR_SELF_TEST},              /* where missing values go */
    {"NODE", 16, 8, BITS_OF_NAN, ALERTRON_ERROR_FORMAT},       /* a path length */
    {"NODE", 16, 8, BITS_OF_MINUS_ONE, ALERTRON_ERROR_FORMAT}, /* a path length */
    {"NODE", 16, 8, BITS_OF_TWO, ALERTRON_ERROR_SELF_TEST},    /* a path length */
    {"CUTS", 0, 8, BITS_OF_NAN, ALERTRON_ERROR_FORMAT},        /* threshold */
    {"CUTS", 0, 8, BITS_OF_INFINITY, ALERTRON_ERROR_FORMAT},   /* threshold */
    {"CUTS", 8, 8, BITS_OF_TWO, ALERTRON_ERROR_FORMAT},        /* medium */
    {"CUTS", 8, 8, BITS_OF_NAN, ALERTRON_ERROR_FORMAT},        /* medium */
    {"CUTS", 16, 8, BITS_OF_MINUS_ONE, ALERTRON_ERROR_FORMAT}, /* high */
    {"CUTS", 24, 8, BITS_OF_TWO, ALERTRON_ERROR_FORMAT},       /* quantile of medium */
    {"CUTS", 32, 8, BITS_OF_NAN, ALERTRON_ERROR_FORMAT},       /* quantile of high */
    {"CUTS", 48, 4, 4, ALERTRON_ERROR_FORMAT},                 /* origin */
    {"GOLD", 24, 8, BITS_OF_TWO, ALERTRON_ERROR_SELF_TEST},    /* the path length of the first golden row */
    {"NAME", 0, 2, 0xffff, ALERTRON_ERROR_FORMAT},             /* bytes of a name */
    {"NAME", 0, 2, 7, ALERTRON_ERROR_FORMAT},
    {"NAME", 2, 1, 0xff, ALERTRON_ERROR_FORMAT}, /* "pressure" */
    {"NAME", 9, 1, 0xc3, ALERTRON_ERROR_FORMAT},
    {"NAME", 12, 1, 'A', ALERTRON_ERROR_FORMAT}, /* a character's first byte */
    {"NAME", 2, 1, 0x1b, ALERTRON_OK},           /* whoever shows a name keeps the terminal safe */
};

static void each_field_is_checked(void **state)
{
    (void)state;
    size_t n;
    unsigned char *bytes = small_file(&n), *altered = malloc(n);
    assert_non_null(altered);
    for (size_t i = 0; i < sizeof alterations / sizeof *alterations; i++) {
        const struct alteration *it = &alterations[i];
        memcpy(altered, bytes, n);
        alertron__store_le(altered + payload_of(bytes, n, it->tag) + it->offset, it->n_bytes, it->value);
        seal(altered, n);
        const alertron_status status = load_hostile(altered, n);
        if (status != it->expected)
            fail_msg("%s, byte %zu set to %#llx: status %d", it->tag, it->offset, (unsigned long long)it->value,
                     status);
    }
    free(altered);
    free(bytes);
}

/* --- sections --------------------------------------------------------------------------------------------------------
 */

/* A file with one section more, or with a second copy of one of its own. */
static alertron_status load_longer(bool whole, const char *tag, const void *payload, size_t n_payload)
{
    size_t n;
    unsigned char *bytes = file_of_small_model(whole, &n), *longer = malloc(n + 16 + n_payload);
    assert_non_null(longer);
    memcpy(longer, bytes, n - 8);
    memcpy(longer + n - 8, tag, 4);
    alertron__store_le(longer + n - 4, 4, 0);
    alertron__store_le(longer + n, 8, n_payload);
    if (n_payload)
        memcpy(longer + n + 8, payload, n_payload);
    alertron__store_le(longer + 12, 4, alertron__load_le(longer + 12, 4) + 1);
    n += 16 + n_payload;
    seal(longer, n);
    const alertron_status status = load_hostile(longer, n);
    free(longer);
    free(bytes);
    return status;
}

static alertron_status load_with_section(const char *tag, const void *payload, size_t n_payload)
{
    return load_longer(true, tag, payload, n_payload);
}

static void unknown_sections_are_skipped_where_their_tag_allows_it(void **state)
{
    (void)state;
    assert_int_equal(load_with_section("note", "anything", 8), ALERTRON_OK);
    assert_int_equal(load_with_section("nOTE", NULL, 0), ALERTRON_OK);
    assert_int_equal(load_with_section("MUST", "anything", 8), ALERTRON_ERROR_UNSUPPORTED);
    assert_int_equal(load_with_section("Must", NULL, 0), ALERTRON_ERROR_UNSUPPORTED);
    assert_int_equal(load_with_section("\xffust", NULL, 0), ALERTRON_ERROR_UNSUPPORTED);
}

static void a_histogram_of_training_scores_is_checked(void **state)
{
    (void)state;
    unsigned char counts[8 * ALERTRON_SCORE_BINS + 1] = {0};
    assert_int_equal(load_longer(false, "hist", counts, sizeof counts - 1), ALERTRON_OK);
    assert_int_equal(load_longer(false, "hist", counts, sizeof counts - 2), ALERTRON_ERROR_FORMAT);
    assert_int_equal(load_longer(false, "hist", counts, sizeof counts), ALERTRON_ERROR_FORMAT);
    assert_int_equal(load_longer(false, "hist", NULL, 0), ALERTRON_ERROR_FORMAT);
    alertron__store_le(counts, 8, (uint64_t)1 << 52);
    alertron__store_le(counts + sizeof counts - 9, 8, (uint64_t)1 << 52);
    assert_int_equal(load_longer(false, "hist", counts, sizeof counts - 1), ALERTRON_OK);
    alertron__store_le(counts + 8, 8, 1);
    assert_int_equal(load_longer(false, "hist", counts, sizeof counts - 1), ALERTRON_ERROR_FORMAT);
    memset(counts, 0xff, sizeof counts);
    assert_int_equal(load_longer(false, "hist", counts, sizeof counts - 1), ALERTRON_ERROR_FORMAT);
}

static void tests_of_a_model_are_bounded(void **state)
{
    (void)state;
    char *text = malloc(ALERTRON_TESTS_MAX + 1);
    assert_non_null(text);
    memset(text, '#', ALERTRON_TESTS_MAX + 1);
    assert_int_equal(load_longer(false, "test", NULL, 0), ALERTRON_OK);
    assert_int_equal(load_longer(false, "test", text, ALERTRON_TESTS_MAX), ALERTRON_OK);
    assert_int_equal(load_longer(false, "test", text, ALERTRON_TESTS_MAX + 1), ALERTRON_ERROR_FORMAT);
    memset(text, 0, ALERTRON_TESTS_MAX);
    assert_int_equal(load_longer(false, "test", text, ALERTRON_TESTS_MAX), ALERTRON_OK);
    free(text);
}

static void a_section_stands_there_once(void **state)
{
    (void)state;
    static const char *const tags[] = {"FRST", "TREE", "NODE", "CUTS", "GOLD", "PROD", "PROV", "NAME", "hist", "test"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        assert_int_equal(load_with_section(tags[i], NULL, 0), ALERTRON_ERROR_FORMAT);
        assert_int_equal(load_with_section(tags[i], "abcdefgh", 8), ALERTRON_ERROR_FORMAT);
    }
}

static void sections_that_are_missing_or_too_many_are_refused(void **state)
{
    (void)state;
    static const uint64_t counts[] = {0, 1, 9, 11, 0xffffffff};
    size_t n;
    unsigned char *bytes = small_file(&n);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        alertron__store_le(bytes + 12, 4, counts[i]);
        seal(bytes, n);
        assert_int_equal(load_hostile(bytes, n), ALERTRON_ERROR_FORMAT);
    }
    alertron__store_le(bytes + 12, 4, 10);
    for (size_t at = 24; at + 8 < n; at += 16 + (size_t)alertron__load_le(bytes + at + 8, 8)) {
        if (bytes[at] >= 'a')
            continue;
        /* A small letter makes of it a section that is skipped. */
        bytes[at] = (unsigned char)(bytes[at] + 'a' - 'A');
        seal(bytes, n);
        const bool optional = memcmp(bytes + at + 1, "AME", 3) == 0;
        assert_int_equal(load_hostile(bytes, n), optional ? ALERTRON_OK : ALERTRON_ERROR_FORMAT);
        bytes[at] = (unsigned char)(bytes[at] + 'A' - 'a');
    }
    free(bytes);
}

static void a_section_longer_than_the_file_is_refused(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 15, (uint64_t)1 << 63, (uint64_t)1 << 32, 100000};
    size_t n;
    unsigned char *bytes = small_file(&n), *altered = malloc(n);
    assert_non_null(altered);
    for (size_t at = 24; at + 8 < n; at += 16 + (size_t)alertron__load_le(bytes + at + 8, 8))
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            memcpy(altered, bytes, n);
            alertron__store_le(altered + at + 8, 8, lengths[i]);
            seal(altered, n);
            assert_int_equal(load_hostile(altered, n), ALERTRON_ERROR_FORMAT);
        }
    free(altered);
    free(bytes);
}

static void memory_that_runs_out_leaks_nothing(void **state)
{
    (void)state;
    size_t n;
    unsigned char *bytes = small_file(&n);
    bool done = false;
    for (size_t nth = 1; !done; nth++) {
        failing_allocator failing = {.nth = nth};
        const alertron_allocator allocator = failing_allocator_of(&failing);
        alertron_error error = {.status = ALERTRON_ERROR_MEMORY};
        alertron_model *model = alertron_model_load(bytes, n, &allocator, &error);
        assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
        done = model != NULL;
        alertron_model_free(model);
        assert_int_equal(failing.bytes_held, 0);
        assert_true(done || nth < 100);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_saved_loads_as_it_was),
        cmocka_unit_test(save_tells_its_size_and_writes_only_what_fits),
        cmocka_unit_test(the_checksum_is_crc_64_xz),
        cmocka_unit_test(a_file_of_format_version_1_gives_its_scores),
        cmocka_unit_test(a_file_with_optional_sections_gives_what_is_in_them),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_cut_and_every_addition_is_refused),
        cmocka_unit_test(another_format_version_is_told_apart_from_damage),
        cmocka_unit_test(sealed_cuts_are_refused),
        cmocka_unit_test(sealed_alterations_never_crash),
        cmocka_unit_test(each_field_is_checked),
        cmocka_unit_test(unknown_sections_are_skipped_where_their_tag_allows_it),
        cmocka_unit_test(a_histogram_of_training_scores_is_checked),
        cmocka_unit_test(tests_of_a_model_are_bounded),
        cmocka_unit_test(a_section_stands_there_once),
        cmocka_unit_test(sections_that_are_missing_or_too_many_are_refused),
        cmocka_unit_test(a_section_longer_than_the_file_is_refused),
        cmocka_unit_test(memory_that_runs_out_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
