#!/usr/bin/python3
"""Compares the losses and gradients of Kohort's language models with Hugging Face's transformers.

transformers makes a random model of each class that Kohort trains on texts, and computes in float64 the loss on random rows
and its gradient by every weight; build/tests/model/language_gradients does the same from the saved folder, in float32. With
--trained RUN…: the folders that `kohort pretrain` left are loaded instead, and every tensor of their class must be there.
Prints one line a model, and ends with 1 where any differs.
"""
import argparse
import json
import pathlib
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file

from encoder_reference import SOURCE, bert, fill, gated, gpt2, roberta, run, t5

MOST_DIFFERENCE = 2e-5  # of a gradient's norm, and of the loss
SMALL = {"vocab_size": 211, "num_hidden_layers": 2}
CASES = {
    "bert": ("BertForMaskedLM", bert(**SMALL)),
    "bert_relu": ("BertForMaskedLM", bert(hidden_act="relu", **SMALL)),
    "roberta": ("RobertaForMaskedLM", roberta(hidden_act="relu", **SMALL)),
    "xlm_roberta": ("XLMRobertaForMaskedLM", roberta(layer_norm_eps=1e-5, **SMALL)),
    "gpt2": ("GPT2LMHeadModel", gpt2(vocab_size=211)),
    "t5": ("T5ForConditionalGeneration", t5(vocab_size=211)),
    "t5_deep": ("T5ForConditionalGeneration", t5(vocab_size=211, num_layers=1, num_decoder_layers=3)),
    "t5_v1_1": ("T5ForConditionalGeneration", gated(vocab_size=211, tie_word_embeddings=False)),
    "mt5": ("MT5ForConditionalGeneration", gated(vocab_size=211, relative_attention_num_buckets=20,
                                                 relative_attention_max_distance=30)),
}
FIRST = 3  # token ids below it mark padding and ends in one family or the other


def padded(rows, filling):
    longest = max(map(len, rows))
    return torch.tensor([row + [filling] * (longest - len(row)) for row in rows])


def random_rows(random, lengths, vocabulary):
    return [torch.randint(FIRST, vocabulary, (length,), generator=random).tolist() for length in lengths]


def make_rows(model, random):
    """What language_gradients reads, and the keyword arguments of the model for the same."""
    rows = random_rows(random, (1 + 8, 40, 17, 2, 23), model.config.vocab_size)
    inputs = {"input_ids": padded(rows, model.config.pad_token_id or 0),
              "attention_mask": padded([[1] * len(row) for row in rows], 0)}
    if model.config.model_type == "gpt2":
        return {"rows": rows}, dict(inputs, labels=padded(rows, -100))
    if model.config.is_encoder_decoder:
        targets = random_rows(random, (3, 9, 50, 1, 12), model.config.vocab_size)
        return {"rows": rows, "targets": targets}, dict(inputs, labels=padded(targets, -100))
    guessed = [[token if (place + number) % 5 == 0 else -1 for place, token in enumerate(row)] for number, row in enumerate(rows)]
    labels = [[-100 if token < 0 else token for token in row] for row in guessed]
    return {"rows": rows, "targets": guessed}, dict(inputs, labels=padded(labels, -100))


def check(name, work):
    kind_name, config = CASES[name]
    random = torch.Generator().manual_seed(sum(map(ord, name)))
    kind = getattr(transformers, kind_name)
    config = kind.config_class(**config)
    if config.is_encoder_decoder:
        config.decoder_start_token_id = config.pad_token_id
    model = kind(config).eval()
    fill(model, random)
    model.save_pretrained(work / "model")
    rows, inputs = make_rows(model, random)
    (work / "rows.json").write_text(json.dumps(rows))
    loss = float(run(SOURCE / "build/tests/model/language_gradients", work / "model", work / "rows.json", work / "out"))
    model = model.double()
    expected = model(**inputs).loss
    expected.backward()
    found = load_file(work / "out/model.safetensors")
    wanted = {key: parameter.grad for key, parameter in model.named_parameters()}
    if set(found) != set(wanted):
        sys.exit(f"error: {name}: other tensors: {sorted(set(found) ^ set(wanted))}")
    largest = max(gradient.norm() for gradient in wanted.values())
    worst = max(((found[key].double() - gradient).norm() / max(gradient.norm(), 1e-3 * largest)).item()
                for key, gradient in wanted.items())
    difference = abs(loss - expected.item()) / expected.item()
    fine = max(worst, difference) <= MOST_DIFFERENCE
    print(f"{name:12} {kind_name:28} loss {loss:.6f} differs by {difference:.1e}, {len(wanted)} gradients by {worst:.1e}"
          f"{'' if fine else '   NOT EQUAL'}", flush=True)
    return fine


def check_trained(folder):
    """A folder that Kohort trained: its class must find every tensor, and compute a loss with them."""
    config = transformers.AutoConfig.from_pretrained(folder)
    kind = getattr(transformers, config.architectures[0])
    model, report = kind.from_pretrained(folder, output_loading_info=True)
    problems = {key: value for key, value in report.items() if value}
    _, inputs = make_rows(model, torch.Generator().manual_seed(1))
    with torch.no_grad():
        loss = model.eval()(**inputs).loss.item()
    fine = not problems and loss == loss
    print(f"{folder}: {kind.__name__}, loss on random tokens {loss:.3f}{'' if fine else f'   PROBLEMS {problems}'}", flush=True)
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="models to compare (default: all)")
    parser.add_argument("--trained", nargs="+", default=[], help="folders of trained models")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    fine = [check_trained(folder) for folder in arguments.trained]
    for name in arguments.names or ([] if arguments.trained else CASES):
        with tempfile.TemporaryDirectory() as work:
            fine.append(check(name, pathlib.Path(work)))
    print(f"{sum(fine)} of {len(fine)} language models are those of transformers {transformers.__version__}")
    sys.exit(0 if fine and all(fine) else 1)


if __name__ == "__main__":
    main()
