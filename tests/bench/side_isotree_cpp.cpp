// side_isotree_cpp.cpp: isotree's side of the benchmark from C++, without Python's share. Its own source is included,
// as its templates want it; its C interface takes the same path, for doubles only.
//
//     side_isotree_cpp DATA     answers commands on standard input, see docs/benchmarks.md
//
// DATA holds a folder a shape, with model.isotree, which the side in Python has made, and rows.f32.
#include <headers_joined.hpp>

#include "side.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace
{
std::string data_folder;

std::string path_of(const std::string &shape, const char *name)
{
    return data_folder + "/" + shape + "/" + name;
}

struct Model {
    IsoForest forest;
    std::size_t width;
};

std::unique_ptr<Model> load(const std::string &shape)
{
    const std::string path = path_of(shape, "model.isotree");
    std::FILE *file = std::fopen(path.c_str(), "rb");
    if (!file) {
        std::perror(path.c_str());
        std::exit(1);
    }
    bool known = false, compatible = false, combined = false, plain = false, extended = false, imputer = false;
    bool indexer = false, metadata = false;
    std::size_t n_metadata = 0;
    inspect_serialized_object(file, known, compatible, combined, plain, extended, imputer, indexer, metadata,
                              n_metadata);
    std::unique_ptr<Model> model(new Model);
    std::vector<char> text(n_metadata + 1);
    ExtIsoForest no_extended;
    Imputer no_imputer;
    TreesIndexer no_indexer;
    deserialize_combined(file, &model->forest, &no_extended, &no_imputer, &no_indexer, text.data());
    std::fclose(file);
    std::size_t largest = 0;
    for (const std::vector<IsoTree> &tree : model->forest.trees)
        for (const IsoTree &node : tree)
            largest = std::max(largest, node.col_num);
    model->width = largest + 1;
    return model;
}

template <typename Number> void score_blocks(Model &model, const side_blocks *blocks, double *scores)
{
    const std::size_t gap = blocks->column_major ? blocks->rows : blocks->width;
    for (std::size_t block = 0; block < blocks->n_blocks; block++) {
        Number *rows = static_cast<Number *>(const_cast<void *>(side_block(blocks, block)));
        predict_iforest<Number, int>(rows, nullptr, blocks->column_major, gap, 0, nullptr, nullptr, nullptr, nullptr,
                                     nullptr, nullptr, blocks->rows, 1, true, &model.forest, nullptr,
                                     scores + block * blocks->rows, nullptr, nullptr, nullptr);
    }
}

void score_pass(void *context, const side_blocks *blocks, double *scores)
{
    Model &model = *static_cast<Model *>(context);
    if (blocks->float32)
        score_blocks<float>(model, blocks, scores);
    else
        score_blocks<double>(model, blocks, scores);
}

// score SHAPE ROWS DTYPE ORDER -, scores SHAPE ROWS DTYPE ORDER - FILE
void score(const side_command &command)
{
    const char *const *words = command.words;
    const std::unique_ptr<Model> model = load(words[1]);
    side_blocks blocks = side_blocks_read(path_of(words[1], "rows.f32").c_str(), model->width, words + 2);
    if (std::string(words[0]) == "score") {
        side_answer(side_time_rows(score_pass, model.get(), &blocks));
    } else {
        side_write_scores(words[6], score_pass, model.get(), &blocks);
        side_answer_text("ok");
    }
    std::free(blocks.data);
}

void time_load(const char *shape)
{
    std::size_t loads = 0;
    double spent;
    const double begun = side_now();
    do {
        load(shape);
        loads++;
        spent = side_now() - begun;
    } while (spent < side_slice());
    side_answer(spent / static_cast<double>(loads));
}

void memory(const char *shape)
{
    load(shape).reset();
    const double before = side_resident_bytes();
    std::vector<std::unique_ptr<Model>> models;
    for (int i = 0; i < SIDE_COPIES; i++)
        models.push_back(load(shape));
    side_answer((side_resident_bytes() - before) / SIDE_COPIES);
}

// fit alone | scored: the plain forest of Liu, Ting and Zhou, as the side in Python.
void fit(const std::string &variant)
{
    constexpr std::size_t width = 3;
    std::size_t n_bytes;
    double *rows = static_cast<double *>(side_read_file(path_of(".", "training.f64").c_str(), &n_bytes));
    const std::size_t n = n_bytes / sizeof(double) / width;
    std::vector<double> columns(n * width), scores(n);
    for (std::size_t i = 0; i < n * width; i++)
        columns[i % width * n + i / width] = rows[i];
    std::size_t fits = 0;
    double spent;
    const double begun = side_now();
    do {
        IsoForest forest;
        fit_iforest<double, int>(&forest, nullptr, columns.data(), width, nullptr, 0, nullptr, nullptr, nullptr,
                                 nullptr, 1, 1, Uniform, false, nullptr, false, false, n, 256, 200, 0, width, true,
                                 false, false, Depth, false, false, nullptr, nullptr, false, nullptr, false, 0, 0, 0, 0,
                                 0, 0, 0, 0, Fail, SubSet, Weighted, false, nullptr, 3, Higher, Inverse, false, 42,
                                 false, 1);
        if (variant == "scored")
            predict_iforest<double, int>(rows, nullptr, false, width, 0, nullptr, nullptr, nullptr, nullptr, nullptr,
                                         nullptr, n, 1, true, &forest, nullptr, scores.data(), nullptr, nullptr,
                                         nullptr);
        fits++;
        spent = side_now() - begun;
    } while (spent < side_slice());
    side_answer(spent / static_cast<double>(fits));
    std::free(rows);
}
} // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::fprintf(stderr, "usage: side_isotree_cpp DATA\n");
        return 2;
    }
    data_folder = argv[1];
    side_command command;
    while (side_next(&command)) {
        const std::string word = command.words[0];
        if (word == "score" || word == "scores")
            score(command);
        else if (word == "load")
            time_load(command.words[1]);
        else if (word == "memory")
            memory(command.words[1]);
        else if (word == "fit")
            fit(command.words[1]);
        else
            side_answer_error("unknown command");
    }
}
