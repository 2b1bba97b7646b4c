#include "encode_options.h"

namespace kohort::jobs {

encode::EncodeOptions encode_options(const JobContext& context) {
    const auto& options = context.options;
    encode::EncodeOptions settings;
    settings.texts.pooling = encode::parse_pooling(options.text("pooling"));
    settings.texts.max_tokens = options.integer("max-tokens");
    settings.texts.device = context.device;
    settings.texts.precision = model::choose_precision(options.text("precision"), settings.texts.device);
    settings.normalize = options.flag("normalize");
    settings.threads = context.threads;
    return settings;
}

}  // namespace kohort::jobs
