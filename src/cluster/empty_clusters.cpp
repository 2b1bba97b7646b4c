#include "cluster/empty_clusters.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <tuple>
#include <unordered_set>

#include "base/hash.h"
#include "cluster/canonical_distance.h"
#include "parallel/collectives.h"

namespace kohort::cluster {
namespace {

struct Candidate {
    double distance;
    std::int64_t row;
    std::uint64_t hash;  // of the row's bytes: equal rows have equal hashes
    std::int64_t local;
    std::int32_t label;
    std::int32_t rank;
};

bool farther(const Candidate& a, const Candidate& b) {
    return std::tuple(-a.distance, a.row) < std::tuple(-b.distance, b.row);
}

// Keeps the first `limit` candidates by farther(), of equal rows only the one with the lowest id.
void prune(std::vector<Candidate>& candidates, std::size_t limit) {
    std::sort(candidates.begin(), candidates.end(), farther);
    std::unordered_set<std::uint64_t> seen;
    std::erase_if(candidates, [&](const Candidate& c) { return seen.size() >= limit || !seen.insert(c.hash).second; });
}

std::vector<Candidate> farthest_local_rows(const RowSet& rows, std::span<const float> centroids,
                                           std::span<const std::int32_t> labels, Metric metric,
                                           const Resolution& resolution, std::size_t limit, int rank) {
    const std::int64_t d = rows.dimensions();
    std::vector<std::vector<Candidate>> found(static_cast<std::size_t>(rows.threads()));
    rows.for_each_tile([&](const RowTile& tile, int worker) {
        auto& mine = found[static_cast<std::size_t>(worker)];
        std::vector<float> values;
        for (std::int64_t i = 0; i < tile.count; ++i) {
            const std::int64_t local = tile.first_local + i;
            const std::int32_t label = labels[static_cast<std::size_t>(local)];
            const float* row = tile.values + i * d;
            const double distance = canonical_distance(row, centroids.data() + label * d, d);
            const float weight = rows.weight(local);
            if (weight == 0 || !(distance > resolution.of(weight))) continue;
            if (metric == Metric::cosine && tile.norms[i] == 0) continue;
            values.resize(static_cast<std::size_t>(d));
            std::transform(row, row + d, values.begin(), [](float value) { return value + 0.0f; });  // -0 becomes 0
            const std::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
            mine.push_back({distance, tile.row_id(i), base::hash64(bytes), local, label, rank});
        }
        if (mine.size() > 4 * limit + 4096) prune(mine, limit);
    });
    std::vector<Candidate> all;
    for (const auto& part : found) all.insert(all.end(), part.begin(), part.end());
    prune(all, limit);
    return all;
}

}  // namespace

std::vector<Move> refill_empty_clusters(parallel::Communicator& comm, const RowSet& rows, std::span<const float> centroids,
                                        std::span<const std::int32_t> labels, std::span<const std::int64_t> counts,
                                        Metric metric, const Resolution& resolution) {
    std::vector<std::int32_t> empty;
    for (std::size_t c = 0; c < counts.size(); ++c)
        if (counts[c] == 0) empty.push_back(static_cast<std::int32_t>(c));
    if (empty.empty()) return {};

    // At most k - 1 rows are passed over as the last of their cluster: k distinct rows of each rank are enough.
    const auto mine = farthest_local_rows(rows, centroids, labels, metric, resolution, counts.size(), comm.rank());
    const std::vector<std::byte> bytes = parallel::all_gather(comm, std::as_bytes(std::span(mine)));
    std::vector<Candidate> all(bytes.size() / sizeof(Candidate));
    if (!bytes.empty()) std::memcpy(all.data(), bytes.data(), bytes.size());
    prune(all, all.size());

    std::vector<std::int64_t> left(counts.begin(), counts.end());
    std::vector<Move> moves;
    for (const Candidate& candidate : all) {
        if (moves.size() == empty.size()) break;
        std::int64_t& donor = left[static_cast<std::size_t>(candidate.label)];
        if (donor < 2) continue;
        --donor;
        moves.push_back({candidate.row, candidate.label, empty[moves.size()],
                         candidate.rank == comm.rank() ? candidate.local : -1});
    }
    return moves;
}

}  // namespace kohort::cluster
