// Token ids of many texts, one text after another. They lie in memory as long as they are few; beyond a limit they go to
// a temporary file without a name, of which the system keeps in memory what is being read, and no more than fits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace kohort::train {

class TokenArray {
  public:
    // memory: most bytes of ids that stay in memory. The file is made in $TMPDIR, else in /var/tmp or /tmp.
    explicit TokenArray(std::int64_t memory);
    ~TokenArray();
    TokenArray(TokenArray&&) noexcept;

    // One text after another, and then finish(). Error(environment) where the file cannot be written.
    void append(std::span<const text::TokenId> ids);
    void finish();

    std::int64_t texts() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }
    std::span<const text::TokenId> text(std::int64_t index) const;  // after finish(); thread-safe
    std::int64_t first_token(std::int64_t index) const { return offsets_.at(static_cast<std::size_t>(index)); }
    bool in_file() const { return file_ != nullptr; }

  private:
    struct File;
    std::int64_t memory_;
    std::vector<std::int64_t> offsets_{0};  // [texts + 1]
    std::vector<text::TokenId> ids_;        // all of them, or those not yet written
    std::unique_ptr<File> file_;
};

}  // namespace kohort::train
