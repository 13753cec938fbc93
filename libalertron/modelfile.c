/* modelfile.c: libalertron's own model file, out and in. docs/model-format.md describes it byte by byte.
 *
 *     "ALERTRON"  u32 version  u32 sections  u64 bytes of the file
 *     sections:   4-byte tag   u32 zero      u64 bytes of the payload   payload
 *     u64 CRC-64 of all bytes before it
 *
 * All numbers are little-endian. The CRC finds every change within eight neighbouring bytes, and any other but for
 * one in 2^64. What it can't find, a file that somebody made, is checked again value by value, and in the end against
 * the golden rows.
 */
#include "private.h"

#include <string.h>

enum { VERSION = 1, HEADER_BYTES = 24, SECTION_BYTES = 16, NODE_BYTES = 16, CHECKSUM_BYTES = 8 };
enum { FOREST_BYTES = 32, CUTS_BYTES = 56, HISTOGRAM_BYTES = 8 * ALERTRON_SCORE_BINS };
enum { FLAG_MISSING_VALUES = 1 };

static const char magic[] = "ALERTRON";

enum {
    SECTION_FRST,
    SECTION_TREE,
    SECTION_NODE,
    SECTION_CUTS,
    SECTION_GOLD,
    SECTION_PROD,
    SECTION_PROV,
    SECTION_NAME, /* this and what follows may be missing */
    SECTION_HIST,
    SECTION_TEST,
    SECTIONS
};

static const char *const tags[SECTIONS] = {"FRST", "TREE", "NODE", "CUTS", "GOLD",
                                           "PROD", "PROV", "NAME", "hist", "test"};

/* CRC-64/XZ: ECMA-182's polynomial, reflected. Sixteen bytes at a time: each piece of them has a table that says what
 * it does to the sum after as many pieces as follow it, and so none waits for another. The tables are made on the
 * stack: 32 KiB, or 4 KiB where memory is small. */
enum { STRIDE = 16, PIECE_BITS = UINTPTR_MAX > 0xffffffff ? 8 : 4 };
enum { PIECES = STRIDE * 8 / PIECE_BITS, PIECE_VALUES = 1 << PIECE_BITS };

static void make_crc_tables(uint64_t tables[PIECES][PIECE_VALUES])
{
    for (uint64_t value = 0; value < PIECE_VALUES; value++) {
        uint64_t crc = value;
        for (int bit = 0; bit < PIECE_BITS; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xc96c5795d7870f42u : 0);
        tables[0][value] = crc;
    }
    for (int i = 1; i < PIECES; i++)
        for (int value = 0; value < PIECE_VALUES; value++)
            tables[i][value] = tables[i - 1][value] >> PIECE_BITS ^ tables[0][tables[i - 1][value] % PIECE_VALUES];
}

static uint64_t crc_of(const unsigned char *bytes, size_t n)
{
    uint64_t tables[PIECES][PIECE_VALUES], crc = UINT64_MAX;
    make_crc_tables(tables);
    for (; n >= STRIDE; n -= STRIDE, bytes += STRIDE) {
        const uint64_t first = alertron__load_le(bytes, 8) ^ crc, second = alertron__load_le(bytes + 8, 8);
        crc = 0;
        for (int i = 0; i < PIECES / 2; i++)
            crc ^= tables[PIECES - 1 - i][first >> PIECE_BITS * i & (PIECE_VALUES - 1)] ^
                   tables[PIECES / 2 - 1 - i][second >> PIECE_BITS * i & (PIECE_VALUES - 1)];
    }
    for (; n > 0; n--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit += PIECE_BITS)
            crc = crc >> PIECE_BITS ^ tables[0][crc % PIECE_VALUES];
    }
    return ~crc;
}

/* --- out: bytes go to the buffer as long as they fit, and are counted all the same ---------------- */

struct writer {
    unsigned char *buffer;
    size_t capacity, n;
};

static void write_bytes(struct writer *writer, const void *bytes, size_t n)
{
    if (n == 0)
        return;
    if (n <= writer->capacity && writer->n <= writer->capacity - n)
        memcpy(writer->buffer + writer->n, bytes, n);
    writer->n += n;
}

