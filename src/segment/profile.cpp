#include "segment/profile.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <sstream>
#include <tuple>

#include "base/error.h"
#include "base/stop_signal.h"
#include "parallel/collectives.h"
#include "parallel/heartbeat.h"
#include "store/partition_file.h"

namespace kohort::segment {
namespace {

// Nearest first; ties by where the user stands, so that the order is total.
bool nearer(const Exemplar& a, const Exemplar& b) {
    if (a.distance != b.distance) return a.distance < b.distance;
    return std::pair(a.partition, a.row) < std::pair(b.partition, b.row);
}

void keep_nearest(std::vector<Exemplar>& exemplars, std::size_t most) {
    std::sort(exemplars.begin(), exemplars.end(), nearer);
    if (exemplars.size() > most) exemplars.resize(most);
}

// The texts that hold the most of the segment's score; ties by newness.
std::vector<std::string> telling_texts(const TermExtractor& extractor, const std::vector<std::string>& texts,
                                       const std::vector<Term>& terms, std::size_t most) {
    std::map<std::string, double, std::less<>> scores;
    for (const auto& term : terms) scores[term.text] = term.score;
    std::vector<std::pair<double, std::size_t>> order;
    std::set<std::string> seen;
    for (std::size_t i = texts.size(); i-- > 0;) {
        if (texts[i].empty() || !seen.insert(texts[i]).second) continue;
        double score = 0;
        for (const auto& term : extractor.extract(texts[i]).terms)
            if (const auto found = scores.find(readable(term)); found != scores.end()) score += found->second;
        order.emplace_back(-score, texts.size() - i);
    }
    std::sort(order.begin(), order.end());
    std::vector<std::string> best;
    for (std::size_t i = 0; i < std::min(most, order.size()); ++i) best.push_back(texts[texts.size() - order[i].second]);
    return best;
}

void append(std::string& bytes, std::string_view text) {
    const auto length = static_cast<std::int64_t>(text.size());
    bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
    bytes.append(text);
}

std::string take_text(std::string_view& bytes) {
    std::int64_t length;
    std::memcpy(&length, bytes.data(), sizeof length);
    std::string text(bytes.substr(sizeof length, static_cast<std::size_t>(length)));
    bytes.remove_prefix(sizeof length + text.size());
    return text;
}

// Every rank's candidates on every rank: [segment][…], nearest first.
std::vector<std::vector<Exemplar>> share_exemplars(parallel::Communicator& comm, const std::vector<std::vector<Exemplar>>& local,
                                                   std::size_t most) {
    std::string packed;
    for (std::size_t c = 0; c < local.size(); ++c) {
        for (const auto& exemplar : local[c]) {
            append(packed, fmt::format("{} {} {}", c, exemplar.partition, exemplar.row));
            packed.append(reinterpret_cast<const char*>(&exemplar.distance), sizeof exemplar.distance);
            append(packed, exemplar.user);
            append(packed, std::to_string(exemplar.texts.size()));
            for (const auto& text : exemplar.texts) append(packed, text);
        }
    }
    const auto all = parallel::all_gather(comm, std::span<const char>(packed));
    std::vector<std::vector<Exemplar>> shared(local.size());
    for (std::string_view rest(all.data(), all.size()); !rest.empty();) {
        Exemplar exemplar;
        std::size_t c = 0;
        std::istringstream(take_text(rest)) >> c >> exemplar.partition >> exemplar.row;
        std::memcpy(&exemplar.distance, rest.data(), sizeof exemplar.distance);
        rest.remove_prefix(sizeof exemplar.distance);
        exemplar.user = take_text(rest);
        exemplar.texts.resize(std::stoul(take_text(rest)));
        for (auto& text : exemplar.texts) text = take_text(rest);
        shared[c].push_back(std::move(exemplar));
    }
    for (auto& exemplars : shared) keep_nearest(exemplars, most);
    return shared;
}

}  // namespace

LabelledPartition read_labelled_partition(const std::filesystem::path& run, std::int32_t partition,
                                          const std::vector<std::int32_t>& numbers) {
    LabelledPartition labelled;
    labelled.documents = corpus::read_partition(run, partition);
    const auto path = run / "segment" / store::partition_file_name(partition);
    const store::PartitionReader reader(path);
    labelled.segments = reader.read<std::int32_t>("/obs/segment");
    labelled.distances = reader.read<float>("/obs/distance");
    labelled.margins = reader.read<float>("/obs/margin");
    labelled.map = reader.read<float>("/obsm/map");
    if (labelled.segments.size() != labelled.documents.users.size())
        base::fail(base::ErrorKind::environment, "{} has {} users, its corpus partition {}: run `kohort cluster` again",
                   path.string(), labelled.segments.size(), labelled.documents.users.size());
    for (auto& segment : labelled.segments) {
        const auto found = std::find(numbers.begin(), numbers.end(), segment);
        if (found == numbers.end())
            base::fail(base::ErrorKind::environment, "{} names segment {}, which centroids.h5 does not have", path.string(), segment);
        segment = static_cast<std::int32_t>(found - numbers.begin());
    }
    return labelled;
}

std::vector<SegmentProfile> profile_segments(parallel::Communicator& comm, const std::filesystem::path& run,
                                             const std::vector<std::int32_t>& mine,
                                             const std::vector<std::int32_t>& numbers, const TermExtractor& extractor,
                                             TermTable& table, const ProfileOptions& options) {
    const auto segments = numbers.size();
    std::vector<std::int64_t> users(segments), events(segments);
    std::vector<std::vector<Exemplar>> nearest(segments);
    const auto most = static_cast<std::size_t>(options.exemplars);

    // All ranks exchange equally often, as often as the one with the most partitions needs.
    const auto rounds = parallel::all_max(comm, static_cast<std::int64_t>(mine.size()));
    for (std::int64_t round = 0; round < rounds; ++round) {
        base::leave_if_stop_requested("counting terms");
        parallel::heartbeat();
        if (round < static_cast<std::int64_t>(mine.size())) {
            const auto part = read_labelled_partition(run, mine[static_cast<std::size_t>(round)], numbers);
            for (std::size_t row = 0; row < part.segments.size(); ++row) {
                const auto& user = part.documents.users[row];
                const auto c = static_cast<std::size_t>(part.segments[row]);
                std::vector<std::string_view> texts;
                Exemplar exemplar{part.distances[row], part.documents.index, static_cast<std::int32_t>(row), user.id, {}};
                for (const auto& event : user.events) {
                    if (!event.text.empty()) texts.push_back(event.text);
                    exemplar.texts.push_back(event.text);
                }
                table.add_user(extractor, part.segments[row], texts);
                users[c] += 1;
                events[c] += static_cast<std::int64_t>(user.events.size());
                nearest[c].push_back(std::move(exemplar));
            }
            for (auto& exemplars : nearest) keep_nearest(exemplars, most);
        }
        if (round % 8 == 7 || round + 1 == rounds) table.exchange();
    }
    parallel::all_reduce(comm, std::span(users), parallel::ReduceOperation::sum);
    parallel::all_reduce(comm, std::span(events), parallel::ReduceOperation::sum);

    const auto terms = table.best_terms(options.terms);
    for (std::size_t c = 0; c < segments; ++c)
        for (auto& exemplar : nearest[c]) exemplar.texts = telling_texts(extractor, exemplar.texts, terms[c], 3);
    auto shared = share_exemplars(comm, nearest, most);

    std::vector<SegmentProfile> profiles(segments);
    for (std::size_t c = 0; c < segments; ++c)
        profiles[c] = {numbers[c], "", users[c], events[c], terms[c], std::move(shared[c])};
    return profiles;
}

std::vector<std::string> user_terms(const TermExtractor& extractor, const corpus::UserDocument& user,
                                    const std::vector<Term>& segment_terms, std::size_t most) {
    std::map<std::string, double, std::less<>> scores;
    for (const auto& term : segment_terms) scores[term.text] = term.score;
    std::map<std::string, std::int64_t> counts;
    for (const auto& event : user.events)
        for (const auto& term : extractor.extract(event.text).terms) ++counts[readable(term)];
    struct Candidate {
        bool telling;
        std::int64_t count;
        double score;
        std::string text;
    };
    std::vector<Candidate> candidates;
    for (auto& [text, count] : counts) {
        const auto found = scores.find(text);
        candidates.push_back({found != scores.end(), count, found != scores.end() ? found->second : 0.0, text});
    }
    std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
        return std::tuple(!a.telling, -a.count, -a.score, a.text) < std::tuple(!b.telling, -b.count, -b.score, b.text);
    });
    std::vector<std::string> best;
    for (std::size_t i = 0; i < std::min(most, candidates.size()); ++i) best.push_back(std::move(candidates[i].text));
    return best;
}

const std::string& newest_text(const corpus::UserDocument& user) {
    static const std::string none;
    for (std::size_t i = user.events.size(); i-- > 0;)
        if (!user.events[i].text.empty()) return user.events[i].text;
    return none;
}

}  // namespace kohort::segment
