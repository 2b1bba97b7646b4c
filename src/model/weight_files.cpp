#include "model/weight_files.h"

#include <algorithm>
#include <map>

#include "base/atomic_file.h"
#include "base/error.h"
#include "model/name_list.h"
#include "model/unique_key_json.h"

namespace kohort::model {
namespace {

using ShardOf = std::map<std::string, std::string, std::less<>>;  // tensor -> name of its file

// A shard lies beside its index: a name that leads elsewhere would have a model read files that are not its own.
bool is_plain_name(const std::string& name) {
    return !name.empty() && name != "." && name != ".." &&
           name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

ShardOf read_index(const std::filesystem::path& path) {
    const auto refuse = [&](const std::string& what) {
        base::fail(base::ErrorKind::input, "{} is no index of weights: {}", path.string(), what);
    };
    constexpr int deepest = 8;  // weight_map is at the second level; metadata may hold what it likes
    const auto index =
        parse_unique_keys(base::read_file(path), deepest, [&](JsonProblem, const std::string& what) { refuse(what); });
    const auto map = index.find("weight_map");
    if (map == index.end() || !map->is_object() || map->empty())
        refuse("it has no object \"weight_map\" of tensors and their files");
    ShardOf shard_of;
    for (const auto& [tensor, file] : map->items()) {
        if (!file.is_string()) refuse(fmt::format("the file of \"{}\" is not a string", tensor));
        const auto name = file.get<std::string>();
        if (!is_plain_name(name))
            refuse(fmt::format("the file of \"{}\" must be a name in the same folder, not \"{}\"", tensor, name));
        shard_of.emplace(tensor, name);
    }
    return shard_of;
}

// The different files of an index, sorted. Error(input) naming those that are missing.
std::vector<std::string> shards_of(const ShardOf& shard_of, const std::filesystem::path& index) {
    std::vector<std::string> names;
    for (const auto& [tensor, name] : shard_of) names.push_back(name);
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::vector<std::string> missing;
    for (const auto& name : names)
        if (!std::filesystem::is_regular_file(index.parent_path() / name)) missing.push_back(name);
    if (!missing.empty())
        base::fail(base::ErrorKind::input, "{} lists files of weights that are not there: {}", index.string(),
                   first_few(missing));
    return names;
}

[[noreturn]] void refuse_folder(const std::filesystem::path& folder) {
    for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
        if (std::filesystem::exists(folder / name))
            base::fail(base::ErrorKind::usage, "{} has {} but no {}: make it with tools/convert_pytorch_weights.py {}",
                       folder.string(), name, weights_file, folder.string());
    base::fail(base::ErrorKind::usage, "{} has no {} and no {}", folder.string(), weights_file, weights_index_file);
}

}  // namespace

std::vector<std::string> weight_file_names(const std::filesystem::path& folder) {
    if (std::filesystem::is_regular_file(folder / weights_file)) return {weights_file};
    const auto index = folder / weights_index_file;
    if (!std::filesystem::is_regular_file(index)) refuse_folder(folder);
    auto names = shards_of(read_index(index), index);
    names.insert(names.begin(), weights_index_file);
    return names;
}

WeightFiles::WeightFiles(const std::filesystem::path& folder) : path_(folder / weights_file) {
    if (std::filesystem::is_regular_file(path_)) {
        files_.emplace_back(path_);
        tensors_ = files_.front().tensors();
        return;
    }
    path_ = folder / weights_index_file;
    if (!std::filesystem::is_regular_file(path_)) refuse_folder(folder);
    auto awaited = read_index(path_);
    std::vector<std::string> unlisted, absent;
    for (const auto& shard : shards_of(awaited, path_)) {
        files_.emplace_back(folder / shard);
        for (const TensorView& tensor : files_.back().tensors()) {
            const auto found = awaited.find(tensor.name);
            if (found == awaited.end() || found->second != shard) {
                unlisted.push_back(fmt::format("{} in {}", tensor.name, shard));
                continue;
            }
            tensors_.push_back(tensor);
            awaited.erase(found);
        }
    }
    for (const auto& [tensor, shard] : awaited) absent.push_back(fmt::format("{} in {}", tensor, shard));
    std::vector<std::string> problems;
    if (!absent.empty()) problems.push_back("listed but not there: " + first_few(absent));
    if (!unlisted.empty()) problems.push_back("there but not listed: " + first_few(unlisted));
    if (!problems.empty())
        base::fail(base::ErrorKind::input, "{} does not describe its files; {}", path_.string(), fmt::join(problems, "; "));
    std::ranges::sort(tensors_, {}, &TensorView::name);
}

}  // namespace kohort::model
