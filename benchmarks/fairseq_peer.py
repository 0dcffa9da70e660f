"""fairseq against Octavo: fairseq trains a small model, which is converted, and every translation compared.

    PYTHONPATH=. python benchmarks/fairseq_peer.py multi30k --fairseq fairseq-checkout --work fairseq-peer

fairseq is a checkout of its repository (0.12.2). Of it run the Transformer, the dictionary and
SequenceGenerator, which are plain Python over PyTorch; they need omegaconf 2.3, hydra-core 1.3, bitarray and
sacrebleu. Translations are compared greedy and with beam 4, in float32, against fairseq's own search with
its defaults. One that differs is explained where the two scores are a rounding apart in binary64 (a tie), or
where one of the two is as long as a translation may be (the cap): fairseq then takes EOS whatever it costs,
and Octavo leaves the translation cut.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import functools
import os
import sys
import time
import types
import warnings
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np
import sentencepiece
import torch
from benchmarks.families import batches, lines, padded, vocabulary

from octavo.artifact import ModelDirectory
from octavo.conversion import convert
from octavo.engine import Engine
from octavo.model.search import SearchOptions

LONGEST: Final = 60
TIE: Final = 1e-5
OPTIONS: Final = {
    "arch": "transformer",
    "source_lang": "en",
    "target_lang": "de",
    "encoder_embed_dim": 64,
    "encoder_ffn_embed_dim": 128,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "share_all_embeddings": True,
    "dropout": 0.0,
    "max_source_positions": 1024,
    "max_target_positions": 1024,
}


@dataclasses.dataclass(frozen=True)
class Fairseq:
    """The parts of fairseq that run here."""

    models: Any
    generator: Any
    dictionary: Any


def load_fairseq(checkout: Path) -> Fairseq:
    """Import them from a checkout, without the models and tasks that need compiled parts."""
    package = types.ModuleType("fairseq")
    package.__path__ = [str(checkout / "fairseq")]
    sys.modules["fairseq"] = package
    listed = os.listdir

    def only_transformer(path: Any = ".") -> list[str]:
        is_models = Path(path) == checkout / "fairseq" / "models"
        return ["transformer"] if is_models else listed(path)

    # Python 3.11 refuses fairseq's dataclasses as defaults of others unless they have a hash.
    hashed = functools.partial(dataclasses.dataclass, unsafe_hash=True)
    with mock.patch("dataclasses.dataclass", hashed), mock.patch("os.listdir", only_transformer):
        import fairseq.models.transformer as models
        from fairseq.data import Dictionary
        from fairseq.sequence_generator import SequenceGenerator
    return Fairseq(models, SequenceGenerator, Dictionary)


def new_model(fairseq: Fairseq, options: argparse.Namespace, words: Any) -> Any:
    """fairseq's own Transformer, with its own initial weights."""
    torch.manual_seed(1)
    fairseq.models.base_architecture(options)
    task = types.SimpleNamespace(source_dictionary=words, target_dictionary=words)
    return fairseq.models.TransformerModel.build_model(options, task)


def train(model: Any, words: Any, pairs: list[tuple[list[int], list[int]]], steps: int) -> None:
    """A few hundred steps of Adam; pairs are token ids without EOS."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    started, pad, eos = time.perf_counter(), words.pad(), words.eos()
    for step, batch in zip(range(1, steps + 1), batches(pairs, 32), strict=False):
        sources = padded([[*source, eos] for source, _ in batch], pad)
        targets = padded([[*target, eos] for _, target in batch], pad)
        fed = padded([[eos, *target] for _, target in batch], pad)
        logits, _ = model(sources, (sources != pad).sum(-1), fed)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=pad)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.3f}, {time.perf_counter() - started:.0f} s", flush=True)


def make(fairseq: Fairseq, data: Path, work: Path, steps: int) -> None:
    """A checkpoint as fairseq keeps it, its dictionaries and pieces beside it, and Octavo's model of it."""
    theirs = work / "theirs"
    theirs.mkdir(parents=True)
    english, german = lines(data / "train.en"), lines(data / "train.de")
    pieces = vocabulary([*english[:8000], *german[:8000]], "bpe")
    (theirs / "sentencepiece.model").write_bytes(pieces)
    processor = sentencepiece.SentencePieceProcessor(model_proto=pieces)
    listed = "".join(f"{processor.id_to_piece(i)} 1\n" for i in range(3, processor.get_piece_size()))
    for language in ("en", "de"):
        (theirs / f"dict.{language}.txt").write_text(listed, encoding="utf-8")
    words = fairseq.dictionary.load(str(theirs / "dict.en.txt"))
    options = argparse.Namespace(**OPTIONS)
    model = new_model(fairseq, options, words)
    pairs = [
        tuple([words.index(piece) for piece in processor.encode(line, out_type=str)] for line in pair)
        for pair in zip(english, german, strict=True)
        if sum(map(len, pair)) < 120
    ]
    train(model, words, pairs, steps)
    torch.save({"args": options, "model": model.state_dict()}, theirs / "model.pt")
    convert(theirs / "model.pt", work / "ours")


