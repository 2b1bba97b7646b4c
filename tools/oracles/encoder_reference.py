#!/usr/bin/python3
"""Compares `build/kohort encode` with Hugging Face's transformers on random models of every family and of odd shapes.

transformers makes each model with random numbers in every tensor and saves it (as one file or in shards, in F32, F16 or
BF16, as safetensors or as pytorch_model.bin, which tools/convert_pytorch_weights.py converts). Random token ids go through
Kohort and through the same weights in float64; vectors are compared after pooling. Then Kohort saves the model
(build/tests/model/resave_encoder) and transformers loads that folder: every tensor must be there, with the same values.
Prints one line a model, and ends with 1 where any differs.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import torch
import transformers

SOURCE = pathlib.Path(__file__).resolve().parents[2]
MOST_DIFFERENCE, LEAST_COSINE = 2e-5, 0.999  # fp32, of the largest value of a vector; bf16


@dataclasses.dataclass
class Case:
    name: str
    model: str  # a class of transformers
    config: dict
    longest: int
    rows: int = 40
    pooling: str = "mean"
    dtype: torch.dtype = torch.float32
    shard: str = "1GB"
    safe: bool = True


def bert(**changes):
    return dict({"vocab_size": 1013, "hidden_size": 84, "num_attention_heads": 7, "num_hidden_layers": 3,
                 "intermediate_size": 131, "max_position_embeddings": 70}, **changes)


def roberta(**changes):
    return bert(**dict({"type_vocab_size": 1}, **changes))


def gpt2(**changes):
    return dict({"vocab_size": 1013, "n_embd": 60, "n_head": 5, "n_layer": 3, "n_positions": 70, "bos_token_id": 0,
                 "eos_token_id": 0}, **changes)


def t5(**changes):
    return dict({"vocab_size": 1013, "d_model": 72, "d_kv": 11, "num_heads": 5, "d_ff": 130, "num_layers": 3,
                 "feed_forward_proj": "relu"}, **changes)


def gated(**changes):
    return t5(feed_forward_proj="gated-gelu", **changes)


HALF, BRAIN = torch.float16, torch.bfloat16
CASES = [
    Case("bert", "BertModel", bert(), 70),
    Case("bert_long", "BertModel",
         bert(hidden_size=40, num_attention_heads=5, num_hidden_layers=2, max_position_embeddings=1500, type_vocab_size=3,
              hidden_act="gelu_new"), 1500, 12, "cls", BRAIN),
    Case("bert_wide", "BertModel",
         bert(vocab_size=21128, hidden_size=384, num_attention_heads=12, num_hidden_layers=4, intermediate_size=1536,
              max_position_embeddings=512), 300, 12, "mean", HALF, "5MB"),
    Case("bert_mlm", "BertForMaskedLM", bert(hidden_act="gelu_pytorch_tanh", num_attention_heads=1, type_vocab_size=1), 70,
         pooling="last", safe=False),
    Case("bert_pretraining", "BertForPreTraining", bert(hidden_act="relu", pad_token_id=5), 33, 40, "cls", HALF, "100KB",
         False),
    Case("roberta", "RobertaModel", roberta(hidden_size=66, num_attention_heads=11, layer_norm_eps=1e-5), 68, shard="60KB"),
    Case("roberta_mlm", "RobertaForMaskedLM", roberta(max_position_embeddings=514), 512, 20, "cls", BRAIN),
    Case("roberta_classifier", "RobertaForSequenceClassification",
         roberta(type_vocab_size=2, pad_token_id=7, max_position_embeddings=58), 50, 40, "last", shard="100KB", safe=False),
    Case("xlm_roberta", "XLMRobertaForMaskedLM", roberta(vocab_size=3001), 68, 40, "mean", HALF, "300KB"),
    Case("gpt2", "GPT2Model", gpt2(), 70, 40, "last"),
    Case("gpt2_long", "GPT2LMHeadModel",
         gpt2(n_positions=1100, n_inner=97, activation_function="gelu", layer_norm_epsilon=1e-6), 1100, 12, "last", HALF),
    Case("gpt2_wide", "GPT2LMHeadModel",
         gpt2(vocab_size=5003, n_embd=264, n_head=11, n_layer=4, activation_function="relu"), 70, 40, "mean", BRAIN, "2MB", False),
    Case("t5", "T5EncoderModel", t5(), 60),
    Case("t5_long", "T5ForConditionalGeneration", t5(vocab_size=509, num_heads=3, d_kv=32), 700, 12, shard="100KB", safe=False),
    Case("t5_gated", "T5EncoderModel", gated(d_model=96, num_heads=7), 150, 20, "last", BRAIN, "80KB"),
    Case("mt5", "MT5ForConditionalGeneration",
         gated(relative_attention_num_buckets=20, relative_attention_max_distance=60, tie_word_embeddings=False), 200, 20,
         "mean", HALF),
    Case("mt5_encoder", "MT5EncoderModel", gated(vocab_size=7001, num_layers=5), 90, 40, "cls", safe=False),
]


def fill(model, random):
    """Random numbers in every tensor, sized so that no part of the computation fades or overflows."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=random)
        if parameter.dim() == 1:
            values = 1 + 0.2 * noise if name.endswith("weight") else 0.2 * noise
        elif "embedding" in name or name.split(".")[-2] in ("shared", "wte", "wpe", "relative_attention_bias", "embed_tokens"):
            values = 0.7 * noise
        else:
            inputs = parameter.shape[0] if "c_" in name else parameter.shape[1]  # GPT-2 keeps [in, out]
            values = noise / inputs ** 0.5
            if name.endswith("SelfAttention.q.weight"):
                values /= model.config.d_kv ** 0.5  # T5 leaves scores as they are
        parameter.data.copy_(values)


