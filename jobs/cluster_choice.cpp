#include "cluster_choice.h"

#include <algorithm>
#include <string>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "cluster/choose_clusters.h"
#include "parallel/agreement.h"
#include "report/score_plot.h"
#include "store/dataset_source.h"

namespace kohort::jobs {
namespace {

std::string cell(const std::optional<double>& score) { return score ? fmt::format("{:.6f}", *score) : std::string(); }

std::string choice_table(const cluster::ClusterChoice& choice) {
    std::string csv = "clusters,inertia,silhouette,davies_bouldin,calinski_harabasz,stability,picked,rows\n";
    for (std::size_t i = 0; i < choice.candidates.size(); ++i) {
        const auto& c = choice.candidates[i];
        csv += fmt::format("{},{},{},{},{},{},{},{}\n", c.clusters, c.inertia, cell(c.scores.silhouette),
                           cell(c.scores.davies_bouldin), cell(c.scores.calinski_harabasz), cell(c.stability),
                           i == choice.picked ? 1 : 0, choice.rows);
    }
    return csv;
}

std::string choice_plot(const cluster::ClusterChoice& choice) {
    report::ScorePlot plot;
    plot.title = fmt::format("{} clusters", choice.clusters());
    plot.subtitle = choice.reason;
    plot.axis = "clusters";
    plot.picked = choice.picked;
    const auto allowance = fmt::format("out: more than {} below the best", cluster::stability_allowance);
    plot.panels = {{"Simplified silhouette", "higher is better", {}},
                   {"Stability (adjusted Rand index)", allowance, {}},
                   {"Inertia", "falls with every cluster; look for a bend", {}},
                   {"Davies–Bouldin", "lower is better", {}},
                   {"Calinski–Harabasz", "higher is better", {}}};
    for (const auto& c : choice.candidates) {
        plot.numbers.push_back(c.clusters);
        const std::optional<double> scores[] = {c.scores.silhouette, c.stability, c.inertia, c.scores.davies_bouldin,
                                                c.scores.calinski_harabasz};
        for (std::size_t i = 0; i < plot.panels.size(); ++i) plot.panels[i].values.push_back(scores[i]);
    }
    return report::score_plot_svg(plot);
}

}  // namespace

bool names_a_dataset(const std::string& init) { return init.ends_with(".npy") || init.find(":/") != std::string::npos; }

std::vector<std::int64_t> clusters_asked(const Options& options) {
    const auto asked = options.integers_or_auto("clusters");
    if (!asked.empty() || !names_a_dataset(options.text("init"))) return asked;
    return {store::MatrixSource(store::parse_dataset(options.text("init"))).rows()};
}

void refuse_impossible_clusters(const Options& options, std::int64_t rows) {
    const auto asked = clusters_asked(options);
    const auto& text = options.text("clusters");
    if (asked.size() != 1 && options.names("weights") && !options.text("weights").empty())
        base::fail(base::ErrorKind::usage, "--clusters {}: numbers are compared without weights; with --weights give one",
                   text);
    if (asked.empty()) return;
    if (asked.back() > rows) {
        const char* by = options.integers_or_auto("clusters").empty() ? "init" : "clusters";
        base::fail(base::ErrorKind::usage, "--{} {}: {} clusters, and there are only {} rows to cluster; give at most that many", by,
                   options.text(by), asked.back(), rows);
    }
    if (asked.size() == 1) return;
    if (asked.back() > cluster::most_compared_rows)
        base::fail(base::ErrorKind::usage,
                   "--clusters {}: several numbers are compared on {} rows; give none above that, or just one", text,
                   cluster::most_compared_rows);
    if (names_a_dataset(options.text("init")))
        base::fail(base::ErrorKind::usage, "--clusters {}: --init {} gives the centroids; give their number", text,
                   options.text("init"));
}

std::int64_t settle_clusters(JobContext& context, store::RunFolder& run, store::Stage& stage,
                             const cluster::RowSet& rows) {
    cluster::ChoiceOptions options;
    options.clusters = clusters_asked(context.options);
    options.seed = static_cast<std::uint64_t>(context.options.integer("seed"));
    options.threads = context.threads;
    options.metric = cluster::parse_metric(context.options.text("metric"));
    options.kernel = cluster::parse_kernel(context.options.text("kernel"));
    options.prefilter = cluster::parse_prefilter(context.options.text("prefilter"));
    options.pruning = cluster::parse_pruning(context.options.text("pruning"));
    if (options.clusters.size() == 1) return options.clusters.front();

    base::Progress progress("choice of clusters", -1, "iterations", context.is_root());
    const auto each_iteration = [&](const cluster::IterationStatistics&, const std::function<cluster::KMeansState()>&) {
        progress.advance();
        if (parallel::stop_agreed(context.comm))
            base::fail(base::ErrorKind::stopped,
                       "stopped on request while comparing numbers of clusters; run again with --resume to go on");
    };
    const auto choice = cluster::choose_clusters(context.comm, rows, options, each_iteration);
    progress.finish();
    const auto said = fmt::format("{} ({})", choice.clusters(), choice.reason);
    base::log_info("clusters: {}", said);
    run.describe("clusters", said);
    if (context.is_root()) {
        const auto write = [&](const std::string& name, const std::string& content) {
            base::write_file_atomically(run.path() / name, content);
            stage.add(name, base::sha256_hex(content));
        };
        write("segment/choice.csv", choice_table(choice));
        write("segment/choice.svg", choice_plot(choice));
    }
    return choice.clusters();
}

}  // namespace kohort::jobs