def mean_score(model: Any, source: list[int], tokens: list[int], eos: int) -> float:
    """The mean log-probability of the tokens, EOS among them, as the model's number type gives it."""
    with torch.inference_mode():
        fed = torch.tensor([[eos, *tokens[:-1]]])
        logits, _ = model(torch.tensor([source]), torch.tensor([len(source)]), fed)
    return float(logits[0].log_softmax(-1)[range(len(tokens)), tokens].sum()) / len(tokens)


def translations(search: Any, model: Any, sources: list[list[int]], pad: int) -> list[list[int]]:
    """What fairseq makes of the sources, EOS included, 25 at a time."""
    found = []
    for start in range(0, len(sources), 25):
        rows = sources[start : start + 25]
        net_input = {"src_tokens": padded(rows, pad), "src_lengths": torch.tensor([*map(len, rows)])}
        hypotheses = search.generate([model], {"net_input": net_input})
        found += [best["tokens"].tolist() for best, *_ in hypotheses]
    return found


def compare(fairseq: Fairseq, work: Path, test: list[str]) -> int:
    """Prints how many translations are equal, and why others are not. Returns how many are unexplained."""
    ours = ModelDirectory.open(work / "ours")
    words = fairseq.dictionary.load(str(work / "theirs" / "dict.en.txt"))
    checkpoint = torch.load(work / "theirs" / "model.pt", weights_only=False)
    peer = new_model(fairseq, checkpoint["args"], words)
    peer.load_state_dict(checkpoint["model"])
    exact = copy.deepcopy(peer.eval()).double()
    processor = sentencepiece.SentencePieceProcessor(str(work / "theirs" / "sentencepiece.model"))
    tokenizer, eos = ours.tokenizers()[0], words.eos()
    rows = [tokenizer.encode(line) for line in test]
    theirs = [[words.index(piece) for piece in processor.encode(line, out_type=str)] for line in test]
    print(f"source ids: {sum(a == b for a, b in zip(rows, theirs, strict=True))} of {len(test)} equal")
    engine, far = Engine(ours, precision="float32", threads=1), 0
    for beam in (1, 4):
        options = SearchOptions.from_defaults(
            ours.search, beam=beam, max_length=LONGEST, length_ratio=0.0, length_margin=LONGEST
        )
        found = engine.translate([np.array(row, np.int32) for row in rows], options)
        search = fairseq.generator([peer], words, beam_size=beam, max_len_a=0, max_len_b=LONGEST)
        expecteds = translations(search, peer, [[*row, eos] for row in theirs], words.pad())
        equal = 0
        for line, row, (best, *_), expected in zip(test, theirs, found, expecteds, strict=True):
            source = [*row, eos]
            mine = [*best.tokens.tolist(), *([eos] if best.complete else [])]
            if mine == expected:
                equal += 1
                continue
            apart = abs(mean_score(exact, source, mine, eos) - mean_score(exact, source, expected, eos))
            at_cap = not best.complete or len(expected) > LONGEST
            reason = "a tie" if apart <= TIE else "at the cap" if at_cap else "UNEXPLAINED"
            far += reason == "UNEXPLAINED"
            print(f"beam {beam}: {reason}, {apart:.2e} apart: {line}")
        different = len(set(map(tuple, expecteds)))
        print(f"beam {beam}: {equal} of {len(test)} equal; {different} different translations", flush=True)
    return far


def main() -> int:
    """Train where no model is there, and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("data", type=Path, help="folder with train.en, train.de and test_2016_flickr.en")
    parser.add_argument("--fairseq", type=Path, required=True, help="a checkout of its repository")
    parser.add_argument("--work", type=Path, required=True, help="a folder for both models, used where there")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--sentences", type=int, default=200)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    fairseq = load_fairseq(arguments.fairseq)
    if not (arguments.work / "ours").exists():
        make(fairseq, arguments.data, arguments.work, arguments.steps)
    test = lines(arguments.data / "test_2016_flickr.en")[: arguments.sentences]
    return int(compare(fairseq, arguments.work, test) > 0)


if __name__ == "__main__":
    sys.exit(main())
