/* test_pickle.c: pickles that are no forest, most of them made to do harm. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A pickle under construction. */
struct draft {
    unsigned char *bytes;
    size_t n, capacity;
};

static void add(struct draft *draft, const void *bytes, size_t n)
{
    if (draft->n + n > draft->capacity) {
        draft->capacity = 2 * (draft->n + n) + 64;
        draft->bytes = realloc(draft->bytes, draft->capacity);
        assert_non_null(draft->bytes);
    }
    memcpy(draft->bytes + draft->n, bytes, n);
    draft->n += n;
}

/* Operations without a zero byte. */
static void add_text(struct draft *draft, const char *operations)
{
    add(draft, operations, strlen(operations));
}

static void add_times(struct draft *draft, const char *operations, size_t times)
{
    for (size_t i = 0; i < times; i++)
        add_text(draft, operations);
}

static void add_byte(struct draft *draft, unsigned char byte)
{
    add(draft, &byte, 1);
}

static void add_number(struct draft *draft, uint64_t number, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        add_byte(draft, (unsigned char)(number >> (8 * i)));
}

static void add_string(struct draft *draft, const char *text)
{
    add_byte(draft, 0x8c);
    add_number(draft, strlen(text), 1);
    add_text(draft, text);
}

static void add_class(struct draft *draft, const char *module, const char *name)
{
    add_string(draft, module);
    add_string(draft, name);
    add_byte(draft, 0x93);
}

static struct draft begin(unsigned char protocol)
{
    struct draft draft = {0};
    add_byte(&draft, 0x80);
    add_byte(&draft, protocol);
    return draft;
}

/* Loading must fail with this status and a text that holds `expected`, in bounded memory, without a leak. */
static uint64_t refuses(struct draft *draft, alertron_status status, const char *expected)
{
    failing_allocator state = {0};
    const alertron_allocator allocator = failing_allocator_of(&state);
    alertron_error error = {0};
    assert_null(alertron_model_load(draft->bytes, draft->n, &allocator, &error));
    if (!strstr(error.text, expected))
        fail_msg("\"%s\" does not say \"%s\"", error.text, expected);
    assert_int_equal(error.status, status);
    assert_true(state.bytes_peak <= 16 * draft->n + 1048576 && state.bytes_peak <= draft->n + 513 * 1048576);
    assert_int_equal(state.bytes_held, 0);
    assert_null(strchr(error.text, '\n'));
    free(draft->bytes);
    return error.offset;
}

static void refuses_to_call_a_shell(void **state)
{
    (void)state;
    struct draft draft = begin(2);
    add_text(&draft, "cposix\nsystem\nX\x02");
    add(&draft, "\0\0\0id\x85R.", 8);
    assert_int_equal(refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "posix.system at byte 2 is not part of an isolation"),
                     2);
    draft = begin(4);
    add_class(&draft, "builtins", "eval");
    add_string(&draft, "1");
    add_text(&draft, "\x85R.");
    refuses(&draft, ALERTRON_ERROR_UNSUPPORTED,
            "builtins.eval at byte 18 is not part of an isolation forest; load only");
}

static void refuses_other_estimators_by_name(void **state)
{
    (void)state;
    struct draft draft = begin(4);
    add_class(&draft, "sklearn.decomposition._pca", "PCA");
    refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "sklearn.decomposition._pca.PCA");
    draft = begin(4);
    add_class(&draft, "sklearn.ensemble._forest", "RandomForestClassifier");
    refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "save a fitted IsolationForest");
    draft = begin(4);
    add_class(&draft, "__main__", "Detector");
    refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "save the scikit-learn objects inside it");
}

static void shows_no_control_bytes_of_a_hostile_name(void **state)
{
    (void)state;
    struct draft draft = begin(4);
    add_class(&draft, "evil\x1b[2J\n",
              "na\xff"
              "me");
    refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "evil?[2J?.na?me");
}

