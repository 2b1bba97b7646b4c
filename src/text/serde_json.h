// JSON with numbers as Rust's serde_json reads them by default, which Hugging Face's tokenizers do: digits and power of
// ten are rounded one after the other, so that a number is at times the neighbour of the nearest float64. Where two ways
// to cut a text are almost equally likely, that neighbour decides.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace kohort::text {

// Error(usage) with the parser's message where the text is no JSON.
nlohmann::json parse_as_serde(std::string_view text);

// The value of a number's spelling in JSON.
double serde_float64(std::string_view spelling);

}  // namespace kohort::text
