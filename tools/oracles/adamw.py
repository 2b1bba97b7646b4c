#!/usr/bin/python3
"""Prints the constants of tests/train/adamw_test.cpp: AdamW with clipping and a schedule, by PyTorch itself."""
import torch

torch.set_default_dtype(torch.float32)
weight = torch.nn.Parameter(torch.tensor([[0.5, -1.25, 2.0], [0.0, 0.75, -0.125]]))
bias = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
optimizer = torch.optim.AdamW(
    [{"params": [weight], "weight_decay": 0.1}, {"params": [bias], "weight_decay": 0.0}],
    lr=1.0, betas=(0.9, 0.999), eps=1e-8)
steps, peak, warmup = 8, 0.01, 2
for step in range(steps):
    rate = peak * ((step + 1) / warmup if step < warmup else (steps - step) / (steps - warmup))
    for group in optimizer.param_groups:
        group["lr"] = rate
    # Any gradients that move about; the test makes the same ones.
    weight.grad = torch.tensor([[((step * 7 + i * 3) % 11 - 5) / 4 for i in range(3)],
                                [((step * 5 + i * 4 + 1) % 13 - 6) / 8 for i in range(3)]])
    bias.grad = torch.tensor([(step % 3 - 1) * 0.5, 3.0 / (step + 1)])
    norm = torch.nn.utils.clip_grad_norm_([weight, bias], 1.5)
    optimizer.step()
    values = ", ".join(f"{v:.9g}" for v in [norm.item(), *weight.detach().flatten().tolist(), *bias.detach().tolist()])
    print("{" + values + "},")
