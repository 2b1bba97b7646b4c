// Reads the wire format of Protocol Buffers field by field, and never beyond the bytes that it is given.
// Source: protobuf.dev, "Encoding".
#pragma once

#include <cstdint>
#include <string_view>

namespace kohort::text {

class ProtobufReader {
  public:
    explicit ProtobufReader(std::string_view message) : rest_(message) {}

    // Goes to the next field; false at the message's end. Error(usage) where the bytes are no field.
    bool next();

    std::uint32_t field() const { return field_; }
    // Values of the present field. Error(usage) where it has another wire type.
    std::uint64_t integer() const;         // varint
    float float32() const;                 // four bytes
    std::string_view bytes() const;        // string, bytes or message; valid as long as the message

  private:
    std::uint64_t read_varint();
    std::string_view take(std::uint64_t size);

    std::string_view rest_, bytes_;
    std::uint32_t field_ = 0, type_ = 0;
    std::uint64_t integer_ = 0;
};

}  // namespace kohort::text
