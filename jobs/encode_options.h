// The encoder's settings from the command line, equal for users and for texts that are compared with them.
#pragma once

#include "encode/encode.h"
#include "job_context.h"

namespace kohort::jobs {

// Of a job that takes --device, --precision, --pooling, --normalize and --max-tokens. Error(environment) without the
// GPU that was asked for.
encode::EncodeOptions encode_options(const JobContext& context);

}  // namespace kohort::jobs
