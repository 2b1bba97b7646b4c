#include "train/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "parallel/collectives.h"

namespace kohort::train {
namespace {

// A file: this line, the length of the header as 8 bytes (little-endian), the header (JSON, padded with spaces to a
// multiple of 8), the tensors' bytes in the header's order, the SHA-256 of all that as 64 hex digits.
constexpr std::string_view magic = "kohort checkpoint 1\n";
constexpr std::size_t digest_size = 64;
constexpr std::string_view file_ending = ".checkpoint";
constexpr std::size_t kept_files = 2;

std::string text_of(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace

std::string checkpoint_bytes(const TrainingState& state, const std::string& key) {
    nlohmann::ordered_json header = {{"key", key}, {"step", state.step}};
    std::vector<std::uint32_t> largest_bits;  // exact, where decimal digits might not be
    for (const float value : state.recent_largest) largest_bits.push_back(std::bit_cast<std::uint32_t>(value));
    header["recent_largest_bits"] = largest_bits;
    auto& loss = header["loss_bits"] = nlohmann::ordered_json::array();
    for (const auto& [step, value] : state.loss) loss.push_back({step, std::bit_cast<std::uint64_t>(value)});
    auto& tensors = header["tensors"] = nlohmann::ordered_json::array();
    for (const auto& [name, value] : state.tensors) tensors.push_back({{"name", name}, {"shape", value.sizes().vec()}});
    std::string text = header.dump();
    text.append((8 - (magic.size() + 8 + text.size()) % 8) % 8, ' ');

    std::string bytes(magic);
    const auto length = static_cast<std::uint64_t>(text.size());
    bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
    bytes += text;
    for (const auto& [name, value] : state.tensors) {
        const auto host = value.detach().to(torch::kCPU, torch::kFloat).contiguous();
        bytes.append(reinterpret_cast<const char*>(host.data_ptr<float>()), static_cast<std::size_t>(host.numel()) * sizeof(float));
    }
    return bytes + base::sha256_hex(bytes);
}

std::optional<ParsedCheckpoint> parse_checkpoint(std::string& bytes) {
    std::uint64_t length = 0;
    const std::size_t start = magic.size() + sizeof length;
    if (bytes.size() < start + digest_size || !bytes.starts_with(magic)) return {};
    const std::size_t end = bytes.size() - digest_size;
    if (base::sha256_hex(std::string_view(bytes).substr(0, end)) != std::string_view(bytes).substr(end)) return {};
    std::memcpy(&length, bytes.data() + magic.size(), sizeof length);
    // The digest has vouched for the bytes: what follows is what checkpoint_bytes wrote.
    const auto header = nlohmann::json::parse(bytes.data() + start, bytes.data() + start + length);
    ParsedCheckpoint result;
    result.key = header.at("key");
    result.state.step = header.at("step");
    for (const std::uint32_t bits : header.at("recent_largest_bits").get<std::vector<std::uint32_t>>())
        result.state.recent_largest.push_back(std::bit_cast<float>(bits));
    for (const auto& [step, bits] : header.at("loss_bits").get<std::vector<std::pair<std::int64_t, std::uint64_t>>>())
        result.state.loss.emplace_back(step, std::bit_cast<double>(bits));
    std::size_t at = start + length;
    for (const auto& entry : header.at("tensors")) {
        const auto shape = entry.at("shape").get<std::vector<std::int64_t>>();
        auto tensor = torch::from_blob(bytes.data() + at, shape, torch::kFloat);
        at += static_cast<std::size_t>(tensor.numel()) * sizeof(float);
        if (at > end) return {};
        result.state.tensors.push_back({entry.at("name"), std::move(tensor)});
    }
    return result;
}

CheckpointFolder::CheckpointFolder(parallel::Communicator& comm, std::filesystem::path folder, std::string stage, std::string key)
    : comm_(comm), folder_(std::move(folder)), stage_(std::move(stage)), key_(std::move(key)) {
    if (!comm_.is_root()) return;
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    if (error) base::fail(base::ErrorKind::environment, "cannot make the folder {}: {}", folder_.string(), error.message());
    base::remove_temporaries(folder_);
}

std::vector<std::filesystem::path> CheckpointFolder::files() const {
    std::vector<std::filesystem::path> result;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(stage_ + "-") && name.ends_with(file_ending)) result.push_back(entry.path());
    }
    std::sort(result.begin(), result.end());  // steps are written with leading zeros
    return result;
}

void CheckpointFolder::save(const TrainingState& state) {
    if (!comm_.is_root()) return;
    base::write_file_atomically(folder_ / fmt::format("{}-{:012}{}", stage_, state.step, file_ending), checkpoint_bytes(state, key_));
    auto all = files();
    while (all.size() > kept_files) {
        std::filesystem::remove(all.front());
        all.erase(all.begin());
    }
}

bool CheckpointFolder::load_newest(TrainingState& state) {
    std::string bytes;
    if (comm_.is_root()) {
        auto candidates = files();
        for (auto path = candidates.rbegin(); path != candidates.rend() && bytes.empty(); ++path) {
            bytes = base::read_file(*path);
            if (parse_checkpoint(bytes)) break;
            base::log_warning("the checkpoint {} is damaged; the one before it is used", path->string());
            bytes.clear();
        }
    }
    parallel::broadcast_resized(comm_, bytes);
    if (bytes.empty()) return false;

    const auto found = parse_checkpoint(bytes);
    if (!found) base::fail(base::ErrorKind::internal, "a checkpoint in {} changed on its way to this rank", folder_.string());
    if (found->key != key_)
        base::fail(base::ErrorKind::usage,
                   "the checkpoints in {} are of another configuration or input; start in another --out, or remove them",
                   folder_.string());
    if (found->state.tensors.size() != state.tensors.size())
        base::fail(base::ErrorKind::usage, "the checkpoint in {} has {} tensors, this training {}", folder_.string(),
                   found->state.tensors.size(), state.tensors.size());
    const torch::NoGradGuard no_grad;
    for (std::size_t t = 0; t < state.tensors.size(); ++t) {
        const auto& [name, value] = found->state.tensors[t];
        if (name != state.tensors[t].name || value.sizes() != state.tensors[t].value.sizes())
            base::fail(base::ErrorKind::usage, "the checkpoint in {} has {} {} where this training has {} {}",
                       folder_.string(), name, text_of(value.sizes().vec()), state.tensors[t].name,
                       text_of(state.tensors[t].value.sizes().vec()));
        state.tensors[t].value.copy_(value);
    }
    state.step = found->state.step;
    state.recent_largest = found->state.recent_largest;
    state.loss = found->state.loss;
    return true;
}

}  // namespace kohort::train
