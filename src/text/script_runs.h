// Cuts a text where no piece of a vocabulary goes on: letters of one script stay together, and digits; white space falls
// away; every other character is by itself. As SentencePiece's split_by_unicode_script, with signs apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kohort::text {

// The runs, in order. Marks belong to the letter before them; Han characters and both kana are one script.
std::vector<std::u32string_view> script_runs(std::u32string_view text);

}  // namespace kohort::text
