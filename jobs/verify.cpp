// Checks a run's files against its manifest and prints what two runs are compared by.
#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/progress.h"
#include "job_context.h"

namespace kohort::jobs {

int verify_job(JobContext& context) {
    const auto inputs = context.options.list("input");
    if (inputs.size() != 1) base::fail(base::ErrorKind::usage, "give the run's folder: kohort verify RUN");
    const auto result = store::verify(context.comm, inputs[0]);
    if (!context.is_root()) return result.problems.empty() ? 0 : static_cast<int>(base::ErrorKind::input);
    for (const auto& stage : result.stages)
        std::printf("%-10s %s  %s files\n", stage.stage.c_str(), stage.digest.c_str(), base::human_count(stage.files).c_str());
    if (!result.problems.empty()) {
        for (const auto& problem : result.problems) std::printf("problem    %s\n", problem.c_str());
        const auto unfinished = [](const std::string& problem) { return problem.ends_with(": not complete"); };
        if (std::ranges::all_of(result.problems, unfinished))
            base::fail(base::ErrorKind::input, "{} is not finished ({}): run again with --resume", inputs[0], result.problems.front());
        base::fail(base::ErrorKind::input, "{}: {} of its files are not what the run wrote (first: {}); restore them, or remove them and run again with --resume",
                   inputs[0], result.problems.size(), result.problems.front());
    }
    std::printf("total %s\n", result.total.c_str());
    return 0;
}

}  // namespace kohort::jobs
