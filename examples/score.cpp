// score.cpp: score.c in C++17: a model that frees itself, errors as exceptions.
//
//     c++ -std=c++17 -o score score.cpp $(pkg-config --cflags --libs alertron)
//     ./score pump.alertron 72.1 141.3 0.98
//
#include <alertron.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

// A loaded model: it can be moved, and shared by threads, as all its functions are const and take no lock.
class Model
{
  public:
    // Throws std::runtime_error with the library's own text.
    explicit Model(const std::string &bytes)
    {
        alertron_error error;
        model_.reset(alertron_model_load(bytes.data(), bytes.size(), nullptr, &error));
        if (!model_)
            throw std::runtime_error(error.text);
    }

    std::size_t features() const noexcept
    {
        return alertron_model_features(model_.get());
    }

    std::string feature_name(std::size_t index) const
    {
        const char *name = alertron_model_feature_name(model_.get(), index);
        return name ? name : "feature " + std::to_string(index);
    }

    // The scores of readings that lie one after the other. Throws std::invalid_argument where one is not whole.
    std::vector<double> score(const std::vector<double> &numbers) const
    {
        if (numbers.size() % features() != 0)
            throw std::invalid_argument(std::to_string(numbers.size()) + " numbers given; a reading takes " +
                                        std::to_string(features()));
        std::vector<double> scores(numbers.size() / features());
        const alertron_rows rows = alertron_rows_of(numbers.data(), scores.size(), features());
        alertron_model_score_rows(model_.get(), &rows, scores.data()); // the width is right, so it can't fail
        return scores;
    }

    alertron_severity severity(double score) const noexcept
    {
        return alertron_model_severity(model_.get(), score);
    }

    // Each feature's share in an anomaly; `row` points to features() numbers.
    std::vector<double> explain(const double *row) const
    {
        std::vector<double> shares(features());
        alertron_model_explain(model_.get(), row, shares.data());
        return shares;
    }

  private:
    struct Free {
        void operator()(alertron_model *model) const noexcept
        {
            alertron_model_free(model);
        }
    };
    std::unique_ptr<alertron_model, Free> model_;
};

namespace
{

std::string read_file(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file)
        throw std::system_error(errno, std::generic_category(), path);
    return bytes;
}

Model load(const std::string &path)
{
    const std::string bytes = read_file(path);
    try {
        return Model(bytes); // it keeps nothing of them
    } catch (const std::runtime_error &error) {
        throw std::runtime_error(path + ": " + error.what());
    }
}

double parse(const std::string &text)
{
    try {
        std::size_t end = 0;
        const double number = std::stod(text, &end);
        if (end == text.size())
            return number;
    } catch (const std::logic_error &) {
        // no number, or one that no double can hold
    }
    throw std::invalid_argument("'" + text + "' is not a number");
}

// One line: score, severity, and of an anomaly the features' shares in it.
void print(const Model &model, const double *row, double score)
{
    const alertron_severity severity = model.severity(score);
    std::printf("%.3f %s", score, alertron_severity_name(severity));
    if (severity != ALERTRON_SEVERITY_NONE) {
        const std::vector<double> shares = model.explain(row);
        for (std::size_t i = 0; i < shares.size(); i++)
            std::printf("  %s %.2f", model.feature_name(i).c_str(), shares[i]);
    }
    std::printf("\n");
}

} // namespace

int main(int argc, char **argv)
{
    if (argc < 3) {
        std::fprintf(stderr, "usage: score MODEL NUMBER...\n");
        return 2;
    }
    try {
        const Model model = load(argv[1]);
        std::vector<double> numbers;
        for (int i = 2; i < argc; i++)
            numbers.push_back(parse(argv[i]));
        const std::vector<double> scores = model.score(numbers);
        for (std::size_t i = 0; i < scores.size(); i++)
            print(model, &numbers[i * model.features()], scores[i]);
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
