#include "train/tokenised_partition.h"

#include <algorithm>
#include <unordered_map>

namespace kohort::train {
namespace {

constexpr std::int64_t no_text = -1;

class Tokeniser {
  public:
    Tokeniser(const corpus::Partition& partition, const text::Tokenizer& tokenizer, std::int64_t most_ids, const UserRule& rule,
              const WordStarts* words)
        : partition_(partition), tokenizer_(tokenizer), most_ids_(most_ids), rule_(rule), words_(words) {}

    TokenisedPartition run() {
        for (const corpus::UserDocument& user : partition_.users) add(user);
        return std::move(result_);
    }

  private:
    void add(const corpus::UserDocument& document) {
        result_.users.emplace_back();
        user_ = &result_.users.back();
        std::unordered_map<std::string_view, std::int64_t> seen;  // asked, never walked through
        std::int64_t query = no_text;
        for (const corpus::Event& event : document.events) {
            const std::int64_t text = text_of(event, seen);
            if (rule_.sample == UserSample::query_and_item) {
                if (behavior_of(event) == rule_.query_behavior) query = text;
                else if (!event.item.empty()) {
                    if (query != no_text && text != no_text && query != text) add_pair(query, text);
                    query = no_text;
                }
            } else if (rule_.sample == UserSample::text_and_category && text != no_text && !event.item.empty()) {
                if (const auto category = rule_.category_of(event.item); !category.empty()) add_pair(text, place_of(category));
            }
        }
        if (rule_.sample == UserSample::labelled) user_->labels = rule_.labels_of(document.id);
        user_->sample = is_sample();
    }

    std::string_view behavior_of(const corpus::Event& event) const {
        const auto behavior = static_cast<std::size_t>(event.behavior);
        return behavior < partition_.behaviors.size() ? std::string_view(partition_.behaviors[behavior]) : std::string_view();
    }

    // The text's place among the user's, or no_text.
    std::int64_t text_of(const corpus::Event& event, std::unordered_map<std::string_view, std::int64_t>& seen) {
        if (event.text.empty()) return no_text;
        const auto [found, fresh] = seen.try_emplace(event.text, no_text);
        if (!fresh) return found->second;
        ids_.clear();
        tokenizer_.encode(event.text, ids_);
        if (ids_.empty()) return no_text;
        const auto kept = std::min<std::int64_t>(std::ssize(ids_), most_ids_);
        result_.ids.insert(result_.ids.end(), ids_.begin(), ids_.begin() + kept);
        result_.ids_per_text.push_back(kept);
        if (words_) {
            const auto goes_on = words_->goes_on(event.text, ids_);
            result_.goes_on.insert(result_.goes_on.end(), goes_on.begin(), goes_on.begin() + kept);
        }
        return found->second = user_->texts++;
    }

    void add_pair(std::int64_t first, std::int64_t second) {
        const std::pair pair(first, second);
        if (std::find(user_->pairs.begin(), user_->pairs.end(), pair) == user_->pairs.end()) user_->pairs.push_back(pair);
    }

    std::int64_t place_of(std::string_view category) {
        const auto [found, fresh] = category_places_.try_emplace(std::string(category), std::ssize(result_.categories));
        if (fresh) result_.categories.emplace_back(category);
        return found->second;
    }

    bool is_sample() const {
        switch (rule_.sample) {
            case UserSample::any_text: return user_->texts >= 1;
            case UserSample::two_texts: return user_->texts >= 2;
            case UserSample::query_and_item:
            case UserSample::text_and_category: return !user_->pairs.empty();
            case UserSample::labelled: return user_->texts >= 1 && !user_->labels.empty();
        }
        return false;
    }

    const corpus::Partition& partition_;
    const text::Tokenizer& tokenizer_;
    std::int64_t most_ids_;
    const UserRule& rule_;
    const WordStarts* words_;
    TokenisedPartition result_;
    TokenisedPartition::User* user_ = nullptr;
    std::vector<text::TokenId> ids_;
    std::unordered_map<std::string, std::int64_t> category_places_;
};

}  // namespace

TokenisedPartition tokenise(const corpus::Partition& partition, const text::Tokenizer& tokenizer, std::int64_t most_ids,
                            const UserRule& rule, const WordStarts* words) {
    return Tokeniser(partition, tokenizer, most_ids, rule, words).run();
}

}  // namespace kohort::train
