#include "cluster/checkpoint.h"

#include <cstring>
#include <span>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "parallel/agreement.h"
#include "parallel/collectives.h"

namespace kohort::cluster {
namespace {

// A file: this line, the key and a line feed, the numbers below, both sets of centroids, the SHA-256 of all that as
// 64 hex digits.
constexpr std::string_view magic = "kohort k-means checkpoint 2\n";
constexpr std::size_t digest_size = 64;

struct Numbers {
    std::int64_t restart, iteration, converged, best_restart, best_iterations, best_converged, values, best_values;
    double best_inertia;
};
static_assert(sizeof(Numbers) == 72);

void append_floats(std::string& bytes, const std::vector<float>& values) {
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

std::string bytes_of(const KMeansState& state, const std::string& key) {
    const Numbers numbers{state.restart,
                          state.iteration,
                          state.converged,
                          state.best_restart,
                          state.best.iterations,
                          state.best.converged,
                          static_cast<std::int64_t>(state.centroids.size()),
                          static_cast<std::int64_t>(state.best.centroids.size()),
                          state.best.inertia};
    std::string bytes(magic);
    bytes += key + "\n";
    bytes.append(reinterpret_cast<const char*>(&numbers), sizeof numbers);
    append_floats(bytes, state.centroids);
    append_floats(bytes, state.best.centroids);
    return bytes + base::sha256_hex(bytes);
}

// Whether these are the bytes of a whole checkpoint.
bool is_complete(std::string_view bytes) {
    if (bytes.size() < magic.size() + sizeof(Numbers) + digest_size || !bytes.starts_with(magic)) return false;
    const auto content = bytes.substr(0, bytes.size() - digest_size);
    return base::sha256_hex(content) == bytes.substr(content.size());
}

// Of bytes that are complete: the digest has vouched for them.
KMeansState parse(std::string_view bytes, std::string& key) {
    bytes.remove_prefix(magic.size());
    const auto line = bytes.find('\n');
    key = bytes.substr(0, line);
    bytes.remove_prefix(line + 1);
    Numbers numbers;
    std::memcpy(&numbers, bytes.data(), sizeof numbers);
    bytes.remove_prefix(sizeof numbers);
    KMeansState state;
    state.restart = static_cast<int>(numbers.restart);
    state.iteration = static_cast<int>(numbers.iteration);
    state.converged = numbers.converged != 0;
    state.best_restart = static_cast<int>(numbers.best_restart);
    state.centroids.resize(static_cast<std::size_t>(numbers.values));
    state.best = {std::vector<float>(static_cast<std::size_t>(numbers.best_values)), numbers.best_inertia,
                  static_cast<int>(numbers.best_iterations), numbers.best_converged != 0};
    for (auto* values : {&state.centroids, &state.best.centroids}) {
        const std::size_t size = values->size() * sizeof(float);
        std::memcpy(values->data(), bytes.data(), size);
        bytes.remove_prefix(size);
    }
    return state;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& file, const KMeansState& state, const std::string& key) {
    std::filesystem::create_directories(file.parent_path());
    base::write_file_atomically(file, bytes_of(state, key));
}

std::optional<KMeansState> read_checkpoint(parallel::Communicator& comm, const std::filesystem::path& file,
                                           const std::string& key) {
    std::string bytes;
    parallel::agree(comm, [&] {
        if (!comm.is_root() || !std::filesystem::exists(file)) return;
        bytes = base::read_file(file);
        if (is_complete(bytes)) return;
        base::log_warning("the checkpoint {} is damaged; k-means starts over", file.string());
        bytes.clear();
    });
    parallel::broadcast_resized(comm, bytes);
    if (bytes.empty()) return {};
    std::string its_key;
    auto state = parse(bytes, its_key);
    if (its_key != key)
        base::fail(base::ErrorKind::usage,
                   "the checkpoint {} is of another configuration or input; start in another --out, or remove it",
                   file.string());
    return state;
}

}  // namespace kohort::cluster