static void write_integer(struct writer *writer, size_t n_bytes, uint64_t value)
{
    unsigned char bytes[8];
    alertron__store_le(bytes, n_bytes, value);
    write_bytes(writer, bytes, n_bytes);
}

static void write_double(struct writer *writer, double value)
{
    write_integer(writer, 8, alertron__bits_of_double(value));
}

static void write_section(struct writer *writer, const char *tag, uint64_t payload_bytes)
{
    write_bytes(writer, tag, 4);
    write_integer(writer, 4, 0);
    write_integer(writer, 8, payload_bytes);
}

static void write_forest(struct writer *writer, const alertron_model *model)
{
    const struct forest *forest = model->forest;
    write_section(writer, "FRST", FOREST_BYTES);
    write_integer(writer, 4, forest->n_features);
    write_integer(writer, 4, forest->n_trees);
    write_integer(writer, 4, forest->n_nodes);
    write_integer(writer, 4, forest->missing_values ? FLAG_MISSING_VALUES : 0);
    write_integer(writer, 4, model->samples);
    write_integer(writer, 4, 0);
    write_double(writer, model->normalizer);
}

static void write_trees(struct writer *writer, const struct forest *forest)
{
    write_section(writer, "TREE", 4 * (uint64_t)forest->n_trees);
    for (uint32_t tree = 0; tree < forest->n_trees; tree++)
        write_integer(writer, 4, alertron__forest_tree_nodes(forest, tree));
}

/* A node: its threshold, or a leaf's term; its left child counted from the root, 0 for a leaf; feature; flags. */
static void write_nodes(struct writer *writer, const struct forest *forest)
{
    write_section(writer, "NODE", NODE_BYTES * (uint64_t)forest->n_nodes);
    for (uint32_t tree = 0; tree < forest->n_trees; tree++)
        for (uint32_t index = 0; index < alertron__forest_tree_nodes(forest, tree); index++) {
            const struct tree_node node = alertron__forest_node(forest, tree, index);
            const bool leaf = node.left < 0;
            write_double(writer, leaf ? node.term : node.threshold);
            write_integer(writer, 4, leaf ? 0 : (uint64_t)node.left);
            write_integer(writer, 2, leaf ? 0 : (uint64_t)node.feature);
            write_integer(writer, 2, !leaf && node.missing_left);
        }
}

static void write_cuts(struct writer *writer, const alertron_cuts *cuts)
{
    write_section(writer, "CUTS", CUTS_BYTES);
    write_double(writer, cuts->threshold);
    write_double(writer, cuts->medium);
    write_double(writer, cuts->high);
    write_double(writer, cuts->medium_quantile);
    write_double(writer, cuts->high_quantile);
    write_integer(writer, 8, cuts->n_scores);
    write_integer(writer, 4, cuts->origin);
    write_integer(writer, 4, 0);
}

static void write_golden_rows(struct writer *writer, const alertron_model *model)
{
    const size_t n = GOLDEN_ROWS * ((size_t)model->forest->n_features + 1);
    write_section(writer, "GOLD", 8 * n);
    for (size_t i = 0; i < n; i++)
        write_double(writer, model->golden[i]);
}

static void write_names(struct writer *writer, const alertron_model *model)
{
    uint64_t payload = 0;
    for (uint32_t i = 0; i < model->forest->n_features; i++)
        payload += 2 + strlen(model->feature_names[i]);
    write_section(writer, "NAME", payload);
    for (uint32_t i = 0; i < model->forest->n_features; i++) {
        size_t length = strlen(model->feature_names[i]);
        write_integer(writer, 2, length);
        write_bytes(writer, model->feature_names[i], length);
    }
}

static void write_text(struct writer *writer, const char *tag, const char *text)
{
    write_section(writer, tag, strlen(text));
    write_bytes(writer, text, strlen(text));
}

static void write_training_scores(struct writer *writer, const uint64_t *counts)
{
    write_section(writer, "hist", HISTOGRAM_BYTES);
    for (size_t i = 0; i < ALERTRON_SCORE_BINS; i++)
        write_integer(writer, 8, counts[i]);
}

