#include "base/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace kohort::base {

struct Metrics::File {
    int descriptor;
    std::mutex mutex;
    ~File() { ::close(descriptor); }
};

Metrics::Metrics(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor < 0) fail_errno("open " + path.string());
    file_ = std::make_unique<File>();
    file_->descriptor = descriptor;
}

Metrics::Metrics() = default;
Metrics::~Metrics() = default;
Metrics::Metrics(Metrics&&) noexcept = default;
Metrics& Metrics::operator=(Metrics&&) noexcept = default;

void Metrics::record(std::string_view event, const std::vector<MetricField>& fields) {
    if (!file_) return;
    nlohmann::ordered_json line;
    line["event"] = event;
    for (const auto& field : fields)
        std::visit([&](const auto& value) { line[field.name] = value; }, field.value);
    line["time"] = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    std::lock_guard lock(file_->mutex);
    // One write a line: O_APPEND keeps lines whole even when a killed run is resumed.
    if (::write(file_->descriptor, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        fail_errno("write the metrics file");
}

}  // namespace kohort::base
