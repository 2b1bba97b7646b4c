// The types that tensors are stored in, by the names of the safetensors format.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kohort::model {

enum class ElementType { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

std::int64_t bytes_per_element(ElementType type);
std::string_view name_of(ElementType type);  // as the format spells it: "F32"
std::optional<ElementType> parse_element_type(std::string_view name);

}  // namespace kohort::model
