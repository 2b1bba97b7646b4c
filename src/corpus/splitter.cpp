#include "corpus/splitter.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "parallel/collectives.h"

namespace kohort::corpus {
namespace {

// Record starts kept of a walk, to notice where another walk meets it.
constexpr std::size_t most_starts = 1 << 17;

// One walk over a stretch: where its first records start, and where the first record after the stretch does.
struct Walk {
    std::vector<std::int64_t> starts;
    std::int64_t exit = 0;
};

Walk walk_from(OpenStretch& open, const RecordGrammar& grammar, std::int64_t start, const Walk* earlier) {
    Walk walk;
    RecordCursor cursor(*open.window, grammar, start, open.stretch.end, false);
    for (;;) {
        const auto at = cursor.position();
        if (earlier) {
            const auto met = std::lower_bound(earlier->starts.begin(), earlier->starts.end(), at);
            if (met != earlier->starts.end() && *met == at) {
                walk.starts.insert(walk.starts.end(), met, earlier->starts.end());
                walk.exit = earlier->exit;
                return walk;
            }
        }
        if (walk.starts.size() < most_starts) walk.starts.push_back(at);
        if (!cursor.next()) break;
    }
    walk.exit = cursor.position();
    return walk;
}

struct Exit {
    std::int64_t file, end, exit;
};

// All ranks' exits in order of (file, end): ranks are in that order already.
std::vector<Exit> gather_exits(parallel::Communicator& comm, const std::vector<OpenStretch>& stretches,
                               const std::vector<Walk>& walks) {
    std::vector<std::int64_t> mine;
    for (std::size_t i = 0; i < stretches.size(); ++i)
        mine.insert(mine.end(), {stretches[i].stretch.file, stretches[i].stretch.end, walks[i].exit});
    const auto all = parallel::all_gather(comm, std::span<const std::int64_t>(mine));
    std::vector<Exit> exits;
    for (std::size_t i = 0; i < all.size(); i += 3) exits.push_back({all[i], all[i + 1], all[i + 2]});
    return exits;
}

// Where the first record at or after stretch.begin starts, as the walks over the earlier stretches of its file say.
std::int64_t entry_of(const Stretch& stretch, const std::vector<Exit>& exits, std::int64_t data_start) {
    std::int64_t entry = data_start;
    for (const auto& earlier : exits)
        if (earlier.file == stretch.file && earlier.end <= stretch.begin && entry < earlier.end) entry = earlier.exit;
    return entry;
}

}  // namespace

std::vector<Stretch> stretches_of(std::span<const SplitFile> files, int rank, int ranks, std::int64_t granularity) {
    const std::int64_t total = std::accumulate(files.begin(), files.end(), std::int64_t{0},
                                               [](std::int64_t sum, const SplitFile& file) { return sum + file.size; });
    const auto share = [&](int r) { return static_cast<std::int64_t>(static_cast<__int128>(total) * r / ranks); };
    const std::int64_t first = share(rank), last = share(rank + 1);
    std::vector<Stretch> stretches;
    std::int64_t before = 0;  // bytes of earlier files
    for (std::size_t f = 0; f < files.size(); ++f) {
        const auto& file = files[f];
        if (file.whole) {
            const std::int64_t middle = before + file.size / 2;
            if (middle >= first && middle < last)
                stretches.push_back({static_cast<std::int32_t>(f), 0, std::numeric_limits<std::int64_t>::max()});
        } else {
            // A boundary is rounded to the granularity, the same way by both ranks that share it.
            const auto boundary = [&](std::int64_t global) {
                const auto inside = std::clamp<std::int64_t>(global - before, 0, file.size);
                return inside == file.size ? inside : (inside + granularity / 2) / granularity * granularity;
            };
            const auto begin = boundary(first), end = std::min(boundary(last), file.size);
            if (begin < end) stretches.push_back({static_cast<std::int32_t>(f), begin, end});
        }
        before += file.size;
    }
    return stretches;
}

void find_first_records(parallel::Communicator& comm, std::vector<OpenStretch>& stretches,
                        std::span<const std::int64_t> data_start, std::span<const RecordGrammar> grammars) {
    std::vector<Walk> walks(stretches.size());
    for (std::size_t i = 0; i < stretches.size(); ++i) {
        auto& open = stretches[i];
        const auto file = static_cast<std::size_t>(open.stretch.file);
        const auto begin = open.stretch.begin, end = open.stretch.end;
        open.first = begin <= data_start[file] ? data_start[file] : open.window->find_line_feed(begin, end - 1) + 1;
        walks[i] = walk_from(open, grammars[file], open.first, nullptr);
    }
    for (std::int64_t changed = 1; changed > 0;) {
        const auto exits = gather_exits(comm, stretches, walks);
        changed = 0;
        for (std::size_t i = 0; i < stretches.size(); ++i) {
            auto& open = stretches[i];
            const auto file = static_cast<std::size_t>(open.stretch.file);
            const auto entry = entry_of(open.stretch, exits, data_start[file]);
            if (entry == open.first) continue;
            open.first = entry;
            const auto exit = walks[i].exit;
            walks[i] = walk_from(open, grammars[file], entry, &walks[i]);
            changed += walks[i].exit != exit;
        }
        changed = parallel::all_sum(comm, changed);
    }
}

}  // namespace kohort::corpus
