#include "corpus/quarantine.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "corpus/shared_output.h"

namespace kohort::corpus {

void Quarantine::add(std::string_view file, std::int64_t offset, std::int64_t length, Reason reason) {
    // A file's name need not be UTF-8; JSON text must be.
    const auto name = nlohmann::json(file).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    rows_ += fmt::format("{{\"file\":{},\"offset\":{},\"length\":{},\"reason\":\"{}\"}}\n", name, offset, length, name_of(reason));
    ++counts_[static_cast<std::size_t>(reason)];
}

void write_quarantines(parallel::Communicator& comm, const std::filesystem::path& path,
                       const std::vector<const Quarantine*>& quarantines) {
    SharedOutput output(comm, path);
    for (const auto* quarantine : quarantines) output.append(quarantine->rows());
    output.commit();
}

std::string describe(const ReasonCounts& counts) {
    std::vector<std::pair<std::int64_t, std::size_t>> order;
    for (std::size_t r = 1; r < counts.size(); ++r)
        if (counts[r] > 0) order.emplace_back(-counts[r], r);
    std::sort(order.begin(), order.end());
    std::string text;
    for (const auto& [count, reason] : order)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", -count, reason_names[reason]);
    return text;
}

}  // namespace kohort::corpus
