// How near texts that people wrote (the descriptions of a tag list) lie to a run's segments.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "job_context.h"

namespace kohort::jobs {

// Encodes the texts with RUN/model as the run's texts were encoded and compares them with RUN/segment's centroids,
// both seen from their own mean (a shared direction tells nothing apart): cosines [texts][segments], segments in the
// order of their numbers. Equal on all ranks.
std::vector<std::vector<double>> closeness_to_centroids(JobContext& context, const store::RunFolder& run,
                                                        const std::vector<std::string>& texts);

}  // namespace kohort::jobs
