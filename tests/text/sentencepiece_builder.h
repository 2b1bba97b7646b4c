// Writes a SentencePiece model in Protocol Buffers' wire format, field by field.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "text/sentencepiece_model.h"
#include "text/unigram_tokenizer.h"

namespace kohort::text {

inline std::string proto_varint(std::uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(0x80 | (value & 0x7F)));
    return bytes + static_cast<char>(value);
}

inline std::string proto_integer(std::uint32_t field, std::uint64_t value) {
    return proto_varint(field << 3) + proto_varint(value);
}

inline std::string proto_bytes(std::uint32_t field, std::string_view value) {
    return proto_varint(field << 3 | 2) + proto_varint(value.size()) + std::string(value);
}

inline std::string proto_float(std::uint32_t field, float value) {
    std::string bytes = proto_varint(field << 3 | 5);
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(std::bit_cast<std::uint32_t>(value) >> 8 * i));
    return bytes;
}

struct ModelWriter {
    using Kind = SentencePieceModel::Kind;

    std::string pieces, trainer, normalizer;

    ModelWriter& piece(std::string_view text, float score, Kind kind = Kind::normal) {
        pieces += proto_bytes(1, proto_bytes(1, text) + proto_float(2, score) +
                                     (kind == Kind::normal ? "" : proto_integer(3, static_cast<std::uint64_t>(kind))));
        return *this;
    }
    ModelWriter& byte_pieces() {
        for (unsigned byte = 0; byte < 256; ++byte) piece(byte_piece(byte), 0, Kind::byte);
        trainer += proto_integer(35, 1);
        return *this;
    }
    std::string bytes() const { return pieces + proto_bytes(2, trainer) + proto_bytes(3, normalizer); }

    // <pad>, </s> and <unk> as T5 has them, and six pieces with the ids 3 to 8.
    static ModelWriter small() {
        ModelWriter writer;
        writer.piece("<pad>", 0, Kind::control).piece("</s>", 0, Kind::control).piece("<unk>", 0, Kind::unknown);
        writer.piece("▁", -2).piece("a", -3).piece("b", -3).piece("▁a", -4).piece("ab", -4).piece("c", -3);
        return writer;
    }
};

}  // namespace kohort::text
