#include "encode_options.h"

#include "base/error.h"
#include "base/hash.h"

namespace kohort::jobs {
namespace {

using base::ErrorKind;
using base::fail;

// The options of a new model are the job's own: what does not fit it is known before it is trained.
bool makes_model(const Options& options) { return options.names("hidden") && !options.given("model"); }

encode::PostProcessing post_processing(const Options& options) {
    encode::PostProcessing post;
    const auto& wish = options.text("post-process");
    if (wish == "center") post.kind = encode::PostProcess::center;
    else if (wish == "whiten") post.kind = encode::PostProcess::whiten;
    else if (wish != "none") post.kind = encode::PostProcess::file;
    if (const auto wanted = options.integer_or_auto("dimensions")) {
        if (post.kind != encode::PostProcess::whiten)
            fail(ErrorKind::usage,
                 "--dimensions {}: it says how many components --post-process whiten keeps; give that, or leave this out",
                 *wanted);
        if (makes_model(options) && *wanted > options.integer("hidden"))
            fail(ErrorKind::usage, "--dimensions {}: the model's vectors have {} (--hidden)", *wanted,
                 options.integer("hidden"));
        post.dimensions = *wanted;
    }
    if (post.kind != encode::PostProcess::file) return post;
    post.file = wish;
    if (!std::filesystem::is_regular_file(post.file))
        fail(
            ErrorKind::usage,
            "--post-process {}: there is no such file; give none, center, whiten, or the embedding/transform.h5 of another run",
            wish);
    try {
        const auto dimension = encode::read_transform(post.file).dimension();
        if (makes_model(options) && dimension != options.integer("hidden"))
            fail(ErrorKind::usage, "--post-process {}: it is for vectors of {}, and the model's have {} (--hidden)", wish,
                 dimension, options.integer("hidden"));
    } catch (const base::Error& error) {
        if (error.kind() != ErrorKind::environment) throw;
        fail(ErrorKind::input, "--post-process {}: it is no saved transform: {}", wish, error.what());
    }
    post.file_sha256 = base::sha256_file(post.file);
    return post;
}

}  // namespace

encode::EncodeOptions encode_options(const JobContext& context) {
    const auto& options = context.options;
    encode::EncodeOptions settings;
    settings.texts.pooling = encode::parse_pooling(options.text("pooling"));
    settings.texts.max_tokens = options.integer("max-tokens");
    settings.texts.long_texts = encode::parse_long_texts(options.text("long-texts"));
    settings.texts.window_overlap = options.integer("window-overlap");
    const std::int64_t special_tokens = makes_model(options) ? 2 : 0;
    if (settings.texts.long_texts == encode::LongTexts::windows &&
        settings.texts.window_overlap >= settings.texts.max_tokens - special_tokens)
        fail(ErrorKind::usage,
             "--window-overlap {}: a window of {} tokens (--max-tokens) would have nothing of its own; give less",
             settings.texts.window_overlap, settings.texts.max_tokens);
    settings.texts.device = context.device;
    // A common level of instructions means common arithmetic: `auto` must not look at what this machine has beyond it.
    const bool common_level = options.text("isa") != "auto" && options.text("precision") == "auto" && !context.device.cuda;
    settings.texts.precision =
        common_level ? model::Precision::fp32 : model::choose_precision(options.text("precision"), context.device);
    settings.normalize = options.flag("normalize");
    settings.weights.behaviors = encode::parse_behavior_weights(options.text("behavior-weights"));
    settings.weights.half_life_days = options.real("half-life");
    settings.post_processing = post_processing(options);
    settings.storage = options.text("storage") == "float16" ? encode::Storage::float16 : encode::Storage::float32;
    settings.threads = context.threads;
    return settings;
}

}  // namespace kohort::jobs
