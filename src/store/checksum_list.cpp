#include "store/checksum_list.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/hash.h"
#include "parallel/collectives.h"
#include "parallel/partition_queue.h"
#include "store/packed_texts.h"

namespace kohort::store {
namespace {

constexpr std::size_t digest_size = 64;
constexpr std::string_view separator = "  ";

FileState state_of(const std::filesystem::path& path) {
    FileState state;
    std::error_code problem;
    state.missing = !std::filesystem::exists(path, problem);
    if (state.missing) return state;
    try {
        state.sha256 = base::sha256_file(path);
        state.bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
    } catch (const std::exception& error) {
        state.problem = error.what();
    }
    return state;
}

void append(std::string& packed, std::size_t index, const FileState& state) {
    append_text(packed, std::to_string(index));
    append_text(packed, std::to_string(state.bytes));
    append_text(packed, state.missing ? "missing" : "");
    append_text(packed, state.sha256);
    append_text(packed, state.problem);
}

std::vector<FileState> unpack(std::string_view packed, std::size_t files) {
    std::vector<FileState> states(files);
    while (!packed.empty()) {
        auto& state = states.at(std::stoull(take_text(packed)));
        state.bytes = std::stoll(take_text(packed));
        state.missing = !take_text(packed).empty();
        state.sha256 = take_text(packed);
        state.problem = take_text(packed);
    }
    return states;
}

}  // namespace

std::filesystem::path list_path(const std::filesystem::path& run, std::string_view stage) {
    return run / "checksum" / (std::string(stage) + ".sha256");
}

std::string to_text(const FileList& files) {
    std::string text;
    for (const auto& [path, sha256] : files) text.append(sha256).append(separator).append(path).append("\n");
    return text;
}

FileList parse_list(std::string_view text, const std::filesystem::path& path) {
    FileList files;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        const auto hex = line.substr(0, std::min(line.size(), digest_size));
        const bool well_formed = line.size() < text.size() && line.size() > digest_size + separator.size() &&
                                 line.substr(digest_size, separator.size()) == separator &&
                                 hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
        if (!well_formed)
            base::fail(base::ErrorKind::environment, "{} is damaged: line {} is not a SHA-256 and a path",
                       path.string(), files.size() + 1);
        files.emplace(line.substr(digest_size + separator.size()), hex);
        text.remove_prefix(line.size() + 1);
    }
    return files;
}

std::vector<FileState> hash_files(parallel::Communicator& comm, const std::filesystem::path& run,
                                  const std::vector<std::string>& files, std::int64_t* read_here) {
    std::vector<std::int32_t> order(files.size());
    std::iota(order.begin(), order.end(), 0);
    parallel::PartitionQueue queue(comm, std::move(order));
    std::string mine;
    std::int64_t read = 0;
    while (const auto claimed = queue.claim()) {
        const auto index = static_cast<std::size_t>(*claimed);
        append(mine, index, state_of(run / files[index]));
        ++read;
    }
    if (read_here) *read_here = read;
    const auto all = parallel::all_gather(comm, std::span<const char>(mine));
    return unpack({all.data(), all.size()}, files.size());
}

}  // namespace kohort::store
