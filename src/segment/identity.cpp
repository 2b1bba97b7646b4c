#include "segment/identity.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <numeric>
#include <unordered_map>

#include "base/error.h"
#include "base/hash.h"
#include "cluster/centroid_sums.h"
#include "cluster/matching.h"
#include "corpus/user_document.h"
#include "parallel/collectives.h"
#include "store/partition_file.h"

namespace kohort::segment {
namespace {

struct Membership {  // travels between ranks as bytes
    std::uint64_t user;
    std::int64_t value;
};

std::size_t owner_of(std::uint64_t user, int ranks) { return static_cast<std::size_t>(user % static_cast<std::uint64_t>(ranks)); }

std::vector<std::vector<Membership>> send_members(parallel::Communicator& comm, const std::vector<std::vector<Membership>>& outgoing) {
    std::vector<std::vector<std::uint64_t>> words(outgoing.size());
    for (std::size_t r = 0; r < outgoing.size(); ++r)
        for (const auto& m : outgoing[r]) words[r].insert(words[r].end(), {m.user, static_cast<std::uint64_t>(m.value)});
    std::vector<std::vector<Membership>> incoming(outgoing.size());
    const auto received = parallel::all_to_all(comm, words);
    for (std::size_t r = 0; r < received.size(); ++r)
        for (std::size_t i = 0; i < received[r].size(); i += 2)
            incoming[r].push_back({received[r][i], static_cast<std::int64_t>(received[r][i + 1])});
    return incoming;
}

double squared_distance(const double* a, const double* b, std::int64_t d) {
    double sum = 0;
    for (std::int64_t j = 0; j < d; ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

}  // namespace

std::vector<std::int32_t> numbers_by_size(const std::vector<std::int64_t>& counts) {
    std::vector<std::size_t> order(counts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return counts[a] > counts[b]; });
    std::vector<std::int32_t> numbers(counts.size());
    for (std::size_t rank = 0; rank < order.size(); ++rank) numbers[order[rank]] = static_cast<std::int32_t>(rank);
    return numbers;
}

PreviousSegments read_previous(parallel::Communicator& comm, const std::filesystem::path& previous,
                               const std::vector<std::string>& ids, const cluster::RowSet& rows) {
    const auto centroid_file = previous / "segment" / "centroids.h5";
    if (!std::filesystem::exists(centroid_file))
        base::fail(base::ErrorKind::usage, "--previous {}: no finished run there (segment/centroids.h5 is missing)", previous.string());
    PreviousSegments result;
    result.numbers = store::PartitionReader(centroid_file).read<std::int32_t>("/number");
    std::sort(result.numbers.begin(), result.numbers.end());
    result.next_number = result.numbers.empty() ? 0 : result.numbers.back() + 1;

    // Earlier memberships go to the rank that the user's hash names; the new run's users ask there.
    const auto ranks = static_cast<std::size_t>(comm.size());
    const auto partitions = static_cast<std::int32_t>(corpus::read_corpus_info(previous).users.size());
    std::vector<std::vector<Membership>> outgoing(ranks);
    for (std::int32_t p = comm.rank(); p < partitions; p += comm.size()) {
        const auto name = store::partition_file_name(p);
        const auto users = store::PartitionReader(previous / "corpus" / name).read_strings("/obs/_index");
        const auto segments = store::PartitionReader(previous / "segment" / name).read<std::int32_t>("/obs/segment");
        for (std::size_t i = 0; i < users.size(); ++i) {
            const auto user = base::hash64(users[i]);
            outgoing[owner_of(user, comm.size())].push_back({user, segments[i]});
        }
    }
    std::unordered_map<std::uint64_t, std::int64_t> earlier;
    for (const auto& from : send_members(comm, outgoing))
        for (const auto& m : from) earlier[m.user] = m.value;

    std::vector<std::vector<Membership>> questions(ranks);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto user = base::hash64(ids[i]);
        questions[owner_of(user, comm.size())].push_back({user, static_cast<std::int64_t>(i)});
    }
    auto asked = send_members(comm, questions);
    for (auto& from : asked)
        for (auto& m : from) {
            const auto found = earlier.find(m.user);
            // The answer travels in the user field: the asker knows its row, not the segment.
            m.user = found == earlier.end() ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(found->second);
        }
    const auto answers = send_members(comm, asked);

