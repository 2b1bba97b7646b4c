// Options of a training that were given and change nothing, as another option is not as they need it.
#pragma once

#include <string>
#include <vector>

#include "options.h"

namespace kohort::jobs {

// A line for each reason: "--cooldown: without --schedule wsd". An option that stands at its default is not named, so that a
// file that --print-config made says nothing.
std::vector<std::string> idle_options(const Options& options);

}  // namespace kohort::jobs
