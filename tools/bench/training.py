#!/usr/bin/python3
"""Tokens a second of masked language modelling, of Kohort and of PyTorch in the same run: same model, texts, batch and precision.

Texts are made up of a given vocabulary, so that both see the same token ids; a step hides 15% of the tokens of --batch texts,
takes the gradient, clips it and makes AdamW's update. The peer is a plain BERT in torch.nn that pads a batch to its
longest text and scores either the hidden tokens alone (as Kohort does) or every token (as Hugging Face's model does); in bf16 it
runs under autocast. Both have two threads; times are medians over steps, without the first ones. Then Kohort on 1 and 2
ranks of one thread, gradients summed beside the backward pass and after it, and by each --reduction. Then its peak memory with
what saves memory off and on.
Needs a quiet machine with two cores. Real tokens are counted, never padding.
Example: tools/bench/training.py --models small --torch-python ~/.cache/kohort/oracles/torch-2.11.0/bin/python
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
KOHORT = SOURCE / "build/kohort"
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
MODELS = {"small": dict(layers=4, hidden=256, heads=4, intermediate=1024, vocabulary=8000),
          "base": dict(layers=12, hidden=768, heads=12, intermediate=3072, vocabulary=21128)}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SKIPPED = 2  # steps before the clock counts: Kohort's first one is computed twice

PEER = r"""
import json, random, statistics, sys, time, warnings
warnings.filterwarnings("ignore")
import torch
from torch import nn
settings = json.loads(sys.argv[1])
m, precision, scores, threads = settings["model"], settings["precision"], settings["scores"], settings["threads"]
torch.set_num_threads(threads)
torch.manual_seed(1)
H, V = m["hidden"], m["vocabulary"]
class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(H, 3 * H), nn.Linear(H, H)
        self.up, self.down = nn.Linear(H, m["intermediate"]), nn.Linear(m["intermediate"], H)
        self.norm1, self.norm2 = nn.LayerNorm(H, 1e-12), nn.LayerNorm(H, 1e-12)
    def forward(self, x, bias):
        b, t, _ = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, m["heads"], H // m["heads"]).permute(2, 0, 3, 1, 4)
        attention = torch.softmax(q @ k.transpose(2, 3) / (H // m["heads"]) ** 0.5 + bias, -1)
        x = self.norm1(x + self.out((attention @ v).transpose(1, 2).reshape(b, t, H)))
        return self.norm2(x + self.down(nn.functional.gelu(self.up(x))))
class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.positions, self.norm = nn.Embedding(V, H), nn.Embedding(128, H), nn.LayerNorm(H, 1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(m["layers"]))
        self.dense, self.head_norm, self.bias = nn.Linear(H, H), nn.LayerNorm(H, 1e-12), nn.Parameter(torch.zeros(V))
        for p in self.parameters():
            if p.dim() > 1: nn.init.normal_(p, 0, 0.02)
    def forward(self, ids, real, places, targets):
        x = self.norm(self.words(ids) + self.positions(torch.arange(ids.shape[1])))
        bias = torch.zeros(real.shape).masked_fill(~real, -1e9)[:, None, None, :]
        for layer in self.layers: x = layer(x, bias)
        x = x.flatten(0, 1)
        if scores == "hidden": x = x[places]
        logits = self.head_norm(nn.functional.gelu(self.dense(x))) @ self.words.weight.t() + self.bias
        if scores == "all": logits = logits[places]
        return nn.functional.cross_entropy(logits.float(), targets)
model = Bert()
optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
texts = [json.loads(line) for line in open(settings["texts"])]
random.seed(1)
rates = []
for step in range(settings["steps"]):
    rows = random.sample(texts, settings["batch"])
    start = time.perf_counter()
    length = max(map(len, rows))
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    real = torch.arange(length)[None] < torch.tensor([len(row) for row in rows])[:, None]
    candidates = (real & (ids > 4)).flatten()
    places = (candidates & (torch.rand(candidates.shape) < 0.15)).nonzero()[:, 0]
    targets = ids.flatten()[places]
    ids.view(-1)[places] = 4
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"): loss = model(ids, real, places, targets)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    rates.append(sum(map(len, rows)) / (time.perf_counter() - start))
print(json.dumps(dict(rate=statistics.median(rates[settings["skipped"]:]), version=torch.__version__)))
"""


def make_texts(folder, words, shortest, longest, users):
    """A tokenizer whose words are their own ids, a CSV of users with four texts each, and the ids as JSON lines."""
    draw = random.Random(1)
    names = ["".join(chr(97 + word // 26 ** place % 26) for place in range(4)) for word in range(words - len(SPECIAL))]
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer/vocab.txt").write_text("\n".join(SPECIAL + names) + "\n")
    with open(folder / "texts.csv", "w", encoding="utf-8") as table, open(folder / "texts.jsonl", "w", encoding="utf-8") as ids:
        table.write("user,text\n")
        for user in range(users):
            for _ in range(4):
                text = [draw.randrange(len(names)) for _ in range(draw.randint(shortest, longest) - 2)]
                table.write(f"u{user},{' '.join(names[word] for word in text)}\n")
                ids.write(json.dumps([2, *(word + len(SPECIAL) for word in text), 3]) + "\n")


def prepared_run(folder):
    run = folder / "run"
    subprocess.run([KOHORT, "ingest", "--input", folder / "texts.csv", "--user-column", "user", "--text-column", "text", "--out", run,
                    "--log-level", "error"], check=True, env=ENVIRONMENT)
    return run


def kohort(run, tokenizer, model, precision, batch, steps, ranks, threads, *words, job="pretrain"):
    with tempfile.TemporaryDirectory() as place:
        copy = pathlib.Path(place) / "run"
        shutil.copytree(run, copy)
        subprocess.run(["mpirun", "-n", str(ranks), KOHORT, job, "--out", copy, "--tokenizer", tokenizer, "--layers", str(model["layers"]),
                        "--hidden", str(model["hidden"]), "--heads", str(model["heads"]), "--intermediate", str(model["intermediate"]),
                        "--train-tokens", "128", "--batch", str(batch), "--learning-rate", "1e-4",
                        "--pretrain-steps" if job == "pretrain" else "--steps", str(steps),
                        "--train-precision", precision, "--threads", str(threads), "--checkpoint-every", "1000000", "--log-level", "error", *words],
                       check=True, env=ENVIRONMENT)
        with open(copy / "metrics.jsonl", encoding="utf-8") as lines:
            records = [record for record in map(json.loads, lines) if record["event"] == "train_step"][SKIPPED:]
    return {name: statistics.median(record[name] for record in records)
            for name in ("tokens_per_second", "mfu", "memory", "communication_share", "hidden_share", "reduction_bytes", "tokens", "loss")}


def torch_rate(interpreter, settings):
    answer = subprocess.run([interpreter, "-c", PEER, json.dumps(settings)], check=True, capture_output=True, text=True,
                            env=dict(os.environ, OMP_NUM_THREADS=str(settings["threads"]))).stdout
    return json.loads(answer.strip().splitlines()[-1])


def against_torch(arguments, folder, run, name, model):
    for precision in arguments.precisions:
        for interpreter in arguments.torch_python:
            for scores in arguments.scores:
                ours, theirs, facts, version = [], [], {}, ""
                for _ in range(arguments.rounds):
                    facts = kohort(run, folder / "tokenizer", model, precision, arguments.batch, arguments.steps, 1, 2)
                    ours.append(facts["tokens_per_second"])
                    peer = torch_rate(interpreter, dict(model=model, precision=precision, scores=scores, threads=2, batch=arguments.batch,
                                                        steps=arguments.steps, skipped=SKIPPED, texts=str(folder / "texts.jsonl")))
                    theirs.append(peer["rate"])
                    version = peer["version"]
                us, them = statistics.median(ours), statistics.median(theirs)
                print(f"| {name} | {precision} | torch {version}, scores of {scores} tokens | {us:,.0f} | {them:,.0f} | {us / them:.2f} | "
                      f"{facts['mfu']:.2f} | {facts['memory'] / 2**20:,.0f} MiB |", flush=True)


def over_ranks(arguments, folder, run, name, model):
    for precision in arguments.precisions:
        rates = {}
        settings = [(1, "on", "exact"), (2, "on", "exact"), (2, "off", "exact"), (2, "on", "fast"), (2, "on", "fast-bf16")]
        for _ in range(arguments.rounds):
            for setting in settings:
                ranks, overlap, reduction = setting
                rates.setdefault(setting, []).append(kohort(run, folder / "tokenizer", model, precision, arguments.batch, arguments.steps, ranks, 1,
                                                            "--overlap", overlap, "--reduction", reduction))
        one = statistics.median(facts["tokens_per_second"] for facts in rates[settings[0]])
        for setting in settings:
            median = {key: statistics.median(facts[key] for facts in rates[setting]) for key in rates[setting][0]}
            print(f"| {name} | {precision} | {setting[0]} | {setting[1]} | {setting[2]} | {median['tokens_per_second']:,.0f} | "
                  f"{median['tokens_per_second'] / one:.2f} | {median['communication_share']:.1%} | {median['hidden_share']:.0%} | "
                  f"{median['reduction_bytes'] / 2**20:.1f} MiB |", flush=True)


def saved_memory(arguments, folder, run, name, model):
    for option, job, batch in (("--activation-checkpointing", "pretrain", arguments.batch), ("--gradient-caching", "finetune", arguments.batch // 4)):
        for precision in arguments.precisions:
            off, on = (kohort(run, folder / "tokenizer", model, precision, batch, arguments.steps, 1, 2, option, value, job=job) for value in ("off", "on"))
            print(f"| {name} | {precision} | `{job} {option}` | {off['memory'] / 2**20:,.0f} MiB | {on['memory'] / 2**20:,.0f} MiB | "
                  f"{on['tokens_per_second'] / off['tokens_per_second']:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--scores", nargs="+", choices=["hidden", "all"], default=["hidden", "all"])
    parser.add_argument("--torch-python", nargs="+", default=["/usr/bin/python3"], help="interpreters with torch")
    parser.add_argument("--batch", type=int, default=384, help="texts of a step")
    parser.add_argument("--shortest", type=int, default=16, help="text, in tokens")
    parser.add_argument("--longest", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=["torch", "ranks", "memory"], default=["torch", "ranks", "memory"])
    arguments = parser.parse_args()
    print(f"{arguments.batch} texts of {arguments.shortest} to {arguments.longest} tokens a step, about "
          f"{arguments.batch * (arguments.shortest + arguments.longest) // 2:,} tokens; {arguments.steps} steps, {arguments.rounds} rounds\n")
    for part in arguments.parts:
        if part == "torch":
            print("| model | precision | peer | Kohort tokens/s | peer tokens/s | ratio | MFU | memory |\n|---|---|---|---|---|---|---|---|")
        elif part == "memory":
            print("\n| model | precision | | memory off | on | speed on/off |\n|---|---|---|---|---|---|")
        else:
            print("\n| model | precision | ranks | overlap | reduction | tokens/s | of one rank | communication | hidden | sent a step |\n"
                  "|---|---|---|---|---|---|---|---|---|---|")
        for name in arguments.models:
            model = MODELS[name]
            with tempfile.TemporaryDirectory() as place:
                folder = pathlib.Path(place)
                make_texts(folder, model["vocabulary"], arguments.shortest, arguments.longest, 1000)
                run = prepared_run(folder)
                {"torch": against_torch, "ranks": over_ranks, "memory": saved_memory}[part](arguments, folder, run, name, model)


if __name__ == "__main__":
    main()
