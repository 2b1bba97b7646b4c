#include "model/checkpointed.h"

#include "model/torch_compat.h"

namespace kohort::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Recipe : torch::CustomClassHolder {
    Recipe(ModelPart compute_, std::size_t inputs_) : compute(std::move(compute_)), inputs(inputs_) {}
    ModelPart compute;
    std::size_t inputs;  // of the tensors, the first so many; the others are weights
};

class Checkpointed : public torch::autograd::Function<Checkpointed> {
  public:
    static variable_list forward(AutogradContext* context, const c10::intrusive_ptr<Recipe>& recipe, at::TensorList tensors) {
        context->save_for_backward(tensors.vec());
        context->saved_data["recipe"] = c10::IValue::make_capsule(recipe);
        const compat::KernelsOfTraining same_kernels;
        return {recipe->compute(tensors.slice(0, recipe->inputs).vec())};
    }

    static variable_list backward(AutogradContext* context, const variable_list& output_gradients) {
        const auto capsule = context->saved_data["recipe"].toCapsule();
        const auto& recipe = static_cast<const Recipe&>(*capsule);
        const auto tensors = context->get_saved_variables();
        const torch::AutoGradMode with_graph(true);
        // Cut off from the graph around: the gradients of inputs go back to it by this function's result alone.
        std::vector<torch::Tensor> inputs, asked;
        for (std::size_t i = 0; i < recipe.inputs; ++i) inputs.push_back(tensors[i].detach().requires_grad_(tensors[i].requires_grad()));
        for (std::size_t i = 0; i < tensors.size(); ++i)
            if (tensors[i].requires_grad()) asked.push_back(i < recipe.inputs ? inputs[i] : tensors[i]);
        const auto found = torch::autograd::grad({recipe.compute(inputs)}, asked, output_gradients, /*retain_graph=*/false,
                                                 /*create_graph=*/false, /*allow_unused=*/true);
        variable_list result{torch::Tensor()};  // for the recipe
        auto next = found.begin();
        for (const torch::Tensor& tensor : tensors) result.push_back(tensor.requires_grad() ? *next++ : torch::Tensor());
        return result;
    }
};

}  // namespace

torch::Tensor checkpointed(const std::vector<torch::Tensor>& inputs, const std::vector<torch::Tensor>& weights, ModelPart compute) {
    auto tensors = inputs;
    tensors.insert(tensors.end(), weights.begin(), weights.end());
    return Checkpointed::apply(c10::make_intrusive<Recipe>(std::move(compute), inputs.size()), at::TensorList(tensors))[0];
}

std::vector<torch::Tensor> values_under(const std::vector<Parameter>& parameters, std::string_view prefix) {
    std::vector<torch::Tensor> values;
    for (const auto& [name, value] : parameters)
        if (name.starts_with(prefix)) values.push_back(value);
    return values;
}

}  // namespace kohort::model
