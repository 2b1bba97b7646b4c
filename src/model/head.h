// What training puts on top of an encoder: from token vectors to the scores that its objective compares.
#pragma once

#include <vector>

#include "model/layers.h"

namespace kohort::model {

class Head {
  public:
    virtual ~Head() = default;
    virtual const std::vector<Parameter>& parameters() const = 0;  // in the training order
};

}  // namespace kohort::model