static void write_model(struct writer *writer, const alertron_model *model, uint64_t file_bytes)
{
    write_bytes(writer, magic, 8);
    write_integer(writer, 4, VERSION);
    const bool has_names = model->feature_names, has_scores = model->training_scores, has_tests = *model->tests;
    write_integer(writer, 4, (uint64_t)SECTION_NAME + has_names + has_scores + has_tests);
    write_integer(writer, 8, file_bytes);
    write_forest(writer, model);
    write_trees(writer, model->forest);
    write_nodes(writer, model->forest);
    write_cuts(writer, &model->cuts);
    write_golden_rows(writer, model);
    write_text(writer, "PROD", model->producer);
    write_text(writer, "PROV", model->provenance);
    if (has_names)
        write_names(writer, model);
    if (has_scores)
        write_training_scores(writer, model->training_scores);
    if (has_tests)
        write_text(writer, "test", model->tests);
    write_integer(writer, CHECKSUM_BYTES, writer->n <= writer->capacity ? crc_of(writer->buffer, writer->n) : 0);
}

size_t alertron_model_save(const alertron_model *model, void *buffer, size_t capacity)
{
    struct writer count = {0};
    write_model(&count, model, 0);
    if (count.n <= capacity) {
        struct writer writer = {.buffer = buffer, .capacity = capacity};
        write_model(&writer, model, count.n);
    }
    return count.n;
}

/* --- in ------------------------------------------------------------------------------------------ */

struct section {
    const unsigned char *payload;
    size_t n;
    uint64_t offset; /* of the payload in the file */
};

struct reader {
    const unsigned char *bytes;
    size_t n_bytes;
    struct section sections[SECTIONS];
    const alertron_allocator *allocator;
    alertron_error *error;
};

bool alertron__modelfile_is(const unsigned char *bytes, size_t n_bytes)
{
    return n_bytes >= 8 && memcmp(bytes, magic, 8) == 0;
}

static double load_double(const unsigned char *at)
{
    return alertron__double_of_bits(alertron__load_le(at, 8));
}

static alertron_status malformed(const struct reader *reader, uint64_t offset, const char *what)
{
    return alertron__error(reader->error, ALERTRON_ERROR_FORMAT, offset,
                           "%s (byte %llu); the file was altered or cut: take it again from where it was made", what,
                           (unsigned long long)offset);
}

/* The outermost checks come first and cover every byte: length, version, checksum. */
static alertron_status check_frame(const struct reader *reader)
{
    if (reader->n_bytes < HEADER_BYTES + CHECKSUM_BYTES)
        return malformed(reader, reader->n_bytes, "the model file ends within its header");
    const uint64_t version = alertron__load_le(reader->bytes + 8, 4);
    const uint64_t file_bytes = alertron__load_le(reader->bytes + 16, 8);
    const size_t covered = reader->n_bytes - CHECKSUM_BYTES;
    const uint64_t checksum = alertron__load_le(reader->bytes + covered, CHECKSUM_BYTES);
    const bool intact = crc_of(reader->bytes, covered) == checksum;
    if (file_bytes > reader->n_bytes)
        return malformed(reader, reader->n_bytes, "the model file is shorter than its header says");
    if (!intact || file_bytes != reader->n_bytes)
        return malformed(reader, covered, "the model file's checksum does not fit its content");
    if (version != VERSION)
        return alertron__error(reader->error, ALERTRON_ERROR_UNSUPPORTED, 8,
                               "the model file has format version %llu and this library reads version %d: "
                               "use a library of the version that wrote it, or newer",
                               (unsigned long long)version, VERSION);
    return ALERTRON_OK;
}

/* A tag that begins with a small letter may be skipped by those who do not know it. */
static alertron_status note_section(struct reader *reader, const unsigned char *header, struct section section)
{
    for (int i = 0; i < SECTIONS; i++)
        if (memcmp(header, tags[i], 4) == 0) {
            if (reader->sections[i].payload)
                return malformed(reader, section.offset, "a section of the model file stands there twice");
            reader->sections[i] = section;
            return ALERTRON_OK;
        }
    if (header[0] >= 'a' && header[0] <= 'z')
        return ALERTRON_OK;
    return alertron__error(reader->error, ALERTRON_ERROR_UNSUPPORTED, section.offset,
                           "a section at byte %llu is not known to this version: use a newer library",
                           (unsigned long long)section.offset);
}

