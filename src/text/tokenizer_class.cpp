#include "text/tokenizer_class.h"

#include <algorithm>

#include "base/error.h"

namespace kohort::text {

std::string read_tokenizer_class(const Json& config, const std::filesystem::path& config_path,
                                 std::initializer_list<std::string_view> known) {
    const Json& value = part_of(config, "tokenizer_class");
    if (value.is_null()) return "";
    if (!value.is_string())
        base::fail(base::ErrorKind::usage, "{}: tokenizer_class is {}, and not a name", config_path.string(), value.dump());
    std::string name = value;
    if (name.ends_with("Fast")) name.resize(name.size() - 4);
    if (name.empty() || std::ranges::find(known, name) != known.end()) return name;
    std::string list;
    for (const std::string_view& each : known) {
        if (&each != known.begin()) list += &each + 1 == known.end() ? " and " : ", ";
        list += each;
    }
    base::fail(base::ErrorKind::usage,
               "{} says that it is for {}, but Kohort knows only {} for such files; a tokenizer.json beside it would be read "
               "instead",
               config_path.string(), name, list);
}

}  // namespace kohort::text