static void refuses_functions_that_the_list_only_names(void **state)
{
    (void)state;
    struct draft draft = begin(4);
    add_class(&draft, "numpy", "ndarray");
    add_text(&draft, ")R.");
    refuses(&draft, ALERTRON_ERROR_FORMAT, "an object that can't be made");
    draft = begin(4);
    add_class(&draft, "sklearn.tree._tree", "Tree");
    add_text(&draft, ")\x81.");
    refuses(&draft, ALERTRON_ERROR_FORMAT, "an object that can't be made");
}

static void refuses_operations_that_no_forest_has(void **state)
{
    (void)state;
    const char operations[] = "0 2 P Q i o d l p g I L S V T U \x82 \x83 \x84 \x8b \x8f \x90 \x91 \x92 \x97 \x98 \xff";
    for (size_t i = 0; i < sizeof operations - 1; i += 2) {
        struct draft draft = begin(4);
        add_byte(&draft, (unsigned char)operations[i]);
        refuses(&draft, ALERTRON_ERROR_FORMAT, "has no place in a pickled forest");
    }
}

static void refuses_other_protocols(void **state)
{
    (void)state;
    for (unsigned protocol = 0; protocol < 256; protocol++) {
        struct draft draft = begin((unsigned char)protocol);
        add_text(&draft, "N.");
        if (protocol < 2 || protocol > 5)
            refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "save the model with protocol 2 to 5");
        else
            refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "the model is None");
    }
    struct draft draft = {0};
    add_text(&draft, "ccopy_reg\n_reconstructor\np0\n");
    refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "a text pickle of protocol 0 or 1");
}

static void survives_values_that_hold_themselves(void **state)
{
    (void)state;
    struct draft draft = begin(2);
    add(&draft, "]q\0h\0a.", 7);
    refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "the model is a list");

    draft = begin(4);
    add_text(&draft, "}\x94(");
    add_string(&draft, "scaler");
    add(&draft, "h\0", 2);
    add_string(&draft, "model");
    add(&draft, "h\0u.", 4);
    refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "a dict");

    draft = begin(4);
    add_class(&draft, "sklearn.pipeline", "Pipeline");
    add_text(&draft, ")\x81\x94}");
    add_string(&draft, "steps");
    add_text(&draft, "](N");
    add(&draft, "h\0\x86", 3);
    add(&draft,
        "Nh\0\x86"
        "esb.",
        8);
    refuses(&draft, ALERTRON_ERROR_LIMIT, "deep in others");
}

static void survives_values_that_double_at_each_level(void **state)
{
    (void)state;
    struct draft draft = begin(4);
    add_text(&draft, "](N\x94");
    for (unsigned char i = 0; i < 100; i++) {
        const unsigned char twice[] = {'h', i, 'h', i, 0x86, 0x94};
        add(&draft, twice, sizeof twice);
    }
    add_text(&draft, "e.");
    refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "the model is a list");
}

/* Four pipelines, each the only content of the next one, thirty times: 810,000 steps in a few hundred bytes. */
static void survives_pipelines_that_multiply_at_each_level(void **state)
{
    (void)state;
    struct draft draft = begin(4);
    for (int i = 0; i < 4; i++) {
        add_class(&draft, "sklearn.pipeline", "Pipeline");
        add_text(&draft, ")\x81}");
        add_string(&draft, "steps");
        add_text(&draft, "](N");
    }
    add_text(&draft, "N\x94");
    for (unsigned char i = 0; i < 4; i++) {
        const unsigned char again[] = {'N', 'h', i, 0x86};
        add_text(&draft, "\x86");
        for (int j = 1; j < 30; j++)
            add(&draft, again, sizeof again);
        add_text(&draft, "esb\x94");
    }
    add_text(&draft, ".");
    refuses(&draft, ALERTRON_ERROR_LIMIT, "a Pipeline of more than 64 steps");
}

