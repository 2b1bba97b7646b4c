#include "train/label_set.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"

namespace kohort::train {
namespace {

// The labels of a field, without white space around them; empty ones are none.
std::vector<std::string> split(std::string_view field) {
    std::vector<std::string> labels;
    for (std::size_t begin = 0; begin <= field.size();) {
        const auto end = std::min(field.find('|', begin), field.size());
        auto label = field.substr(begin, end - begin);
        while (!label.empty() && label.front() == ' ') label.remove_prefix(1);
        while (!label.empty() && label.back() == ' ') label.remove_suffix(1);
        if (!label.empty()) labels.emplace_back(label);
        begin = end + 1;
    }
    return labels;
}

}  // namespace

LabelSet::LabelSet(const std::vector<corpus::KeyedValue>& rows, LabelKind kind, const std::string& where) {
    std::map<std::string, std::int32_t> numbers;
    for (const auto& row : rows)
        for (auto& label : split(row.value)) numbers.emplace(std::move(label), 0);
    for (auto& [name, number] : numbers) {
        number = static_cast<std::int32_t>(names_.size());
        names_.push_back(name);
    }
    if (names_.empty()) base::fail(base::ErrorKind::input, "{}: no user has a label", where);
    for (const auto& row : rows)
        for (const auto& label : split(row.value)) {
            auto& labels = users_[row.key];
            const std::int32_t number = numbers.at(label);
            const auto place = std::lower_bound(labels.begin(), labels.end(), number);
            if (place != labels.end() && *place == number) continue;
            labels.insert(place, number);
            if (labels.size() == 1) continue;
            if (kind == LabelKind::single)
                base::fail(base::ErrorKind::input,
                           "{}: the user of record {} has several labels, and --label-kind is single; multi takes any number",
                           where, row.record);
            multi_ = true;
        }
    multi_ = multi_ || kind == LabelKind::multi;
    if (!multi_ && names_.size() < 2)
        base::fail(base::ErrorKind::input, "{}: all users have the label \"{}\", so there is nothing to tell apart", where, names_[0]);
}

std::vector<std::int32_t> LabelSet::of_user(std::string_view id) const {
    const auto found = users_.find(std::string(id));
    return found == users_.end() ? std::vector<std::int32_t>{} : found->second;
}

}  // namespace kohort::train
