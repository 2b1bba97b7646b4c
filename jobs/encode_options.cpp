#include "encode_options.h"

namespace kohort::jobs {

encode::EncodeOptions encode_options(const JobContext& context) {
    const auto& options = context.options;
    encode::EncodeOptions settings;
    settings.texts.pooling = encode::parse_pooling(options.text("pooling"));
    settings.texts.max_tokens = options.integer("max-tokens");
    settings.texts.device = context.device;
    // A common level of instructions means common arithmetic: `auto` must not look at what this machine has beyond it.
    const bool common_level = options.text("isa") != "auto" && options.text("precision") == "auto" && !context.device.cuda;
    settings.texts.precision = common_level ? model::Precision::fp32 : model::choose_precision(options.text("precision"), context.device);
    settings.normalize = options.flag("normalize");
    settings.threads = context.threads;
    return settings;
}

}  // namespace kohort::jobs
