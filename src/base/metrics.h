// metrics.jsonl: one JSON object a line with an "event", written by rank 0; and trace/: what each rank did when.
// Clocks, hosts and ranks belong here and in logs, never in a result file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kohort::base {

struct MetricField {
    std::string name;
    std::variant<std::int64_t, double, std::string> value;
    MetricField(std::string name_, int value_) : name(std::move(name_)), value(std::int64_t{value_}) {}
    MetricField(std::string name_, std::int64_t value_) : name(std::move(name_)), value(value_) {}
    MetricField(std::string name_, double value_) : name(std::move(name_)), value(value_) {}
    MetricField(std::string name_, std::string value_) : name(std::move(name_)), value(std::move(value_)) {}
    MetricField(std::string name_, const char* value_) : name(std::move(name_)), value(std::string(value_)) {}
};

// Appends JSON lines to a file; thread-safe; flushed at each line. A default-made one writes nothing, so that
// library code can always report and only rank 0 of a job with a run folder pays for it.
class Metrics {
  public:
    Metrics();
    explicit Metrics(const std::filesystem::path& path);
    ~Metrics();
    Metrics(Metrics&&) noexcept;
    Metrics& operator=(Metrics&&) noexcept;

    // {"event": EVENT, …fields in order, "time": seconds since the epoch}
    void record(std::string_view event, const std::vector<MetricField>& fields);

  private:
    struct File;
    std::unique_ptr<File> file_;
};

}  // namespace kohort::base