    std::vector<std::int32_t> places(ids.size(), -1);  // of each row's earlier segment among result.numbers
    for (const auto& from : answers)
        for (const auto& m : from) {
            if (m.user == std::numeric_limits<std::uint64_t>::max()) continue;
            const auto found = std::lower_bound(result.numbers.begin(), result.numbers.end(), static_cast<std::int32_t>(m.user));
            places[static_cast<std::size_t>(m.value)] = static_cast<std::int32_t>(found - result.numbers.begin());
        }

    // Mean of the members' new vectors, summed exactly.
    const cluster::CentroidGrid grid(rows.global_rows(), rows.largest_component());
    const std::int64_t d = rows.dimensions();
    const auto width = static_cast<std::size_t>(d);
    std::vector<std::int64_t> sums(result.numbers.size() * width);
    result.members.resize(result.numbers.size());
    std::mutex mutex;
    rows.for_each_tile([&](const cluster::RowTile& tile, int) {
        const std::lock_guard lock(mutex);
        for (std::int64_t i = 0; i < tile.count; ++i) {
            const auto place = places[static_cast<std::size_t>(tile.first_local + i)];
            if (place < 0) continue;
            grid.accumulate(tile.values + i * d, d, 1.0f, sums.data() + place * d);
            result.members[static_cast<std::size_t>(place)] += 1;
        }
    });
    parallel::all_reduce(comm, std::span(sums), parallel::ReduceOperation::sum);
    parallel::all_reduce(comm, std::span(result.members), parallel::ReduceOperation::sum);
    result.centres.resize(sums.size());
    for (std::size_t s = 0; s < result.numbers.size(); ++s)
        for (std::size_t j = 0; j < width; ++j)
            if (result.members[s] > 0)
                result.centres[s * width + j] =
                    grid.value(sums[s * width + j]) / static_cast<double>(result.members[s]);
    return result;
}

SegmentMatch match_segments(const PreviousSegments& previous, const std::vector<float>& centroids, std::int64_t d,
                            const std::vector<std::int64_t>& counts) {
    const auto olds = previous.numbers.size(), news = counts.size();
    const std::vector<double> fresh(centroids.begin(), centroids.end());
    const auto width = static_cast<std::size_t>(d);
    std::vector<double> cost(olds * news, std::numeric_limits<float>::max());
    for (std::size_t o = 0; o < olds; ++o)
        for (std::size_t n = 0; n < news; ++n)
            if (previous.members[o] > 0)
                cost[o * news + n] = squared_distance(&previous.centres[o * width], &fresh[n * width], d);
    const auto assigned = cluster::minimum_cost_assignment(cost, static_cast<std::int64_t>(olds), static_cast<std::int64_t>(news));

    SegmentMatch match;
    match.numbers.assign(news, -1);
    for (std::size_t o = 0; o < olds; ++o) {
        if (assigned[o] < 0 || previous.members[o] == 0) continue;
        double nearest = std::numeric_limits<double>::infinity();
        for (std::size_t other = 0; other < olds; ++other)
            if (other != o && previous.members[other] > 0)
                nearest = std::min(nearest, squared_distance(&previous.centres[o * width], &previous.centres[other * width], d));
        if (cost[o * news + static_cast<std::size_t>(assigned[o])] > nearest) continue;
        match.numbers[static_cast<std::size_t>(assigned[o])] = previous.numbers[o];
        ++match.kept;
    }
    match.retired = static_cast<std::int64_t>(olds) - match.kept;
    // New numbers by size, so that they too do not depend on the order of the centroids.
    const auto order = numbers_by_size(counts);
    std::vector<std::size_t> by_size(news);
    for (std::size_t n = 0; n < news; ++n) by_size[static_cast<std::size_t>(order[n])] = n;
    std::int32_t next = previous.next_number;
    for (const auto n : by_size) {
        if (match.numbers[n] >= 0) continue;
        match.numbers[n] = next++;
        ++match.born;
    }
    return match;
}

}  // namespace kohort::segment
