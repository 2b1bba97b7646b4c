// The labels that people gave to users, numbered for training.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "corpus/key_table.h"

namespace kohort::train {

enum class LabelKind {
    automatic,  // multi where any user has several labels
    single,     // one a user
    multi,      // any number
};

class LabelSet {
  public:
    // Rows of user and label; several labels of a user stand in several rows, or in one with "|" between them. `where` names
    // the file in messages. Error(input) where a user has several labels of kind single, where there is no label, or where
    // all users have the same single one, so that there is nothing to tell apart.
    LabelSet(const std::vector<corpus::KeyedValue>& rows, LabelKind kind, const std::string& where);

    const std::vector<std::string>& names() const { return names_; }  // sorted by bytes
    bool multi() const { return multi_; }
    std::int64_t users() const { return static_cast<std::int64_t>(users_.size()); }
    std::vector<std::int32_t> of_user(std::string_view id) const;  // places in names(), rising; none for an unknown user

  private:
    std::vector<std::string> names_;
    bool multi_ = false;
    std::unordered_map<std::string, std::vector<std::int32_t>> users_;
};

}  // namespace kohort::train
