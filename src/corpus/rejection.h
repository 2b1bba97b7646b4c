// Why a record of the input was not kept. The names appear in quarantine.jsonl and in its counts, the descriptions in messages.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace kohort::corpus {

enum class Reason : std::int32_t {
    none,
    unclosed_quote,    // a quoted field that never ends
    stray_quote,       // text between a closing quote and the next separator
    field_too_long,    // over 1 MiB
    record_too_long,   // over 16 MiB
    nul_byte,          // also as \u0000 in JSON
    invalid_utf8,
    invalid_gb18030,
    invalid_json,
    too_few_fields,
    too_many_fields,
    missing_user,
    missing_item,      // in an item catalogue
    user_id_too_long,  // over 256 bytes
    bad_timestamp,
    bad_token_ids  // not a list of whole numbers from 0 to 2^31 - 1
};

inline constexpr std::array<std::string_view, 16> reason_names = {
    "none",         "unclosed_quote",  "stray_quote",  "field_too_long", "record_too_long",
    "nul_byte",     "invalid_utf8",    "invalid_gb18030", "invalid_json", "too_few_fields",
    "too_many_fields", "missing_user", "missing_item", "user_id_too_long", "bad_timestamp",
    "bad_token_ids"};

inline constexpr std::array<std::string_view, 16> reason_descriptions = {
    "nothing is wrong",
    "a quoted field never ends",
    "there is text between a closing quote and the next separator",
    "a field is longer than 1 MiB",
    "the record is longer than 16 MiB",
    "there is a NUL byte in it",
    "it is not in UTF-8",
    "it is not in GB18030",
    "it is no JSON object of the kind asked for",
    "it has fewer fields than the header",
    "it has more fields than the header",
    "it names no user",
    "it names no item",
    "its user id is longer than 256 bytes",
    "its timestamp cannot be read",
    "its \"ids\" are no list of token ids"};

constexpr std::string_view name_of(Reason reason) { return reason_names[static_cast<std::size_t>(reason)]; }
constexpr std::string_view describe(Reason reason) { return reason_descriptions[static_cast<std::size_t>(reason)]; }

}  // namespace kohort::corpus