static alertron_status find_sections(struct reader *reader)
{
    const uint64_t n_sections = alertron__load_le(reader->bytes + 12, 4);
    const size_t end = reader->n_bytes - CHECKSUM_BYTES;
    size_t at = HEADER_BYTES;
    for (uint64_t i = 0; i < n_sections; i++) {
        if (end - at < SECTION_BYTES)
            return malformed(reader, at, "a section's header is cut short");
        const uint64_t n = alertron__load_le(reader->bytes + at + 8, 8);
        const unsigned char *header = reader->bytes + at;
        at += SECTION_BYTES;
        if (n > end - at || alertron__load_le(header + 4, 4) != 0)
            return malformed(reader, at, "a section of the model file is longer than the file");
        alertron_status status = note_section(reader, header, (struct section){reader->bytes + at, (size_t)n, at});
        if (status != ALERTRON_OK)
            return status;
        at += (size_t)n;
    }
    if (at != end)
        return malformed(reader, at, "bytes between the last section and the checksum");
    for (int i = 0; i < SECTION_NAME; i++)
        if (!reader->sections[i].payload)
            return malformed(reader, end, "a section of the model file is missing");
    return ALERTRON_OK;
}

/* Counts are checked against the bytes that are there before anything is allocated by them. */
static struct forest *load_counts(const struct reader *reader, struct model_parts *parts)
{
    const struct section *frst = &reader->sections[SECTION_FRST];
    if (frst->n != FOREST_BYTES) {
        malformed(reader, frst->offset, "the section FRST has a wrong length");
        return NULL;
    }
    const uint64_t n_features = alertron__load_le(frst->payload, 4), n_trees = alertron__load_le(frst->payload + 4, 4);
    const uint64_t n_nodes = alertron__load_le(frst->payload + 8, 4), flags = alertron__load_le(frst->payload + 12, 4);
    if (n_features == 0 || n_features > ALERTRON_FEATURES_MAX || n_trees == 0 || n_trees > ALERTRON_TREES_MAX ||
        n_nodes > ALERTRON_NODES_MAX) {
        alertron__error(reader->error, ALERTRON_ERROR_LIMIT, frst->offset,
                        "%llu features, %llu trees, %llu nodes: more than this library loads, or none",
                        (unsigned long long)n_features, (unsigned long long)n_trees, (unsigned long long)n_nodes);
        return NULL;
    }
    if (flags > FLAG_MISSING_VALUES) {
        alertron__error(reader->error, ALERTRON_ERROR_UNSUPPORTED, frst->offset + 12,
                        "the forest has flags that are not known to this version: use a newer library");
        return NULL;
    }
    if (reader->sections[SECTION_TREE].n != 4 * n_trees || reader->sections[SECTION_NODE].n != NODE_BYTES * n_nodes ||
        reader->sections[SECTION_GOLD].n != 8 * GOLDEN_ROWS * (n_features + 1)) {
        malformed(reader, frst->offset, "the counts in the section FRST do not fit the other sections");
        return NULL;
    }
    parts->samples = (uint32_t)alertron__load_le(frst->payload + 16, 4);
    parts->normalizer = load_double(frst->payload + 24);
    struct forest *forest = alertron__forest_new((uint32_t)n_features, (uint32_t)n_trees, (uint32_t)n_nodes,
                                                 reader->allocator, reader->error);
    if (forest)
        forest->missing_values = flags & FLAG_MISSING_VALUES;
    return forest;
}

/* Leaves come as they like, so no branch asks for them. */
static void load_node(const unsigned char *at, struct tree_node *node)
{
    const uint64_t child = alertron__load_le(at + 8, 4);
    const bool leaf = child == 0;
    node->left = leaf ? -1 : (int64_t)child;
    node->right = leaf ? -1 : (int64_t)child + 1;
    node->feature = (int64_t)alertron__load_le(at + 12, 2);
    node->threshold = node->term = load_double(at);
    node->missing_left = alertron__load_le(at + 14, 2) & 1;
}

