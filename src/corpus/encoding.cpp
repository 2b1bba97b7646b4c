#include "corpus/encoding.h"

#include <simdjson.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_err.h>

#include <algorithm>

#include "base/error.h"

namespace kohort::corpus {
namespace {

bool is_ascii(std::string_view bytes) {
    return std::none_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) > 0x7F; });
}

bool between(unsigned char byte, int first, int last) { return byte >= first && byte <= last; }

// Well-formed GB18030 of which at least half of the two-byte characters are GB 2312's punctuation, letters and
// 3,755 most frequent characters (rows A1 to A9 and B0 to D7).
bool reads_as_chinese(std::string_view bytes) {
    std::int64_t pairs = 0, everyday = 0;
    const auto at = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : std::uint8_t{0}; };
    for (std::size_t i = 0; i < bytes.size();) {
        const auto lead = at(i), second = at(i + 1);
        if (lead < 0x80) {
            i += 1;
        } else if (between(lead, 0x81, 0xFE) && between(second, '0', '9') && between(at(i + 2), 0x81, 0xFE) &&
                   between(at(i + 3), '0', '9')) {
            i += 4;
        } else if (between(lead, 0x81, 0xFE) && (between(second, 0x40, 0x7E) || between(second, 0x80, 0xFE))) {
            ++pairs;
            everyday += second >= 0xA1 && (between(lead, 0xA1, 0xA9) || between(lead, 0xB0, 0xD7));
            i += 2;
        } else {
            return false;
        }
    }
    return pairs > 0 && 2 * everyday >= pairs;
}

}  // namespace

Encoding parse_encoding(std::string_view name) {
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (lower == "auto") return Encoding::automatic;
    if (lower == "utf-8" || lower == "utf8") return Encoding::utf8;
    if (lower == "gb18030" || lower == "gbk" || lower == "gb2312") return Encoding::gb18030;  // each contains the next
    base::fail(base::ErrorKind::usage, "--encoding {}: it must be auto, utf-8 or gb18030", name);
}

std::string_view name_of(Encoding encoding) {
    if (encoding == Encoding::automatic) return "auto";
    return encoding == Encoding::utf8 ? "utf-8" : "gb18030";
}

ByteOrderMark read_byte_order_mark(std::string_view head, std::string_view file_name) {
    if (head.starts_with("\xEF\xBB\xBF")) return {Encoding::utf8, 3};
    if (head.starts_with("\x84\x31\x95\x33")) return {Encoding::gb18030, 4};
    if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF") || head.starts_with(std::string_view("\0\0\xFE\xFF", 4)))
        base::fail(base::ErrorKind::input, "{} is UTF-16 or UTF-32; save it as UTF-8 (in Excel: \"CSV UTF-8\")", file_name);
    return {};
}

bool is_utf8(std::string_view bytes) { return simdjson::validate_utf8(bytes.data(), bytes.size()); }

void EncodingCensus::add(std::string_view record) {
    ++records;
    if (is_ascii(record)) return;
    ++beyond_ascii;
    if (is_utf8(record)) return;
    ++not_utf8;
    chinese += reads_as_chinese(record);
}

Encoding decide_encoding(const EncodingCensus& census) {
    const bool many = census.not_utf8 * 100 > census.records && census.not_utf8 * 2 > census.beyond_ascii;
    return many && census.chinese * 10 >= census.not_utf8 * 9 ? Encoding::gb18030 : Encoding::utf8;
}

struct Gb18030Decoder::Converter {
    UConverter* handle = nullptr;
    ~Converter() {
        if (handle) ::ucnv_close(handle);
    }
};

Gb18030Decoder::Gb18030Decoder() : converter_(std::make_unique<Converter>()) {
    UErrorCode status = U_ZERO_ERROR;
    converter_->handle = ::ucnv_open("gb18030", &status);
    if (U_SUCCESS(status))
        ::ucnv_setToUCallBack(converter_->handle, UCNV_TO_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &status);
    if (U_FAILURE(status))
        base::fail(base::ErrorKind::environment, "ICU has no GB18030 converter: {}", ::u_errorName(status));
}
Gb18030Decoder::~Gb18030Decoder() = default;
Gb18030Decoder::Gb18030Decoder(Gb18030Decoder&&) noexcept = default;

bool Gb18030Decoder::decode(std::string_view bytes, std::string& utf8) {
    if (is_ascii(bytes)) {
        utf8.assign(bytes);
        return true;
    }
    // Two bytes become at most three, four become at most four.
    utf8.resize(bytes.size() * 3 / 2 + 4);
    UErrorCode status = U_ZERO_ERROR;
    const auto length = ::ucnv_toAlgorithmic(UCNV_UTF8, converter_->handle, utf8.data(), static_cast<int32_t>(utf8.size()),
                                             bytes.data(), static_cast<int32_t>(bytes.size()), &status);
    if (U_FAILURE(status)) return false;
    utf8.resize(static_cast<std::size_t>(length));
    return true;
}

}  // namespace kohort::corpus
