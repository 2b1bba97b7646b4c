#include "corpus/synthetic.h"

#include <algorithm>
#include <cmath>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/philox.h"
#include "corpus/shared_output.h"
#include "corpus/synthetic_words.h"
#include "parallel/collectives.h"
#include "parallel/heartbeat.h"

namespace kohort::corpus {
namespace {

constexpr std::int64_t first_time = 1'700'000'000;
constexpr double own_words = 0.5;        // of a text: from its interest's list,
constexpr double neighbours_words = 0.12;  // from the list of the next interest, the rest from the common words
constexpr std::int64_t block_users = 4096;

// The random numbers of one user, drawn one after another.
class Draws {
  public:
    Draws(const base::Philox& random, std::int64_t user) : random_(random), user_(static_cast<std::uint64_t>(user)) {}
    double uniform() { return random_.uniform(user_, next_++); }
    std::int64_t below(std::int64_t bound) {
        return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(bound), user_, next_++));
    }
    // Words at the front of a list are more common, as in any text: the square favours small numbers.
    std::string_view word(std::span<const std::string_view> words) {
        const double u = uniform();
        return words[static_cast<std::size_t>(u * u * static_cast<double>(words.size()))];
    }
    std::uint64_t bits() { return random_.bits(user_, next_++); }

  private:
    const base::Philox& random_;
    std::uint64_t user_, next_ = 0;
};

std::string make_text(Draws& draws, std::int64_t interest, std::int64_t interests, bool chinese) {
    const auto all = synthetic_interests();
    const auto& own = all[static_cast<std::size_t>(interest)];
    const auto& neighbour = all[static_cast<std::size_t>((interest + 1) % interests)];
    std::string text;
    const auto words = 4 + draws.below(4);
    for (std::int64_t i = 0; i < words; ++i) {
        const double kind = draws.uniform();
        std::string_view word;
        if (kind < own_words) word = draws.word(chinese ? own.chinese : own.english);
        else if (kind < own_words + neighbours_words) word = draws.word(chinese ? neighbour.chinese : neighbour.english);
        else word = draws.word(chinese ? common_chinese_words() : common_english_words());
        if (i > 0) text += chinese && draws.uniform() < 0.7 ? "" : " ";
        text += word;
    }
    return text;
}

void check(const SyntheticOptions& options) {
    if (options.users < 1) base::fail(base::ErrorKind::usage, "--users {}: give at least 1", options.users);
    if (options.interests < 2 || options.interests > most_synthetic_interests())
        base::fail(base::ErrorKind::usage, "--interests {}: give 2 to {}", options.interests, most_synthetic_interests());
}

}  // namespace

std::int64_t most_synthetic_interests() { return static_cast<std::int64_t>(synthetic_interests().size()); }

SyntheticUser make_synthetic_user(const SyntheticOptions& options, std::int64_t user) {
    const base::Philox random(options.seed, base::RandomPurpose::synthetic_corpus);
    Draws draws(random, user);
    SyntheticUser made;
    const std::string id = fmt::format("S{:08x}{:04x}", user, draws.bits() & 0xFFFF);
    const auto interest = draws.below(options.interests);
    const bool second = draws.uniform() < options.two_interests;
    const auto other = (interest + 1 + draws.below(options.interests - 1)) % options.interests;
    // Users write in both languages, some much more in one: a language must not become a segment.
    constexpr double chinese_shares[] = {0.8, 0.65, 0.55, 0.45};
    const double chinese_share = chinese_shares[draws.below(4)];
    made.event_count = 3 + std::min<std::int64_t>(30, static_cast<std::int64_t>(-9.0 * std::log(1.0 - draws.uniform())));
    auto time = first_time + draws.below(90 * 86'400);
    for (std::int64_t e = 0; e < made.event_count; ++e) {
        auto topic = second && draws.uniform() < 0.3 ? other : interest;
        if (draws.uniform() < options.noise) topic = draws.below(options.interests);
        const bool chinese = draws.uniform() < chinese_share;
        const double kind = draws.uniform();
        const char* behavior = kind < 0.55 ? "pv" : kind < 0.75 ? "search" : kind < 0.9 ? "buy" : kind < 0.95 ? "fav" : "cart";
        const std::string item = kind >= 0.55 && kind < 0.75 ? "" : fmt::format("I{:06}", draws.below(1'000'000));
        time += 1 + draws.below(80'000);
        made.events += fmt::format("{},{},{},{},{}\n", id, item, behavior, time, make_text(draws, topic, options.interests, chinese));
    }
    made.truth = fmt::format("{},{}\n", id, synthetic_interests()[static_cast<std::size_t>(interest)].name);
    return made;
}

SyntheticReport write_synthetic_corpus(parallel::Communicator& comm, const std::filesystem::path& folder,
                                       const SyntheticOptions& options) {
    check(options);
    if (comm.is_root()) {
        std::error_code error;
        std::filesystem::create_directories(folder, error);
        if (error) base::fail(base::ErrorKind::environment, "cannot create the folder {}: {}", folder.string(), error.message());
        std::string tags = "name,description\n";
        for (const auto& interest : synthetic_interests().first(static_cast<std::size_t>(options.interests)))
            tags += fmt::format("{},\"{}\"\n", interest.name, interest.description);
        base::write_file_atomically(folder / "tags.csv", tags, 0644);
    }
    parallel::barrier(comm);
    SharedOutput events(comm, folder / "events.csv", 0644), truth(comm, folder / "truth.csv", 0644);
    events.append(comm.is_root() ? "user_id,item_id,behavior,timestamp,text\n" : "");
    truth.append(comm.is_root() ? "user_id,interest\n" : "");
    SyntheticReport report{options.users, 0};
    // Each round makes consecutive blocks of users, one a rank, so that the users stay in order at any rank count.
    const auto ranks = static_cast<std::int64_t>(comm.size());
    for (std::int64_t round = 0; round * ranks * block_users < options.users; ++round) {
        const auto first = std::min(options.users, (round * ranks + comm.rank()) * block_users);
        const auto last = std::min(options.users, first + block_users);
        std::string event_lines, truth_lines;
        for (auto user = first; user < last; ++user) {
            const auto made = make_synthetic_user(options, user);
            event_lines += made.events;
            truth_lines += made.truth;
            report.events += made.event_count;
            parallel::heartbeat();
        }
        events.append(event_lines);
        truth.append(truth_lines);
    }
    events.commit();
    truth.commit();
    report.events = parallel::all_sum(comm, report.events);
    return report;
}

}  // namespace kohort::corpus