static alertron_status load_trees(const struct reader *reader, struct forest *forest)
{
    const struct section *tree_section = &reader->sections[SECTION_TREE],
                         *node_section = &reader->sections[SECTION_NODE];
    uint64_t first = 0;
    for (uint32_t tree = 0; tree < forest->trees_max; tree++) {
        const uint32_t n = (uint32_t)alertron__load_le(tree_section->payload + 4 * (size_t)tree, 4);
        if (n > forest->nodes_max - first)
            return malformed(reader, tree_section->offset + 4 * tree, "a tree has more nodes than the forest");
        struct tree_node *nodes = alertron__new(reader->allocator, n, sizeof *nodes);
        if (!nodes)
            return alertron__error_memory(reader->error);
        for (uint32_t i = 0; i < n; i++)
            load_node(node_section->payload + NODE_BYTES * (first + i), &nodes[i]);
        alertron_status status = alertron__forest_add_tree(forest, nodes, n, reader->error);
        alertron__release(reader->allocator, nodes, n, sizeof *nodes);
        if (status != ALERTRON_OK)
            return status;
        first += n;
    }
    return ALERTRON_OK;
}

static alertron_status load_cuts(const struct reader *reader, alertron_cuts *cuts)
{
    const struct section *section = &reader->sections[SECTION_CUTS];
    if (section->n != CUTS_BYTES)
        return malformed(reader, section->offset, "the section CUTS has a wrong length");
    const uint64_t origin = alertron__load_le(section->payload + 48, 4);
    if (origin > ALERTRON_CUTS_STREAM)
        return malformed(reader, section->offset + 48, "the origin of the severity cuts is not known");
    *cuts = (alertron_cuts){.threshold = load_double(section->payload),
                            .medium = load_double(section->payload + 8),
                            .high = load_double(section->payload + 16),
                            .medium_quantile = load_double(section->payload + 24),
                            .high_quantile = load_double(section->payload + 32),
                            .n_scores = alertron__load_le(section->payload + 40, 8),
                            .origin = (alertron_cuts_origin)origin};
    if (alertron__quantiles_check(cuts->medium_quantile, cuts->high_quantile, NULL) != ALERTRON_OK)
        return malformed(reader, section->offset + 24, "the severity quantiles are not numbers in rising order");
    return ALERTRON_OK;
}

/* Texts and names become C strings: what they hold is copied out with a NUL behind each. */
struct texts {
    char *memory;
    const char **names;
    size_t n_memory, n_names, used;
};

static const char *take_text(struct texts *texts, const unsigned char *bytes, size_t n)
{
    char *text = texts->memory + texts->used;
    if (n > 0)
        memcpy(text, bytes, n);
    texts->used += n + 1;
    return text;
}

static alertron_status load_names(const struct reader *reader, struct texts *texts)
{
    const struct section *section = &reader->sections[SECTION_NAME];
    size_t at = 0;
    for (size_t i = 0; i < texts->n_names; i++) {
        if (section->n - at < 2 || alertron__load_le(section->payload + at, 2) > section->n - at - 2)
            return malformed(reader, section->offset + at, "a feature's name is cut short");
        const size_t length = (size_t)alertron__load_le(section->payload + at, 2);
        texts->names[i] = take_text(texts, section->payload + at + 2, length);
        at += 2 + length;
    }
    return at == section->n ? ALERTRON_OK
                            : malformed(reader, section->offset + at, "more names than the model has features");
}

