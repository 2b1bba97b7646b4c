#include "vocabulary.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/stop_signal.h"
#include "corpus/user_document.h"
#include "model_folder.h"
#include "parallel/balanced_ranges.h"
#include "parallel/collectives.h"
#include "parallel/heartbeat.h"
#include "text/text_marks.h"
#include "text/tokenizer.h"
#include "text/unigram_files.h"
#include "text/vocabulary_trainer.h"
#include "text/wordpiece_files.h"
#include "training_options.h"

namespace kohort::jobs {
namespace {

constexpr std::int64_t sentinels_of_t5 = 100;

bool is_unigram(const Options& options) {
    return options.text("vocabulary") == "unigram";
}

std::int64_t sentinels_for(const Options& options) {
    return options.text("family") == "t5" ? sentinels_of_t5 : 0;
}

// The texts of this rank's partitions.
text::TextSource corpus_texts(JobContext& context, const store::RunFolder& run) {
    const auto info = corpus::read_corpus_info(run.path());
    const auto range =
        parallel::balanced_ranges(info.text_bytes, context.comm.size())[static_cast<std::size_t>(context.comm.rank())];
    return [range, path = run.path()](const std::function<void(std::string_view)>& visit) {
        for (auto p = range.first; p < range.last; ++p) {
            parallel::heartbeat();
            base::leave_if_stop_requested("reading texts for the vocabulary");
            for (const auto& user : corpus::read_partition(path, static_cast<std::int32_t>(p)).users)
                for (const auto& event : user.events) visit(event.text);
        }
    };
}

void make_wordpiece(JobContext& context, const text::TextSource& texts, const std::filesystem::path& folder) {
    text::VocabularyOptions settings;
    settings.size = context.options.integer("vocabulary-size") - sentinels_for(context.options);
    settings.normalizer.lowercase = context.options.flag("lowercase");
    auto vocabulary = text::train_vocabulary(context.comm, texts, settings);
    vocabulary = text::with_sentinels(std::move(vocabulary), sentinels_for(context.options));
    if (context.is_root())
        text::save_wordpiece(text::bert_settings(text::Vocabulary(vocabulary), settings.normalizer), folder, longest_sequence);
}

void make_unigram(JobContext& context, const text::TextSource& texts, const std::filesystem::path& folder) {
    const bool lowercase = context.options.flag("lowercase");
    const auto sentinels = sentinels_for(context.options);
    text::UnigramTrainerOptions settings;
    settings.size = context.options.integer("vocabulary-size") - text::unigram_tokens_added(sentinels);
    settings.threads = context.threads;
    settings.sample.normalize = [normalizer = text::unigram_normalizer(lowercase)](std::string& text) {
        normalizer.normalize(text);
    };
    const auto pieces = text::train_unigram(context.comm, texts, settings);
    if (context.is_root()) text::save_unigram(pieces, lowercase, sentinels, folder, longest_sequence);
}

}  // namespace

void make_tokenizer(JobContext& context, store::RunFolder& run, store::Stage& stage, const std::string& name) {
    const auto& options = context.options;
    const auto folder = run.path() / name;
    if (options.given("tokenizer")) {
        if (context.is_root()) {
            const auto tokenizer = text::load_tokenizer(options.text("tokenizer"), lowercase_if_given(options));
            warn_of_lowercase(options, *tokenizer);
            tokenizer->save(folder, longest_sequence);
        }
    } else {
        const auto texts = corpus_texts(context, run);
        if (is_unigram(options))
            make_unigram(context, texts, folder);
        else
            make_wordpiece(context, texts, folder);
    }
    if (context.is_root())
        for (const auto& file : tokenizer_files_in(folder)) stage.add(name + "/" + file, base::sha256_file(folder / file));
    parallel::barrier(context.comm);
}

void check_vocabulary(const Options& options) {
    const auto size = options.integer("vocabulary-size");
    if (const auto sentinels = sentinels_for(options); size < 2 * sentinels)
        base::fail(base::ErrorKind::usage, "--vocabulary-size {}: a t5's {} sentinels need at least {}", size, sentinels,
                   2 * sentinels);
    const auto least = text::unigram_tokens_added(0) + text::least_unigram_size;
    if (is_unigram(options) && size < least)
        base::fail(base::ErrorKind::usage, "--vocabulary-size {}: a unigram vocabulary needs at least {}", size, least);
}

std::string vocabulary_rules(const Options& options) {
    return is_unigram(options) && !options.given("tokenizer") ? text::unigram_rules_version() : "";
}

}  // namespace kohort::jobs
