#include "model/element_type.h"

#include <algorithm>
#include <array>

namespace kohort::model {
namespace {

struct Entry {
    ElementType type;
    std::string_view name;
    std::int64_t bytes;
};
constexpr std::array<Entry, 13> types{{{ElementType::f64, "F64", 8},
                                       {ElementType::f32, "F32", 4},
                                       {ElementType::f16, "F16", 2},
                                       {ElementType::bf16, "BF16", 2},
                                       {ElementType::i64, "I64", 8},
                                       {ElementType::i32, "I32", 4},
                                       {ElementType::i16, "I16", 2},
                                       {ElementType::i8, "I8", 1},
                                       {ElementType::u64, "U64", 8},
                                       {ElementType::u32, "U32", 4},
                                       {ElementType::u16, "U16", 2},
                                       {ElementType::u8, "U8", 1},
                                       {ElementType::boolean, "BOOL", 1}}};

const Entry& entry_of(ElementType type) {
    return *std::find_if(types.begin(), types.end(), [&](const Entry& entry) { return entry.type == type; });
}

}  // namespace

std::int64_t bytes_per_element(ElementType type) { return entry_of(type).bytes; }
std::string_view name_of(ElementType type) { return entry_of(type).name; }

std::optional<ElementType> parse_element_type(std::string_view name) {
    const auto found = std::find_if(types.begin(), types.end(), [&](const Entry& entry) { return entry.name == name; });
    if (found == types.end()) return std::nullopt;
    return found->type;
}

}  // namespace kohort::model