static alertron_status load_texts(const struct reader *reader, struct texts *texts, struct model_parts *parts)
{
    const struct section *sections = reader->sections;
    if (sections[SECTION_PROD].n > ALERTRON_PROVENANCE_MAX || sections[SECTION_PROV].n > ALERTRON_PROVENANCE_MAX ||
        sections[SECTION_NAME].n > (2 + ALERTRON_FEATURE_NAME_MAX) * (size_t)ALERTRON_FEATURES_MAX ||
        sections[SECTION_TEST].n > ALERTRON_TESTS_MAX)
        return malformed(reader, sections[SECTION_PROD].offset, "a text of the model file is too long");
    const bool named = sections[SECTION_NAME].payload != NULL;
    texts->n_names = named ? parts->forest->n_features : 0;
    texts->n_memory =
        sections[SECTION_PROD].n + sections[SECTION_PROV].n + sections[SECTION_NAME].n + sections[SECTION_TEST].n + 3;
    texts->memory = alertron__new(reader->allocator, texts->n_memory, 1);
    texts->names = alertron__new(reader->allocator, texts->n_names, sizeof *texts->names);
    if (!texts->memory || !texts->names)
        return alertron__error_memory(reader->error);
    parts->producer = take_text(texts, sections[SECTION_PROD].payload, sections[SECTION_PROD].n);
    parts->provenance = take_text(texts, sections[SECTION_PROV].payload, sections[SECTION_PROV].n);
    parts->tests = take_text(texts, sections[SECTION_TEST].payload, sections[SECTION_TEST].n);
    parts->feature_names = named ? texts->names : NULL;
    return named ? load_names(reader, texts) : ALERTRON_OK;
}

static double *load_golden_rows(const struct reader *reader, size_t n)
{
    double *golden = alertron__new(reader->allocator, n, sizeof *golden);
    if (!golden)
        alertron__error_memory(reader->error);
    for (size_t i = 0; golden && i < n; i++)
        golden[i] = load_double(reader->sections[SECTION_GOLD].payload + 8 * i);
    return golden;
}

/* Fills counts, where there are any. */
static alertron_status load_training_scores(const struct reader *reader, uint64_t *counts, struct model_parts *parts)
{
    const struct section *section = &reader->sections[SECTION_HIST];
    if (!section->payload)
        return ALERTRON_OK;
    if (section->n != HISTOGRAM_BYTES)
        return malformed(reader, section->offset, "the section hist has a wrong length");
    for (size_t i = 0; i < ALERTRON_SCORE_BINS; i++)
        counts[i] = alertron__load_le(section->payload + 8 * i, 8);
    parts->training_scores = counts;
    return ALERTRON_OK;
}

/* All but the forest's sections. The forest is taken over. */
static alertron_model *load_model(const struct reader *reader, struct model_parts *parts)
{
    struct texts texts = {0};
    alertron_model *model = NULL;
    const size_t n_golden = GOLDEN_ROWS * ((size_t)parts->forest->n_features + 1);
    uint64_t training_scores[ALERTRON_SCORE_BINS];
    double *golden = load_golden_rows(reader, n_golden);
    if (golden && load_cuts(reader, &parts->cuts) == ALERTRON_OK && load_texts(reader, &texts, parts) == ALERTRON_OK &&
        load_training_scores(reader, training_scores, parts) == ALERTRON_OK) {
        parts->golden = golden;
        model = alertron__model_new(parts, reader->allocator, reader->error);
    } else {
        alertron__forest_free(parts->forest);
    }
    alertron__release(reader->allocator, texts.names, texts.n_names, sizeof *texts.names);
    alertron__release(reader->allocator, texts.memory, texts.n_memory, 1);
    alertron__release(reader->allocator, golden, n_golden, sizeof *golden);
    return model;
}

alertron_model *alertron__modelfile_load(const unsigned char *bytes, size_t n_bytes,
                                         const alertron_allocator *allocator, alertron_error *error)
{
    struct reader reader = {.bytes = bytes, .n_bytes = n_bytes, .allocator = allocator, .error = error};
    if (check_frame(&reader) != ALERTRON_OK || find_sections(&reader) != ALERTRON_OK)
        return NULL;
    struct model_parts parts = {0};
    if (!(parts.forest = load_counts(&reader, &parts)))
        return NULL;
    if (load_trees(&reader, parts.forest) != ALERTRON_OK) {
        alertron__forest_free(parts.forest);
        return NULL;
    }
    return load_model(&reader, &parts);
}