static void refuses_an_object_that_is_built_twice(void **state)
{
    (void)state;
    struct draft draft = begin(4);
    add_class(&draft, "sklearn.pipeline", "Pipeline");
    add_text(&draft, ")\x81}b}b.");
    refuses(&draft, ALERTRON_ERROR_FORMAT, "a state without its object");
}

/* Many objects can share one dict, so a huge one is not looked through. */
static void looks_through_no_huge_dict(void **state)
{
    (void)state;
    for (int keys = 100; keys <= 200; keys += 100) {
        struct draft draft = begin(4);
        add_text(&draft, "}(");
        add_string(&draft, "scaler");
        add_text(&draft, "N");
        add_string(&draft, "model");
        add_text(&draft, "N");
        for (int i = 2; i < keys; i++) {
            add_string(&draft, "key");
            add_text(&draft, "N");
        }
        add_text(&draft, "u.");
        refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, keys == 100 ? "a part of the model is None" : "lacks the key");
    }
}

static void bounds_nesting(void **state)
{
    (void)state;
    struct draft draft = begin(4);
    add_times(&draft, "(", 1000000);
    refuses(&draft, ALERTRON_ERROR_LIMIT, "more than 64 nested containers");
    draft = begin(4);
    add_text(&draft, "N");
    add_times(&draft, "\x85", 1000000);
    refuses(&draft, ALERTRON_ERROR_LIMIT, "made to exhaust memory");
}

static void bounds_the_stack(void **state)
{
    (void)state;
    struct draft draft = begin(4);
    add_text(&draft, "N\x94");
    for (int i = 0; i < 300000; i++)
        add(&draft, "h\0", 2);
    refuses(&draft, ALERTRON_ERROR_LIMIT, "values on the stack");
}

static void bounds_memory_by_the_files_size(void **state)
{
    (void)state;
    const char *const bombs[] = {"N", "}", "]", ")", "](NNNNNNNNNNNNNNNNe", "\x88", "}\x94"};
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        struct draft draft = begin(4);
        add_text(&draft, "](");
        for (int j = 0; j < 4000; j++) {
            add_times(&draft, bombs[i], 100);
            add_text(&draft, "e(");
        }
        refuses(&draft, ALERTRON_ERROR_LIMIT, "memory");
    }
}

/* A large file is large by its arrays, not by a million values. */
static void bounds_memory_however_large_the_file_is(void **state)
{
    (void)state;
    const size_t n = 56 * 1048576;
    struct draft draft = {.bytes = malloc(n), .n = n, .capacity = n};
    assert_non_null(draft.bytes);
    memcpy(draft.bytes, "\x80\x04]]", 4);
    for (size_t i = 4; i < n; i++)
        draft.bytes[i] = i % 2 ? 'a' : 'N';
    refuses(&draft, ALERTRON_ERROR_LIMIT, "made to exhaust memory");
}

static void refuses_counts_beyond_the_file(void **state)
{
    (void)state;
    const struct {
        unsigned char code;
        size_t n_bytes;
    } counted[] = {{'X', 4}, {'B', 4}, {0x8d, 8}, {0x8e, 8}, {0x96, 8}, {0x95, 8}, {0x8c, 1}, {'C', 1}, {0x8a, 1}};
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
        for (int huge = 0; huge < 2; huge++) {
            struct draft draft = begin(4);
            add_byte(&draft, counted[i].code);
            add_number(&draft, huge ? UINT64_MAX : 9, counted[i].n_bytes);
            add_text(&draft, "12345678");
            assert_int_equal(refuses(&draft, ALERTRON_ERROR_FORMAT, "cut short or damaged"), 2);
        }
    }
    struct draft draft = begin(2);
    add_text(&draft, "cnumpy\ndtype");
    refuses(&draft, ALERTRON_ERROR_FORMAT, "cut short");
}

