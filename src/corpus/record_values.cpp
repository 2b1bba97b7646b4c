#include "corpus/record_values.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <limits>

namespace kohort::corpus {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

// A scalar as text; objects and arrays as JSON.
std::string text_of(element value) {
    switch (value.type()) {
        case element_type::STRING: return std::string(value.get_string().value_unsafe());
        case element_type::INT64: return fmt::format("{}", value.get_int64().value_unsafe());
        case element_type::UINT64: return fmt::format("{}", value.get_uint64().value_unsafe());
        case element_type::DOUBLE: return fmt::format("{}", value.get_double().value_unsafe());
        case element_type::BOOL: return value.get_bool().value_unsafe() ? "true" : "false";
        case element_type::NULL_VALUE: return {};
        case element_type::OBJECT:
        case element_type::ARRAY: break;
    }
    return simdjson::to_string(value);
}

bool has_nul(std::string_view text) { return text.find('\0') != text.npos; }

}  // namespace

struct RecordValues::Json {
    simdjson::dom::parser parser;
    std::string line;  // with the padding that the parser wants
    simdjson::dom::object object;

    bool open(std::string_view bytes) {
        line.assign(bytes);
        line.resize(bytes.size() + simdjson::SIMDJSON_PADDING);
        return parser.parse(line.data(), bytes.size(), false).get_object().get(object) == simdjson::SUCCESS;
    }
};

RecordValues::RecordValues(RecordFormat format, Encoding encoding, std::vector<std::string> header)
    : format_(format), encoding_(encoding), header_(std::move(header)) {
    if (format_ == RecordFormat::json_lines) json_ = std::make_unique<Json>();
}
RecordValues::~RecordValues() = default;
RecordValues::RecordValues(RecordValues&&) noexcept = default;

Reason RecordValues::open(const Record& record) {
    record_ = &record;
    if (record.reason != Reason::none) return record.reason;
    if (has_nul(record.bytes)) return Reason::nul_byte;
    if (encoding_ != Encoding::gb18030 && !is_utf8(record.bytes)) return Reason::invalid_utf8;
    if (json_) return json_->open(record.bytes) ? Reason::none : Reason::invalid_json;
    if (record.fields.size() < header_.size()) return Reason::too_few_fields;
    if (record.fields.size() > header_.size()) return Reason::too_many_fields;
    return Reason::none;
}

Reason RecordValues::value(std::int32_t column, std::string& buffer, std::string_view& value) {
    value = {};
    if (column < 0) return Reason::none;
    if (json_) {
        element member;
        if (json_->object.at_key(header_[static_cast<std::size_t>(column)]).get(member) != simdjson::SUCCESS) return Reason::none;
        if (simdjson::dom::array array; member.get_array().get(array) == simdjson::SUCCESS) {
            buffer.clear();
            for (const auto entry : array) buffer += (buffer.empty() ? "" : " ") + text_of(entry);
        } else {
            buffer = text_of(member);
        }
        value = buffer;
        return has_nul(value) ? Reason::nul_byte : Reason::none;
    }
    const auto& field = record_->fields[static_cast<std::size_t>(column)];
    if (encoding_ == Encoding::gb18030) {
        if (!decoder_.decode(csv_value(field, unquoted_), buffer)) return Reason::invalid_gb18030;
        value = buffer;
        return Reason::none;
    }
    value = csv_value(field, buffer);
    return Reason::none;
}

bool RecordValues::has(std::int32_t column) const {
    element member;
    return !json_ || json_->object.at_key(header_[static_cast<std::size_t>(column)]).get(member) == simdjson::SUCCESS;
}

Reason RecordValues::entries(std::int32_t column, std::string_view separator,
                             const std::function<void(std::string_view)>& take) {
    if (json_) {
        simdjson::dom::array array;
        if (json_->object.at_key(header_[static_cast<std::size_t>(column)]).get_array().get(array) == simdjson::SUCCESS) {
            for (const auto entry : array) {
                const auto text = text_of(entry);
                if (has_nul(text)) return Reason::nul_byte;
                take(text);
            }
            return Reason::none;
        }
    }
    std::string_view cell;
    if (const auto reason = value(column, cell_, cell); reason != Reason::none) return reason;
    for (;;) {
        const auto stop = cell.find(separator);
        take(cell.substr(0, stop));
        if (stop == cell.npos) return Reason::none;
        cell.remove_prefix(stop + separator.size());
    }
}

Reason RecordValues::token_ids(std::int32_t column, std::vector<std::int32_t>& ids) {
    simdjson::dom::array array;
    if (!json_ || json_->object.at_key(header_[static_cast<std::size_t>(column)]).get_array().get(array) != simdjson::SUCCESS)
        return Reason::bad_token_ids;
    for (const auto entry : array) {
        std::int64_t id = 0;
        if (entry.get_int64().get(id) != simdjson::SUCCESS || id < 0 || id > std::numeric_limits<std::int32_t>::max())
            return Reason::bad_token_ids;
        ids.push_back(static_cast<std::int32_t>(id));
    }
    return Reason::none;
}

std::vector<std::string> json_member_names(std::string_view line) {
    std::vector<std::string> names;
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    if (parser.parse(line.data(), line.size(), true).get_object().get(object) != simdjson::SUCCESS) return names;
    for (const auto member : object) names.emplace_back(member.key);
    return names;
}

}  // namespace kohort::corpus
