// segments.csv: one line a segment.
#pragma once

#include <string>
#include <vector>

#include "segment/profile.h"

namespace kohort::report {

std::string segment_table(const std::vector<segment::SegmentProfile>& profiles);

}  // namespace kohort::report
