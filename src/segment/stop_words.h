// Words that say nothing about a segment, in Chinese and English: function words, fillers, and the words that any
// headline or review has. No topic word belongs here.
#pragma once

#include <span>
#include <string_view>

namespace kohort::segment {

std::span<const std::string_view> built_in_stop_words();

}  // namespace kohort::segment
