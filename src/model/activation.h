#pragma once

namespace kohort::model {

enum class Activation {
    gelu,       // with the error function: "gelu"
    gelu_tanh,  // its approximation: "gelu_new", "gelu_pytorch_tanh"
    relu
};

}  // namespace kohort::model