static void refuses_a_memo_out_of_turn(void **state)
{
    (void)state;
    struct draft draft = begin(2);
    add_text(&draft, "Nr\xff\xff\xff\xff.");
    refuses(&draft, ALERTRON_ERROR_FORMAT, "a memo entry out of turn");
    draft = begin(2);
    add_text(&draft, "Nj\xff\xff\xff\x7f.");
    refuses(&draft, ALERTRON_ERROR_FORMAT, "a memo entry that was never made");
    draft = begin(4);
    add_text(&draft, "\x94");
    refuses(&draft, ALERTRON_ERROR_FORMAT, "an operation without its value");
}

static void refuses_operations_without_their_values(void **state)
{
    (void)state;
    const char *const starts[] = {"t",     "e",      "u",      "a",    "s",   "Na",  "NNs",     "R",
                                  "b",     "\x81",   "\x93",   ".",    "(.",  "N(.", "NN.",     "\x85",
                                  "N\x86", "(\x85",  "N(a",    "}(Nu", "](N", "N(b", "Nb",      "NNb",
                                  "}N)R",  "NN\x81", "NN\x93", "}}b",  "]}s", "((e", "N\x94(h", "\x80\x04"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        struct draft draft = begin(4);
        add_text(&draft, starts[i]);
        refuses(&draft, ALERTRON_ERROR_FORMAT, "at byte");
    }
}

static void refuses_what_follows_the_model(void **state)
{
    (void)state;
    struct draft draft = begin(4);
    add_text(&draft, "}.\x80\x04}.");
    assert_int_equal(refuses(&draft, ALERTRON_ERROR_FORMAT, "save them together"), 4);
}

/* A wrapper of joblib's with this shape and type; `rest` follows its BUILD. */
static struct draft wrapper(const char *shape, size_t n_shape, const char *type, const char *rest, size_t n_rest)
{
    struct draft draft = begin(4);
    add_class(&draft, "joblib.numpy_pickle", "NumpyArrayWrapper");
    add_text(&draft, ")\x81}(");
    add_string(&draft, "subclass");
    add_class(&draft, "numpy", "ndarray");
    add_string(&draft, "shape");
    add(&draft, shape, n_shape);
    add_string(&draft, "dtype");
    add_class(&draft, "numpy", "dtype");
    add_string(&draft, type);
    add_text(&draft, "\x89\x88\x87R(K\x03");
    add_string(&draft, "<");
    add_text(&draft, "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK");
    add(&draft, "\0tb", 3);
    add_string(&draft, "numpy_array_alignment_bytes");
    add_text(&draft, "K\x10ub");
    add(&draft, rest, n_rest);
    return draft;
}

static void reads_raw_array_data(void **state)
{
    (void)state;
    struct draft draft = wrapper("K\x02\x85", 3, "u2",
                                 "\x02\xff\xff"
                                 "1234.",
                                 8);
    refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "the model is an array");
}

static void refuses_raw_array_data_that_is_not_there(void **state)
{
    (void)state;
    struct draft draft = wrapper("K\x02\x85", 3, "f8", "\x01\xff.", 3);
    refuses(&draft, ALERTRON_ERROR_FORMAT, "cut short");
    draft = wrapper("K\x02\x85", 3, "f8", "\x04\xff\xff.......", 10);
    refuses(&draft, ALERTRON_ERROR_FORMAT, "not where it should be");
    draft = wrapper("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85", 11, "f8", "\x01\xff.", 3);
    refuses(&draft, ALERTRON_ERROR_FORMAT, "impossible size");
    draft = wrapper("\x8a\x04\xff\xff\xff\x7f\x8a\x05\xff\xff\xff\xff\x7f\x86", 14, "f8", "\x01\xff.", 3);
    refuses(&draft, ALERTRON_ERROR_FORMAT, "shape");
    draft = wrapper("J\xff\xff\xff\xff\x85", 6, "f8", "\x01\xff.", 3);
    refuses(&draft, ALERTRON_ERROR_FORMAT, "shape");
    draft = wrapper("(K\x01K\x01K\x01K\x01K\x01t", 12, "f8", "\x01\xff.", 3);
    refuses(&draft, ALERTRON_ERROR_FORMAT, "shape");
    draft = wrapper("N", 1, "f8", "\x01\xff.", 3);
    refuses(&draft, ALERTRON_ERROR_FORMAT, "shape");
    draft = wrapper("K\x02\x85", 3, "V0", "\x01\xff.", 3);
    refuses(&draft, ALERTRON_ERROR_FORMAT, "type of numbers");
    draft = wrapper("K\x02\x85", 3, "f99999999", "\x01\xff.", 3);
    refuses(&draft, ALERTRON_ERROR_FORMAT, "type of numbers");
}

