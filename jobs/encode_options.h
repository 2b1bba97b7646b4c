// The encoder's settings from the command line, equal for users and for texts that are compared with them.
#pragma once

#include "encode/encode.h"
#include "job_context.h"

namespace kohort::jobs {

// Of a job that takes the options of encoding. Error(usage) for values that make no sense, together or alone, Error(input)
// for a --post-process file that holds no transform.
encode::EncodeOptions encode_options(const JobContext& context);

}  // namespace kohort::jobs
