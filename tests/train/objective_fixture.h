// Small trainings of every objective on the made-up shop.
#pragma once

#include <string_view>

#include "shop_fixture.h"
#include "train/trainer.h"

namespace kohort::train {

inline TrainOptions small_options() {
    TrainOptions options;
    options.steps = 4;
    options.batch = 12;
    options.max_tokens = 10;
    options.micro_batch_tokens = 60;
    options.drop_tokens = 0.3;
    options.side_events = 2;
    options.learning_rate = 5e-3;
    return options;
}

inline StoreOptions store_options(const TrainOptions& options) {
    StoreOptions result;
    if (options.objective == ObjectiveKind::masked_language) {
        result.words = true;
    } else if (options.objective == ObjectiveKind::supervised) {
        result.users.sample = UserSample::labelled;
        result.users.labels_of = [several = options.multi_label](std::string_view user) { return shop_labels(user, several); };
    } else {
        switch (options.pairs) {
            case PairKind::halves:
            case PairKind::events:
            case PairKind::rest: break;
            case PairKind::query_item: result.users.sample = UserSample::query_and_item; break;
            case PairKind::title_category:
                result.users.sample = UserSample::text_and_category;
                result.users.category_of = shop_category;
                break;
            case PairKind::dropout: result.users.sample = UserSample::any_text; break;
        }
    }
    return result;
}

inline void supervised(TrainOptions& o, bool multi_label) {
    o.objective = ObjectiveKind::supervised;
    o.labels = {"a", "b", "c"};
    o.multi_label = multi_label;
}

}  // namespace kohort::train
