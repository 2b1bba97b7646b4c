#include "training_data.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "corpus/key_table.h"
#include "parallel/agreement.h"
#include "parallel/collectives.h"

namespace kohort::jobs {
namespace {

bool has(const Options& options, const char* name) { return options.names(name) && !options.text(name).empty(); }

train::LabelKind label_kind(const Options& options) {
    const auto& name = options.text("label-kind");
    return name == "single" ? train::LabelKind::single : name == "multi" ? train::LabelKind::multi : train::LabelKind::automatic;
}

// As ingest reads it.
std::string pseudonym_key(const Options& options) {
    const std::string path = options.text("key-file");
    if (!std::filesystem::is_regular_file(path)) base::fail(base::ErrorKind::usage, "--key-file {}: there is no such file", path);
    std::string key = base::read_file(path);
    while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' ')) key.pop_back();
    return key;
}

std::string file_digest(const Options& options, const char* name) {
    return has(options, name) && std::filesystem::is_regular_file(options.text(name)) ? base::sha256_file(options.text(name)) : "";
}

}  // namespace

train::PairKind pair_kind(const Options& options) {
    using enum train::PairKind;
    static const std::unordered_map<std::string, train::PairKind> kinds{
        {"halves", halves}, {"events", events}, {"rest", rest}, {"query-item", query_item}, {"title-category", title_category}, {"dropout", dropout}};
    return options.names("pairs") ? kinds.at(options.text("pairs")) : halves;
}

bool is_supervised(const Options& options) { return options.names("objective") && options.text("objective") == "supervised"; }

void check_training_data(const Options& options) {
    using base::ErrorKind;
    if (is_supervised(options) && !has(options, "labels"))
        base::fail(ErrorKind::usage, "--objective supervised needs users' labels: --labels FILE.csv with the columns user_id and label");
    if (!is_supervised(options) && has(options, "labels"))
        base::fail(ErrorKind::usage, "--labels is for --objective supervised; contrastive training takes no labels");
    const auto pairs = pair_kind(options);
    if (!is_supervised(options) && pairs == train::PairKind::title_category && !has(options, "categories"))
        base::fail(ErrorKind::usage,
                   "--pairs title-category: a corpus holds texts and no categories; --categories FILE.csv gives each item's, "
                   "with the columns item_id and category");
    if (!is_supervised(options) && pairs == train::PairKind::dropout && options.real("dropout") <= 0)
        base::fail(ErrorKind::usage, "--pairs dropout tells the two sides of a pair apart by dropout alone; it needs --dropout above 0");
    if (options.names("left-out-weight") && options.real("left-out-weight") > 0 && (is_supervised(options) || pairs != train::PairKind::rest))
        base::fail(ErrorKind::usage, "--left-out-weight is for --pairs rest; other trainings have no use for it");
}

void add_training_data(store::StageKey& key, const Options& options) {
    for (const char* name : {"objective", "pairs", "query-behavior", "category-column", "left-out-weight", "false-negatives", "false-negative-margin",
                             "label-column", "label-kind", "whole-words"})
        if (options.names(name)) key.add(name, options.text(name));
    for (const char* name : {"labels", "categories"}) key.add(name, file_digest(options, name));
    if (has(options, "labels") && has(options, "key-file"))
        key.add("pseudonym key", base::keyed_pseudonym(pseudonym_key(options), "which key is this?"));
}

std::unique_ptr<TrainingData> read_training_data(JobContext& context) {
    const auto& options = context.options;
    auto data = std::make_unique<TrainingData>();
    parallel::agree(context.comm, [&] {
        if (is_supervised(options)) {
            const bool named = !options.text("label-column").empty();
            auto rows = corpus::read_key_table(
                options.text("labels"), {"--labels", "user_id", named ? options.text("label-column") : "label", !named});
            if (has(options, "key-file")) {
                const std::string key = pseudonym_key(options);
                for (auto& row : rows) row.key = base::keyed_pseudonym(key, row.key);
            }
            data->labels.emplace(rows, label_kind(options), "--labels " + options.text("labels"));
        } else if (pair_kind(options) == train::PairKind::title_category) {
            for (auto& row : corpus::read_key_table(options.text("categories"),
                                                    {"--categories", "item_id", options.text("category-column"), false}))
                data->categories.try_emplace(std::move(row.key), std::move(row.value));
        }
    });
    return data;
}

train::StoreOptions TrainingData::store_options(const Options& options, bool words) const {
    train::StoreOptions result;
    result.words = words;
    if (is_supervised(options)) {
        result.users.sample = train::UserSample::labelled;
        result.users.labels_of = [this](std::string_view user) {
            auto found = labels->of_user(user);
            if (!found.empty()) ++labelled;
            return found;
        };
        return result;
    }
    switch (pair_kind(options)) {
        case train::PairKind::halves:
        case train::PairKind::events:
        case train::PairKind::rest: result.users.sample = train::UserSample::two_texts; break;
        case train::PairKind::dropout: result.users.sample = train::UserSample::any_text; break;
        case train::PairKind::query_item:
            result.users.sample = train::UserSample::query_and_item;
            result.users.query_behavior = options.text("query-behavior");
            break;
        case train::PairKind::title_category:
            result.users.sample = train::UserSample::text_and_category;
            result.users.category_of = [this](std::string_view item) {
                const auto found = categories.find(std::string(item));
                return found == categories.end() ? std::string_view() : std::string_view(found->second);
            };
            break;
    }
    return result;
}

void TrainingData::report(JobContext& context, const train::TokenStore& store) const {
    const auto& options = context.options;
    const std::int64_t users = store.samples(train::SampleUnit::user);
    if (labels) {
        const std::int64_t known = parallel::all_sum(context.comm, labelled.load());
        base::log_info("labels: {} of {} users with a text have one, or several, of {} labels; {} users of the file are not in the corpus",
                       base::human_count(users), base::human_count(store.users()), labels->names().size(),
                       base::human_count(labels->users() - known));
    }
    if (users >= 2) return;
    parallel::agree(context.comm, [&] {
        using base::ErrorKind;
        if (labels)
            base::fail(ErrorKind::input,
                       "--labels {}: {} of its {} users are in the corpus with a text, and at least 2 are needed; where ids were "
                       "replaced by pseudonyms, --key-file names the key",
                       options.text("labels"), users, labels->users());
        if (pair_kind(options) == train::PairKind::query_item)
            base::fail(ErrorKind::input,
                       "--pairs query-item: {} of {} users have an event of the behaviour \"{}\" that an event with an item follows, and "
                       "at least 2 are needed; --query-behavior names another behaviour",
                       users, store.users(), options.text("query-behavior"));
        if (pair_kind(options) == train::PairKind::title_category)
            base::fail(ErrorKind::input,
                       "--pairs title-category: {} of {} users have an event whose item is among the {} of --categories {}, and at least "
                       "2 are needed",
                       users, store.users(), categories.size(), options.text("categories"));
    });
}

void TrainingData::settle(const Options& options, train::TrainOptions& settings) const {
    settings.pairs = pair_kind(options);
    settings.false_negatives = options.text("false-negatives") == "users" ? train::FalseNegatives::users : train::FalseNegatives::texts;
    settings.left_out_weight = options.real("left-out-weight");
    settings.false_negative_margin = options.real("false-negative-margin");
    if (!labels) return;
    settings.labels = labels->names();
    settings.multi_label = labels->multi();
}

}  // namespace kohort::jobs
