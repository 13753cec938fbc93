// prometheus-cpp's side of the registry benchmark: the commands of registry_alertron.c.
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace
{
constexpr std::uint32_t devices = 25000;
constexpr int operations = 1000000;
const std::vector<std::string> severities{"none", "low", "medium", "high"};
const std::vector<double> bounds{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4,
                                 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1};

template <typename Work> double per_operation(int n, Work work)
{
    const auto begun = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() / n;
}

class Side
{
  public:
    Side()
        : counters(prometheus::BuildCounter().Name("anomaly_count_total").Help("Anomalies.").Register(registry)),
          seconds(prometheus::BuildHistogram()
                      .Name("latency_seconds")
                      .Help("Latency.")
                      .Register(registry)
                      .Add({}, prometheus::Histogram::BucketBoundaries(bounds)))
    {
        for (std::uint32_t i = 0; i < devices; i++) {
            char id[32];
            std::snprintf(id, sizeof id, "device-%05u", i);
            ids.emplace_back(id);
            for (const std::string &severity : severities)
                counters.Add({{"device_id", id}, {"severity", severity}}).Increment(i);
        }
    }

    double add()
    {
        prometheus::Counter &child = counters.Add({{"device_id", ids[7]}, {"severity", "low"}});
        return per_operation(operations, [&] {
            for (int i = 0; i < operations; i++)
                child.Increment();
        });
    }

    double observe()
    {
        std::vector<double> values;
        std::uint32_t next = 1;
        for (int i = 0; i < 1024; i++) {
            next = next * 1664525u + 1013904223u;
            values.push_back(bounds[next >> 28] * 0.9);
        }
        return per_operation(operations, [&] {
            for (int i = 0; i < operations; i++)
                seconds.Observe(values[i & 1023]);
        });
    }

    double lookup(std::uint32_t among)
    {
        std::uint32_t next = 1;
        return per_operation(operations, [&] {
            for (int i = 0; i < operations; i++) {
                next = next * 1664525u + 1013904223u;
                const std::size_t device = static_cast<std::uint64_t>(next) * among >> 32;
                counters.Add({{"device_id", ids[device]}, {"severity", severities[next & 3]}}).Increment();
            }
        });
    }

    double render()
    {
        return per_operation(1, [&] {
            std::ostringstream output;
            prometheus::TextSerializer().Serialize(output, registry.Collect());
            text = output.str();
        });
    }

    std::size_t series()
    {
        render();
        std::size_t n = 0;
        for (std::size_t at = 0; (at = text.find("\nanomaly_count_total{", at)) != std::string::npos; at++)
            n++;
        return n;
    }

  private:
    prometheus::Registry registry;
    prometheus::Family<prometheus::Counter> &counters;
    prometheus::Histogram &seconds;
    std::vector<std::string> ids;
    std::string text;
};
} // namespace

int main()
{
    Side side;
    std::cout.precision(9);
    for (std::string line; std::getline(std::cin, line);) {
        if (line == "version")
            std::cout << "prometheus-cpp " << PROMETHEUS_CPP_VERSION << std::endl;
        else if (line == "add")
            std::cout << side.add() << std::endl;
        else if (line == "observe")
            std::cout << side.observe() << std::endl;
        else if (line == "lookup-1")
            std::cout << side.lookup(1) << std::endl;
        else if (line == "lookup-all")
            std::cout << side.lookup(devices) << std::endl;
        else if (line == "render")
            std::cout << side.render() << std::endl;
        else if (line == "series")
            std::cout << side.series() << std::endl;
        else
            std::cout << "error: unknown command" << std::endl;
    }
}