static void reads_one_pickle_inside_another_and_no_deeper(void **state)
{
    (void)state;
    struct draft inner = wrapper("K\x02\x85", 3, "O8", "\x80\x02].", 4);
    add_text(&inner, ".");
    struct draft outer = wrapper("K\x02\x85", 3, "O8", (const char *)inner.bytes, inner.n);
    add_text(&outer, ".");
    refuses(&inner, ALERTRON_ERROR_UNSUPPORTED, "the model is a list");
    refuses(&outer, ALERTRON_ERROR_FORMAT, "an array of joblib's in a pickle that joblib didn't write");
}

/* Protocol 2 holds an array's bytes as text. Asking for the same text again must cost nothing. */
static void encodes_a_text_once(void **state)
{
    (void)state;
    struct draft draft = begin(2);
    const uint32_t n = 400000;
    add_text(&draft, "c_codecs\nencode\nq");
    add(&draft, "\0X", 2);
    add_number(&draft, n, 4);
    add_times(&draft, "\xc3\xbf", n / 2);
    add_text(&draft, "q\x01X\x06");
    add(&draft, "\0\0\0latin1\x86q\x02R", 13);
    for (int i = 0; i < 30000; i++)
        add(&draft, "h\0h\x02R\x86", 6);
    add_text(&draft, ".");
    refuses(&draft, ALERTRON_ERROR_UNSUPPORTED, "the model is a tuple");
    draft = begin(2);
    add_text(&draft, "c_codecs\nencode\nX\x02");
    add(&draft, "\0\0\0\xc4\x80X\x06\0\0\0latin1\x86R.", 19);
    refuses(&draft, ALERTRON_ERROR_FORMAT, "is no array's data");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_to_call_a_shell),
        cmocka_unit_test(refuses_other_estimators_by_name),
        cmocka_unit_test(shows_no_control_bytes_of_a_hostile_name),
        cmocka_unit_test(refuses_functions_that_the_list_only_names),
        cmocka_unit_test(refuses_operations_that_no_forest_has),
        cmocka_unit_test(refuses_other_protocols),
        cmocka_unit_test(survives_values_that_hold_themselves),
        cmocka_unit_test(survives_values_that_double_at_each_level),
        cmocka_unit_test(survives_pipelines_that_multiply_at_each_level),
        cmocka_unit_test(refuses_an_object_that_is_built_twice),
        cmocka_unit_test(looks_through_no_huge_dict),
        cmocka_unit_test(bounds_nesting),
        cmocka_unit_test(bounds_the_stack),
        cmocka_unit_test(bounds_memory_by_the_files_size),
        cmocka_unit_test(bounds_memory_however_large_the_file_is),
        cmocka_unit_test(refuses_counts_beyond_the_file),
        cmocka_unit_test(refuses_a_memo_out_of_turn),
        cmocka_unit_test(refuses_operations_without_their_values),
        cmocka_unit_test(refuses_what_follows_the_model),
        cmocka_unit_test(reads_raw_array_data),
        cmocka_unit_test(refuses_raw_array_data_that_is_not_there),
        cmocka_unit_test(reads_one_pickle_inside_another_and_no_deeper),
        cmocka_unit_test(encodes_a_text_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
