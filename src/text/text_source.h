// The texts of a rank, for what is learnt from the texts of all ranks.
#pragma once

#include <functional>
#include <string_view>

namespace kohort::text {

// Calls each(text) for every text of this rank. It may be called up to three times and must give the same texts
// each time, in any order; it must not use the communicator.
using TextSource = std::function<void(const std::function<void(std::string_view)>& each)>;

}  // namespace kohort::text
