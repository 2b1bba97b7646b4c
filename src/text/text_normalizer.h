// What a tokenizer does to a text before it is cut into words: a sequence of steps.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kohort::text {

class TextNormalizer {
  public:
    // Changes a text in place; the text is valid UTF-8 before and after. Thread-safe.
    using Step = std::function<void(std::string&)>;

    bool empty() const { return steps_.empty(); }
    void add(Step step) { steps_.push_back(std::move(step)); }
    void normalize(std::string& text) const {
        for (const Step& step : steps_) step(text);
    }

  private:
    std::vector<Step> steps_;
};

// Removes white space (Unicode's White_Space) at the ends.
TextNormalizer::Step strip_step(bool left, bool right);
// Puts `content` for every `pattern`, which is not empty, from left to right.
TextNormalizer::Step replace_step(std::string pattern, std::string content);
// Puts `content` for every row of `least` blanks (U+0020) or more; least > 0.
TextNormalizer::Step replace_blanks_step(std::size_t least, std::string content);
// Puts `content` before a text that is not empty.
TextNormalizer::Step prepend_step(std::string content);
// Every character's small form.
TextNormalizer::Step lowercase_step();
// Unicode's normal form NFKC.
TextNormalizer::Step nfkc_step();

}  // namespace kohort::text
