#!/usr/bin/python3
"""Writes a small model of a family with random weights, in Hugging Face's layout, and rows of random token ids.

Usage: random_encoder.py FAMILY FOLDER [--shards N] [--pickle]      FAMILY: bert, roberta, gpt2 or t5
--pickle: as pytorch_model.bin, with a head tied to the embedding. FOLDER.jsonl gets the ids.
"""
import argparse
import json
import pathlib
import struct

import numpy

VOCABULARY, WIDTH, HEADS, LAYERS, INNER, POSITIONS, WIDTH_OF_HEAD = 211, 24, 3, 2, 40, 34, 5
NORM_AND_BIAS = (("weight", [WIDTH]), ("bias", [WIDTH]))


def bert(kind):
    prefix = kind + "."
    yield prefix + "embeddings.word_embeddings.weight", [VOCABULARY, WIDTH]
    yield prefix + "embeddings.position_embeddings.weight", [POSITIONS, WIDTH]
    yield prefix + "embeddings.token_type_embeddings.weight", [1, WIDTH]
    for part, shape in NORM_AND_BIAS:
        yield prefix + "embeddings.LayerNorm." + part, shape
    for layer in (f"{prefix}encoder.layer.{i}." for i in range(LAYERS)):
        for name, outputs, inputs in (("attention.self.query", WIDTH, WIDTH), ("attention.self.key", WIDTH, WIDTH),
                                      ("attention.self.value", WIDTH, WIDTH), ("attention.output.dense", WIDTH, WIDTH),
                                      ("intermediate.dense", INNER, WIDTH), ("output.dense", WIDTH, INNER)):
            yield f"{layer}{name}.weight", [outputs, inputs]
            yield f"{layer}{name}.bias", [outputs]
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            for part, shape in NORM_AND_BIAS:
                yield f"{layer}{name}.{part}", shape


def gpt2():
    yield "transformer.wte.weight", [VOCABULARY, WIDTH]
    yield "transformer.wpe.weight", [POSITIONS, WIDTH]
    for layer in (f"transformer.h.{i}." for i in range(LAYERS)):
        for name, inputs, outputs in (("attn.c_attn", WIDTH, 3 * WIDTH), ("attn.c_proj", WIDTH, WIDTH),
                                      ("mlp.c_fc", WIDTH, INNER), ("mlp.c_proj", INNER, WIDTH)):
            yield f"{layer}{name}.weight", [inputs, outputs]
            yield f"{layer}{name}.bias", [outputs]
        for name in ("ln_1", "ln_2"):
            for part, shape in NORM_AND_BIAS:
                yield f"{layer}{name}.{part}", shape
    for part, shape in NORM_AND_BIAS:
        yield "transformer.ln_f." + part, shape


def t5():
    joined = HEADS * WIDTH_OF_HEAD
    yield "shared.weight", [VOCABULARY, WIDTH]
    yield "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", [32, HEADS]
    for block in (f"encoder.block.{i}.layer." for i in range(LAYERS)):
        for part in "qkv":
            yield f"{block}0.SelfAttention.{part}.weight", [joined, WIDTH]
        yield block + "0.SelfAttention.o.weight", [WIDTH, joined]
        yield block + "0.layer_norm.weight", [WIDTH]
        for part in ("wi_0", "wi_1"):
            yield f"{block}1.DenseReluDense.{part}.weight", [INNER, WIDTH]
        yield block + "1.DenseReluDense.wo.weight", [WIDTH, INNER]
        yield block + "1.layer_norm.weight", [WIDTH]
    yield "encoder.final_layer_norm.weight", [WIDTH]


BERT = {"vocab_size": VOCABULARY, "hidden_size": WIDTH, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS,
        "intermediate_size": INNER, "max_position_embeddings": POSITIONS, "type_vocab_size": 1}
FAMILIES = {  # config.json, tensors, the head that is tied to the embedding
    "bert": (dict(BERT, model_type="bert"), bert("bert"), "cls.predictions.decoder.weight"),
    "roberta": (dict(BERT, model_type="roberta"), bert("roberta"), "lm_head.decoder.weight"),
    "gpt2": ({"model_type": "gpt2", "vocab_size": VOCABULARY, "n_embd": WIDTH, "n_head": HEADS, "n_layer": LAYERS,
              "n_inner": INNER, "n_positions": POSITIONS}, gpt2(), "lm_head.weight"),
    "t5": ({"model_type": "t5", "vocab_size": VOCABULARY, "d_model": WIDTH, "d_kv": WIDTH_OF_HEAD, "d_ff": INNER,
            "num_layers": LAYERS, "num_heads": HEADS, "feed_forward_proj": "gated-gelu"}, t5(), "encoder.embed_tokens.weight")}


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + values.nbytes]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_pickles(folder, shards, tie):
    """shards: {name of a safetensors file: tensors}. The tied head comes before the embedding: order must not matter."""
    import torch

    index = {}
    for name, tensors in shards.items():
        file = name.replace("model", "pytorch_model").replace("safetensors", "bin")
        state = {key: torch.from_numpy(values) for key, values in tensors.items()}
        embeddings = [key for key in state if key.endswith(("word_embeddings.weight", "wte.weight", "shared.weight"))]
        if embeddings:
            state = {tie: state[embeddings[0]], **state}
        torch.save(state, folder / file)
        index.update(dict.fromkeys(state, file))
    if len(shards) > 1:
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--pickle", action="store_true")
    arguments = parser.parse_args()
    config, shapes, tie = FAMILIES[arguments.family]
    random = numpy.random.RandomState(3)
    tensors = {name: (random.standard_normal(shape) * (0.3 if len(shape) == 2 else 1)).astype("<f4") for name, shape in shapes}

    arguments.folder.mkdir()
    (arguments.folder / "config.json").write_text(json.dumps(config))
    count = arguments.shards
    names = ["model.safetensors"] if count == 1 else [f"model-{i + 1:05}-of-{count:05}.safetensors" for i in range(count)]
    shards = {name: dict(list(tensors.items())[i::count]) for i, name in enumerate(names)}
    if arguments.pickle:
        write_pickles(arguments.folder, shards, tie)
    else:
        for name, part in shards.items():
            write_safetensors(arguments.folder / name, part)
        if count > 1:
            index = {tensor: name for name, part in shards.items() for tensor in part}
            (arguments.folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    with open(f"{arguments.folder}.jsonl", "w") as lines:
        for _ in range(2100):
            lines.write(json.dumps({"ids": random.randint(0, VOCABULARY, random.randint(1, 30)).tolist()}) + "\n")


if __name__ == "__main__":
    main()