def sequences(case, vocabulary, random):
    lengths = [1, 2, case.longest, case.longest + 5]  # the last one is cut
    lengths += torch.randint(1, case.longest + 1, (case.rows - len(lengths),), generator=random).tolist()
    return [torch.randint(0, vocabulary, (length,), generator=random).tolist() for length in lengths]


def run(*command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"error: exit {done.returncode} of {' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def vectors_of(case, folder, lines, precision):
    out = folder.parent / f"{case.name}.{precision}"
    run(SOURCE / "build/kohort", "encode", "--input", lines, "--model", folder, "--max-tokens", case.longest,
        "--pooling", case.pooling, "--precision", precision, "--log-level", "error", "--out", out)
    with h5py.File(out / "kohort.h5") as file:
        return file["/obsm/embedding"][:].astype(np.float64)


def encoder_of(model):
    return getattr(model, "encoder", model) if model.config.model_type in ("t5", "mt5") else model.base_model


def expected_vectors(case, model, rows):
    """Unit vectors of rows, from transformers in float64."""
    encoder, vectors = encoder_of(model.double().eval()), []
    for ids in rows:
        hidden = encoder(input_ids=torch.tensor([ids[:case.longest]])).last_hidden_state[0]
        pooled = {"mean": hidden.mean(0), "cls": hidden[0], "last": hidden[-1]}[case.pooling]
        vectors.append((pooled / pooled.norm()).numpy())
    return np.array(vectors)


def saved_again(case, folder):
    """The folder in which Kohort saves what it reads from this one."""
    again = folder.parent / f"{case.name}.again"
    run(SOURCE / "build/tests/model/resave_encoder", folder, again)
    return again


def check_saved(case, again, model):
    """What Kohort saves of the model, loaded by transformers: the encoder's tensors, all of them, none changed."""
    config = transformers.AutoConfig.from_pretrained(again)
    kind = getattr(transformers, config.architectures[0])
    without_pooler = {"add_pooling_layer": False} if "ert" in kind.__name__ else {}
    loaded, report = kind.from_pretrained(again, output_loading_info=True, **without_pooler)
    problems = {key: value for key, value in report.items() if value}
    if problems:
        sys.exit(f"error: {case.name}: transformers loads what Kohort saved with {problems}")
    original = encoder_of(model).state_dict()
    for name, tensor in encoder_of(loaded).state_dict().items():
        if not torch.equal(tensor.double(), original[name].double()):
            sys.exit(f"error: {case.name}: {name} has other values after Kohort saved it")
    ids = torch.tensor([[3, 7, 11, 2, 5, 12]])
    hidden = [encoder_of(m.double().eval())(input_ids=ids).last_hidden_state for m in (model, loaded)]
    if not torch.allclose(*hidden, rtol=1e-12, atol=1e-12):  # two names of one activation round apart
        sys.exit(f"error: {case.name}: transformers computes otherwise with what Kohort saved")


def check(case, folder):
    random = torch.Generator().manual_seed(sum(map(ord, case.name)))
    kind = getattr(transformers, case.model)
    model = kind(kind.config_class(**case.config))
    fill(model, random)
    model = model.to(case.dtype)
    model.save_pretrained(folder, max_shard_size=case.shard, safe_serialization=case.safe)
    if not case.safe:
        run(sys.executable, SOURCE / "tools/convert_pytorch_weights.py", folder)
    rows = sequences(case, model.config.vocab_size, random)
    lines = folder.parent / f"{case.name}.jsonl"
    lines.write_text("".join(json.dumps({"ids": ids}) + "\n" for ids in rows))

    with concurrent.futures.ThreadPoolExecutor(2) as programs:  # while transformers computes
        exact, coarse = (programs.submit(vectors_of, case, folder, lines, precision) for precision in ("fp32", "bf16"))
        again = programs.submit(saved_again, case, folder)
        expected = expected_vectors(case, model, rows)
    exact, coarse = exact.result(), coarse.result()
    difference = (np.abs(exact - expected).max(1) / np.abs(expected).max(1)).max()
    cosine = (coarse * expected).sum(1).min()
    check_saved(case, again.result(), model)
    shards = len(list(folder.glob("model-*.safetensors")))
    fine = difference <= MOST_DIFFERENCE and cosine >= LEAST_COSINE
    files = f"{shards} shards" if shards else "one file"
    print(f"{case.name:20} {case.model:34} {str(case.dtype)[6:]:9} {files:10} {case.pooling:5}"
          f" fp32 differs by {difference:.1e}, bf16 cosine {cosine:.6f}{'' if fine else '   NOT EQUAL'}", flush=True)
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="models to compare (default: all)")
    arguments = parser.parse_args()
    cases = [case for case in CASES if not arguments.names or case.name in arguments.names]
    torch.set_grad_enabled(False)
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as work:
        fine = [check(case, pathlib.Path(work) / case.name) for case in cases]
    print(f"{sum(fine)} of {len(fine)} models give the vectors of transformers {transformers.__version__}")
    sys.exit(0 if fine and all(fine) else 1)


if __name__ == "__main__":
    main()
