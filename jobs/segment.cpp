// Names and profiles the segments, and writes what people open: the CSV files, the index and the report.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/philox.h"
#include "base/progress.h"
#include "base/stop_signal.h"
#include "describe_texts.h"
#include "parallel/agreement.h"
#include "parallel/balanced_ranges.h"
#include "parallel/collectives.h"
#include "parallel/heartbeat.h"
#include "report/html.h"
#include "report/score_plot.h"
#include "report/segment_table.h"
#include "report/shared_file.h"
#include "report/user_table.h"
#include "segment/tags.h"
#include "stages.h"
#include "store/dataset_source.h"
#include "store/partition_file.h"
#include "store/virtual_index.h"
#include "text/display_width.h"

namespace kohort::jobs {
namespace {

constexpr std::int64_t points_on_map = 4000;
constexpr double least_closeness = 0.05;  // of a term that points away from the centre, so that order remains

std::vector<std::string> read_stop_words(const std::string& path) {
    std::vector<std::string> words;
    if (path.empty()) return words;
    if (!std::filesystem::is_regular_file(path)) base::fail(base::ErrorKind::usage, "--stop-words {}: no such file", path);
    std::istringstream lines(base::read_file(path));
    for (std::string line; std::getline(lines, line);)
        if (!line.empty()) words.push_back(line);
    return words;
}

// The partitions this rank reads.
std::vector<std::int32_t> my_partitions(const parallel::Communicator& comm, const corpus::CorpusInfo& info) {
    const auto range = parallel::balanced_ranges(info.text_bytes, comm.size())[static_cast<std::size_t>(comm.rank())];
    std::vector<std::int32_t> mine(static_cast<std::size_t>(range.last - range.first));
    std::iota(mine.begin(), mine.end(), static_cast<std::int32_t>(range.first));
    return mine;
}

// Puts first the terms that are both typical of the segment's texts and close to its centre: a term's score is
// multiplied by the cosine between its own vector and the centroid, both without what all have in common
// (Grootendorst 2020, KeyBERT, does so for documents).
void prefer_central(JobContext& context, const store::RunFolder& run, std::vector<std::vector<segment::Term>>& terms) {
    std::map<std::string, std::size_t> place;
    for (const auto& list : terms)
        for (const auto& term : list) place.emplace(term.text, place.size());
    std::vector<std::string> texts(place.size());
    for (const auto& [text, index] : place) texts[index] = text;
    const auto closeness = closeness_to_centroids(context, run, texts);
    for (std::size_t c = 0; c < terms.size(); ++c) {
        for (auto& term : terms[c])
            term.score = std::round(term.score * std::max(closeness[place.at(term.text)][c], least_closeness) * 1e6) / 1e6;
        std::stable_sort(terms[c].begin(), terms[c].end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    }
}

// Gives each segment its tag: its own best term, or where a list was given the name that suits it best.
void tag_segments(JobContext& context, const store::RunFolder& run, std::vector<segment::SegmentProfile>& profiles,
                  segment::TermTable& table, const segment::TermExtractor& extractor) {
    std::vector<std::vector<segment::Term>> terms;
    for (const auto& profile : profiles) terms.push_back(profile.terms);
    prefer_central(context, run, terms);
    const auto own = segment::choose_tags(terms);
    for (std::size_t c = 0; c < profiles.size(); ++c) profiles[c].tag = own[c];
    if (!context.options.given("tags")) return;

    const auto names = segment::read_tag_list(context.options.text("tags"));
    std::vector<std::string> descriptions;
    std::vector<std::vector<double>> lexical;
    for (const auto& name : names) {
        descriptions.push_back(name.name + " " + name.description);
        const auto lifts = table.log_lifts(extractor.extract(descriptions.back()).terms);
        std::vector<double> mean(profiles.size());
        for (const auto& lift : lifts)
            for (std::size_t c = 0; c < mean.size(); ++c) mean[c] += lift[c] / static_cast<double>(lifts.size());
        lexical.push_back(std::move(mean));
    }
    const auto semantic = closeness_to_centroids(context, run, descriptions);
    const auto name_of = segment::match_names(lexical, semantic);
    for (std::size_t c = 0; c < profiles.size(); ++c)
        if (name_of[c] >= 0) profiles[c].tag = names[static_cast<std::size_t>(name_of[c])].name;
}

// A sample of the users for the map, the same at any number of ranks: each user is drawn by its own number.
struct MapSample {
    std::vector<float> places;        // x, y
    std::vector<std::int32_t> segments;
    std::string labels;               // each ended by a line feed
};

void sample_map(const segment::LabelledPartition& part, const std::vector<segment::SegmentProfile>& profiles,
                double share, const base::Philox& random, MapSample& sample) {
    for (std::size_t row = 0; row < part.segments.size(); ++row) {
        const auto& user = part.documents.users[row];
        if (random.uniform(base::hash64(user.id), 0) >= share) continue;
        sample.places.insert(sample.places.end(), {part.map[2 * row], part.map[2 * row + 1]});
        sample.segments.push_back(part.segments[row]);
        std::string text = text::cut_to_width(segment::newest_text(user), 60);
        std::replace(text.begin(), text.end(), '\n', ' ');
        sample.labels += profiles[static_cast<std::size_t>(part.segments[row])].tag + ": " + text + "\n";
    }
}

std::vector<report::MapPoint> gather_map(parallel::Communicator& comm, const MapSample& sample) {
    const auto places = parallel::gather(comm, std::span<const float>(sample.places));
    const auto segments = parallel::gather(comm, std::span<const std::int32_t>(sample.segments));
    const auto labels = parallel::gather(comm, std::span<const char>(sample.labels));
    std::istringstream lines(std::string(labels.begin(), labels.end()));
    std::vector<report::MapPoint> points;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        std::string label;
        std::getline(lines, label);
        points.push_back({places[2 * i], places[2 * i + 1], segments[i], std::move(label)});
    }
    return points;
}

report::ReportFacts report_facts(const JobContext& context, const store::RunFolder& run, const corpus::CorpusInfo& info) {
    report::ReportFacts facts;
    facts.title = "User segments";
    facts.users = std::accumulate(info.users.begin(), info.users.end(), std::int64_t{0});
    facts.events = std::accumulate(info.events.begin(), info.events.end(), std::int64_t{0});
    for (const char* name : {"corpus", "model", "clusters"})
        if (const auto text = run.description(name)) facts.rows.emplace_back(name, *text);
    facts.rows.emplace_back("seed", context.options.text("seed"));
    for (const char* stage : {"pretrained", "model"})
        if (const auto text = run.description(std::string("loss of ") + stage))
            for (auto& curve : report::parse_curves(*text)) facts.training.push_back(std::move(curve));
    const auto choice = run.path() / "segment/choice.svg";  // there where several numbers of clusters were compared
    if (std::filesystem::exists(choice)) facts.choice = report::svg_for_page(base::read_file(choice));
    return facts;
}

}  // namespace

void check_segment_files(JobContext& context) {
    parallel::agree(context.comm, [&] {
        if (context.options.given("tags")) segment::read_tag_list(context.options.text("tags"));
        read_stop_words(context.options.text("stop-words"));
    });
}

void segment_stage(JobContext& context, store::RunFolder& run, const store::StageKey& segment_key, store::OtherKey other) {
    const auto& options = context.options;
    store::StageKey key("report");
    key.add_stage(segment_key).add("seed", options.integer("seed")).add("vectors-in-csv", options.text("vectors-in-csv"));
    for (const char* file : {"tags", "stop-words"})
        key.add(file, options.given(file) ? base::sha256_hex(base::read_file(options.text(file))) : "");
    store::Stage stage(context.comm, run, key, {"."}, other);
    if (stage.complete()) {
        base::log_info("segment: complete already");
        return;
    }
    StageTimer timer(context, "segment");
    const auto info = corpus::read_corpus_info(run.path());
    const auto mine = my_partitions(context.comm, info);
    const auto numbers_by_row = store::PartitionReader(run.path() / "segment/centroids.h5").read<std::int32_t>("/number");

    // Rows of the centroids in the order of their numbers, so that tables and the report read 0, 1, 2, …
    auto numbers = numbers_by_row;
    std::sort(numbers.begin(), numbers.end());
    const segment::TermExtractor extractor(read_stop_words(options.text("stop-words")));
    segment::TermTable table(context.comm, static_cast<std::int64_t>(numbers.size()));
    auto profiles = segment::profile_segments(context.comm, run.path(), mine, numbers, extractor, table, {});
    tag_segments(context, run, profiles, table, extractor);

    report::UserTableOptions table_options;
    const auto users = std::accumulate(info.users.begin(), info.users.end(), std::int64_t{0});
    const double share = users == 0 ? 0 : static_cast<double>(points_on_map) / static_cast<double>(users);
    const base::Philox random(static_cast<std::uint64_t>(options.integer("seed")), base::RandomPurpose::map_sample);
    std::map<std::int32_t, std::string> lines;
    MapSample sample;
    base::Progress progress("segment", static_cast<std::int64_t>(mine.size()), "partitions", context.is_root());
    for (const auto p : mine) {
        base::leave_if_stop_requested("writing the tables");
        parallel::heartbeat();
        const auto part = segment::read_labelled_partition(run.path(), p, numbers);
        std::vector<float> vectors;
        if (options.flag("vectors-in-csv")) {
            const store::MatrixSource source({run.path() / "embedding" / store::partition_file_name(p), "/obsm/embedding"});
            table_options.vector_columns = source.columns();
            vectors = source.read_rows(0, source.rows());
        }
        lines[p] = report::user_table_lines(part, profiles, extractor, vectors, table_options);
        sample_map(part, profiles, share, random, sample);
        progress.advance();
    }
    progress.finish();
    table_options.vector_columns = parallel::all_max(context.comm, table_options.vector_columns);
    const auto user_table = report::write_shared_file(context.comm, run.path() / "users_with_tags.csv",
                                                      report::user_table_head(table_options), lines,
                                                      static_cast<std::int32_t>(info.users.size()));
    const auto points = gather_map(context.comm, sample);
    if (context.is_root()) {
        stage.add("users_with_tags.csv", user_table);
        const auto write = [&](const std::string& name, const std::string& content) {
            base::write_file_atomically(run.path() / name, content);
            stage.add(name, base::sha256_hex(content));
        };
        write("segments.csv", report::segment_table(profiles));
        write("report.html", report::html_report(report_facts(context, run, info), profiles, points));
    }
    store::VirtualIndex index{"report", key.hash(), static_cast<std::int32_t>(info.users.size()), {}};
    for (const auto& profile : profiles) index.tags[profile.number] = profile.tag;
    const auto index_file = store::write_virtual_index(context.comm, run.path(), index);
    if (context.is_root()) stage.add("kohort.h5", index_file);
    stage.finish();
    timer.finish(fmt::format("{} segments named, {} users written", profiles.size(), base::human_count(users)));
    for (const auto& profile : profiles)
        base::log_info("  segment {}: {} users, {}", profile.number, base::human_count(profile.users), profile.tag);
}

int segment_job(JobContext& context) {
    const auto folder = open_run(context, store::OpenMode::read);
    auto& run = *folder;
    demand_users(context, run);
    check_segment_files(context);
    // Asked for alone, with other tags or stop words: they are what this job is for.
    segment_stage(context, run, completed_stage(run, "segment", "cluster"), store::OtherKey::replace);
    return 0;
}

}  // namespace kohort::jobs
