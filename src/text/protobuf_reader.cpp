#include "text/protobuf_reader.h"

#include <bit>

#include "base/error.h"

namespace kohort::text {
namespace {

enum WireType : std::uint32_t { varint = 0, fixed64 = 1, delimited = 2, fixed32 = 5 };

[[noreturn]] void broken() { base::fail(base::ErrorKind::usage, "it is no message of Protocol Buffers, or it is cut off"); }

}  // namespace

std::uint64_t ProtobufReader::read_varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (rest_.empty()) broken();
        const auto byte = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
        if (byte < 0x80) return value;
    }
    broken();
}

std::string_view ProtobufReader::take(std::uint64_t size) {
    if (size > rest_.size()) broken();
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
}

bool ProtobufReader::next() {
    if (rest_.empty()) return false;
    const std::uint64_t tag = read_varint();
    if (tag >> 3 == 0 || tag >> 3 >= 1u << 29) broken();
    field_ = static_cast<std::uint32_t>(tag >> 3);
    type_ = tag & 7;
    switch (type_) {
        case varint: integer_ = read_varint(); break;
        case fixed64: take(8); break;
        case delimited: bytes_ = take(read_varint()); break;
        case fixed32: {
            const auto four = take(4);
            integer_ = 0;
            for (std::size_t i = 4; i-- > 0;) integer_ = integer_ << 8 | static_cast<unsigned char>(four[i]);
            break;
        }
        default: broken();
    }
    return true;
}

std::uint64_t ProtobufReader::integer() const {
    if (type_ != varint) broken();
    return integer_;
}

float ProtobufReader::float32() const {
    if (type_ != fixed32) broken();
    return std::bit_cast<float>(static_cast<std::uint32_t>(integer_));
}

std::string_view ProtobufReader::bytes() const {
    if (type_ != delimited) broken();
    return bytes_;
}

}  // namespace kohort::text
