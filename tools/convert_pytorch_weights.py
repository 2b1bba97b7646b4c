#!/usr/bin/python3
"""Converts the pytorch_model.bin of a model's folder to model.safetensors, which Kohort reads.

Where the folder has pytorch_model.bin.index.json and shards, as many shards of safetensors and their index are written.
Files are read with weights_only, so that nothing in them is run. Tensors keep their types; of several names for the
same numbers (tied weights) one is written, that of the embedding. Needs PyTorch only.
"""
import argparse
import itertools
import json
import os
import pathlib
import re
import sys

import torch

TYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
         torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
# Encoders ask for embeddings by these names; a decoder or a head may be tied to them under another.
EMBEDDINGS = ("word_embeddings.weight", "wte.weight", "shared.weight")


def fail(message):
    sys.exit(f"error: {message}")


def read_tensors(path):
    """The tensors of a file by name, in the file's order."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # torch has no common type for what can be wrong with a file
        fail(f"{path} cannot be read as weights: {str(problem).splitlines()[0]}")
    if not isinstance(state, dict) or not state:
        fail(f"{path} holds no tensors by name")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            fail(f"{path}: {name!r} is no tensor; weights are a flat table of names and tensors")
        if tensor.dtype not in TYPES or tensor.layout != torch.strided:
            fail(f"{path}: safetensors has no type for {name} ({tensor.dtype}, {tensor.layout})")
    return state


def without_ties(state):
    """(tensors of which no two are the same numbers in memory, names left out)"""
    owners, left_out = {}, []
    for name in sorted(state, key=lambda name: not name.endswith(EMBEDDINGS)):  # stable: else the file's order
        tensor = state[name]
        place = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype) if tensor.numel() else name
        if place in owners:
            left_out.append(name)
        else:
            owners[place] = name
    kept = set(owners.values())
    return {name: tensor for name, tensor in state.items() if name in kept}, left_out


def raw_bytes(tensor):
    tensor = tensor.detach().contiguous()
    return (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy().tobytes()


def write_atomically(path, parts):
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        tensor = tensors[name]
        size = tensor.numel() * tensor.element_size()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    start = [len(text).to_bytes(8, "little"), text]
    write_atomically(path, itertools.chain(start, (raw_bytes(tensors[name]) for name in sorted(tensors))))
    return offset


def shards_of(index_path):
    """The names of the shards that an index lists, sorted."""
    try:
        names = sorted(set(json.loads(index_path.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        fail(f"{index_path} is no index of weights")
    for name in names:
        if not isinstance(name, str) or name != pathlib.PurePath(name).name or name in ("", ".", ".."):
            fail(f"{index_path}: {name!r} is no name of a file in the same folder")
        if not (index_path.parent / name).is_file():
            fail(f"{index_path}: {name} is not there")
    return names


def convert_shards(index_path, out):
    names = shards_of(index_path)
    index = {"metadata": {"total_size": 0}, "weight_map": {}}
    for number, name in enumerate(names, 1):
        tensors, left_out = without_ties(read_tensors(index_path.parent / name))
        shard = f"model-{number:05}-of-{len(names):05}.safetensors"
        for twice in tensors.keys() & index["weight_map"].keys():
            fail(f"{twice} is in {name} and in an earlier shard")
        index["metadata"]["total_size"] += write_safetensors(out / shard, tensors)
        index["weight_map"].update(dict.fromkeys(tensors, shard))
        report(out / shard, tensors, left_out)
    # Last, so that a folder with an index is complete.
    text = json.dumps(index, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    write_atomically(out / "model.safetensors.index.json", [text.encode()])


def report(path, tensors, left_out):
    ties = f"; the same numbers as another and left out: {', '.join(left_out)}" if left_out else ""
    print(f"{path}: {len(tensors)} tensors{ties}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="a model's folder with pytorch_model.bin, or its index and shards")
    parser.add_argument("--out", type=pathlib.Path, help="where to write (default: the same folder)")
    arguments = parser.parse_args()
    out = arguments.out or arguments.folder
    whole, index = arguments.folder / "pytorch_model.bin", arguments.folder / "pytorch_model.bin.index.json"
    if not whole.is_file() and not index.is_file():
        fail(f"{arguments.folder} has neither {whole.name} nor {index.name}")
    there = [path.name for path in out.glob("*") if re.fullmatch(r"model.*\.safetensors(\.index\.json)?", path.name)]
    if there:
        fail(f"{out} has {min(there)} already; remove it, or name another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    if not whole.is_file():
        convert_shards(index, out)
        return
    tensors, left_out = without_ties(read_tensors(whole))
    write_safetensors(out / "model.safetensors", tensors)
    report(out / "model.safetensors", tensors, left_out)


if __name__ == "__main__":
    main()
