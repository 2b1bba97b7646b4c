// The encoding of an input file: told from its content, and decoded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace kohort::corpus {

enum class Encoding : std::int32_t { automatic, utf8, gb18030 };

// "auto", "utf-8" or "gb18030", in any case; Error(usage) for another name.
Encoding parse_encoding(std::string_view name);
std::string_view name_of(Encoding encoding);

// What a file's first bytes say: the encoding of its byte order mark, and the mark's length. automatic: no mark.
// Error(input) for UTF-16 and UTF-32, which Kohort does not read.
struct ByteOrderMark {
    Encoding encoding = Encoding::automatic;
    std::int64_t length = 0;
};
ByteOrderMark read_byte_order_mark(std::string_view head, std::string_view file_name);

// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates.
bool is_utf8(std::string_view bytes);

// What the records of a file look like; added up over all ranks.
struct EncodingCensus {
    std::int64_t records = 0;
    std::int64_t beyond_ascii = 0;  // records with a byte above 0x7F
    std::int64_t not_utf8 = 0;
    std::int64_t chinese = 0;       // of these: well-formed GB18030, at least half of it everyday Chinese

    void add(std::string_view record);
};

// UTF-8 unless more than 1% of the records, and most of those beyond ASCII, are not UTF-8 and nine in ten of these
// read as Chinese in GB18030. UTF-8 comes first because most UTF-8 text is also GB18030, of nonsense; a UTF-8 file
// with a few bad records stays UTF-8.
Encoding decide_encoding(const EncodingCensus& census);

// GB18030 to UTF-8 by ICU. One object serves one thread.
class Gb18030Decoder {
  public:
    Gb18030Decoder();
    ~Gb18030Decoder();
    Gb18030Decoder(Gb18030Decoder&&) noexcept;

    // Replaces `utf8`; false when the bytes are not GB18030.
    bool decode(std::string_view bytes, std::string& utf8);

  private:
    struct Converter;
    std::unique_ptr<Converter> converter_;
};

}  // namespace kohort::corpus
