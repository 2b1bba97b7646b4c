// Writes a synthetic corpus with known interests.
#include "corpus/synthetic.h"

#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "job_context.h"
#include "parallel/agreement.h"

namespace kohort::jobs {

int synth_job(JobContext& context) {
    const auto& options = context.options;
    corpus::SyntheticOptions settings;
    settings.users = options.integer("users");
    settings.interests = options.integer("interests");
    settings.seed = static_cast<std::uint64_t>(options.integer("seed"));
    parallel::agree(context.comm, [&] {
        const std::filesystem::path out = options.text("out");
        if (std::filesystem::exists(out) && (!std::filesystem::is_directory(out) || !std::filesystem::is_empty(out)))
            base::fail(base::ErrorKind::usage, "{} is not empty; choose another --out", out.string());
    });
    const auto report = corpus::write_synthetic_corpus(context.comm, options.text("out"), settings);
    base::log_info("synth: {} events of {} users with {} interests in {}", base::human_count(report.events),
                   base::human_count(report.users), settings.interests, options.text("out"));
    return 0;
}

}  // namespace kohort::jobs
