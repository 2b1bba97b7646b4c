#!/usr/bin/python3
"""Writes tests/train/adamw_expected.h: AdamW with clipping, schedules and a rate of its own for each tensor, by PyTorch itself.

Usage: tools/oracles/adamw.py > tests/train/adamw_expected.h
"""
import torch

STEPS, PEAK, WARMUP = 50, 0.01, 5

torch.set_default_dtype(torch.float32)


def rates(make_scheduler):
    """The learning rates of STEPS steps after a warm-up, by one of torch's schedulers."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=PEAK)
    scheduler = make_scheduler(optimizer)
    found = []
    for step in range(STEPS):
        if step < WARMUP:
            found.append(PEAK * (step + 1) / WARMUP)
            continue
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


LINEAR = rates(lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda s: 1 - s / (STEPS - WARMUP)))
LINEAR_TO_A_TENTH = rates(lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda s: 1 - 0.9 * s / (STEPS - WARMUP)))
COSINE = rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=STEPS - WARMUP))
COSINE_TO_A_TENTH = rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=STEPS - WARMUP, eta_min=PEAK / 10))
# Stable for 35 steps, then the last 10 fall.
WSD = rates(lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda s: min(1, (STEPS - WARMUP - s) / 10)))


def steps():
    """After each step: the norm before clipping, six weights, two biases."""
    weight = torch.nn.Parameter(torch.tensor([[0.5, -1.25, 2.0], [0.0, 0.75, -0.125]]))
    bias = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = torch.optim.AdamW(
        [{"params": [weight], "weight_decay": 0.1, "share": 0.5}, {"params": [bias], "weight_decay": 0.0, "share": 1.0}],
        lr=1.0, betas=(0.9, 0.999), eps=1e-8)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = COSINE[step] * group["share"]
        # Any gradients that move about; the test makes the same ones.
        weight.grad = torch.tensor([[((step * 7 + i * 3) % 11 - 5) / 4 for i in range(3)],
                                    [((step * 5 + i * 4 + 1) % 13 - 6) / 8 for i in range(3)]])
        bias.grad = torch.tensor([(step % 3 - 1) * 0.5, 3.0 / (step + 1)])
        norm = torch.nn.utils.clip_grad_norm_([weight, bias], 1.5)
        optimizer.step()
        yield [norm.item(), *weight.detach().flatten().tolist(), *bias.detach().tolist()]


def row(values):
    return ", ".join(f"{v:.9g}" for v in values)


print(f"""// Numbers of PyTorch {torch.__version__.split("+")[0]}, written by tools/oracles/adamw.py.
#pragma once

#include <array>

namespace kohort::train::pytorch {{

constexpr int steps = {STEPS}, warmup = {WARMUP};
constexpr double peak = {PEAK};
using Rates = std::array<double, steps>;
""")
for name in ("linear", "linear_to_a_tenth", "cosine", "cosine_to_a_tenth", "wsd"):
    values = globals()[name.upper()]
    print(f"constexpr Rates {name}{{")
    for begin in range(0, STEPS, 6):
        print("    " + ", ".join(f"{v:.12g}" for v in values[begin:begin + 6]) + ",")
    print("};")
print("""
// With the cosine: the gradient's norm before clipping, six weights that decay and learn half as fast, two biases.
constexpr std::array<std::array<double, 9>, steps> adamw{{""")
for values in steps():
    print("    {" + row(values) + "},")
print("}};\n\n}  // namespace kohort::train::pytorch")
