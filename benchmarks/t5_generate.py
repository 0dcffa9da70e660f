"""T5 against Transformers: a small model is trained briefly, converted, and every translation compared.

    python benchmarks/t5_generate.py train.en train.de test.en --kind madlad --work t5-madlad

Greedy and with beam 4, in float32, against ``generate(early_stopping=True)``. Where
two translations differ, how far apart they are in binary64: greedy, the logits of the first tokens that
differ, else the scores. A tie is a rounding apart.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
import torch

from octavo.artifact import ModelDirectory
from octavo.conversion import convert
from octavo.conversion.piece_table import Kind, PieceTable
from octavo.engine import Engine
from octavo.model.search import SearchOptions

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import transformers

CODES = ("<2de>", "<2en>")
PIECES = 2000
LONGEST = 60
KINDS: dict[str, dict[str, Any]] = {
    "t5": {},
    "v1.1": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "mt5": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "madlad": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
}


def pieces_of(corpora: list[Path], kind: str) -> bytes:
    """A vocabulary with the ids of the kind; the codes of MADLAD are pieces as others."""
    model = io.BytesIO()
    madlad = {"unk_id": 0, "pad_id": 1, "eos_id": 2, "user_defined_symbols": ",".join(CODES)}
    sentencepiece.SentencePieceTrainer.train(
        input=[str(path) for path in corpora],
        model_writer=model,
        vocab_size=PIECES,
        num_threads=1,
        minloglevel=2,
        bos_id=-1,
        **(madlad if kind == "madlad" else {"pad_id": 0, "eos_id": 1, "unk_id": 2}),
    )
    table = PieceTable.parse(model.getvalue())
    pieces = [
        dataclasses.replace(piece, kind=Kind.NORMAL) if piece.text in CODES else piece
        for piece in table.pieces
    ]
    return table.with_pieces(pieces).to_bytes()


def new_model(kind: str) -> Any:
    """With random weights, all of their own."""
    torch.manual_seed(1)
    ids = {"pad_token_id": 1, "eos_token_id": 2} if kind == "madlad" else {}
    config = getattr(transformers, "MT5Config" if kind == "mt5" else "T5Config")(
        vocab_size=PIECES + 28,
        d_model=64,
        d_kv=32,
        d_ff=128,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        decoder_start_token_id=0,
        **ids,
        **KINDS[kind],
    )
    model = getattr(
        transformers, "MT5" * (kind == "mt5") + "T5" * (kind != "mt5") + "ForConditionalGeneration"
    )(config)
    if "tie_word_embeddings" in KINDS[kind]:
        model.lm_head.weight = torch.nn.Parameter(0.1 * torch.randn(PIECES + 28, 64))
    return model


def train(model: Any, pairs: list[tuple[list[int], list[int]]], steps: int, batch: int = 32) -> None:
    """A few hundred steps of Adam; pairs are token ids with EOS."""
    random = np.random.default_rng(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    started = time.perf_counter()
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1.0, step / 50)
        chosen = [pairs[i] for i in random.integers(0, len(pairs), batch)]
        source, target = (
            padded([pair[side] for pair in chosen], model.config.pad_token_id) for side in (0, 1)
        )
        labels = target.masked_fill(target == model.config.pad_token_id, -100)
        mask = (source != model.config.pad_token_id).long()
        loss = model(input_ids=source, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.3f}, {time.perf_counter() - started:.0f} s", flush=True)


def padded(rows: list[list[int]], pad: int) -> torch.Tensor:
    """Rows of one length."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows])


def generated(model: Any, sources: list[list[int]], beam: int) -> list[list[int]]:
    """Tokens with EOS where there is one, without the first, 25 sentences at a time."""
    found, eos, pad = [], model.config.eos_token_id, model.config.pad_token_id
    for start in range(0, len(sources), 25):
        rows = padded(sources[start : start + 25], pad)
        with torch.inference_mode():
            tokens = model.generate(
                rows,
                attention_mask=(rows != pad).long(),
                num_beams=beam,
                early_stopping=beam > 1,
                max_length=LONGEST + 1,
            )
        found += tokens[:, 1:].tolist()
    return [row[: row.index(eos) + 1] if eos in row else row for row in found]


def gap(model: Any, source: list[int], ours: list[int], theirs: list[int], *, beam: int) -> float:
    """How far apart what decides is, in binary64: greedy, the two logits; else the two scores."""
    with torch.inference_mode():
        start = model.config.decoder_start_token_id
        scores = []
        for tokens in (ours, theirs):
            target = torch.tensor([[start, *tokens[:-1]]])
            logits = model(input_ids=torch.tensor([source]), decoder_input_ids=target).logits[0]
            scores.append(logits)
        if beam == 1:
            first = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b)
            return abs(float(scores[0][first, ours[first]] - scores[0][first, theirs[first]]))
        means = [
            float(logits.log_softmax(-1)[range(len(tokens)), tokens].sum()) / len(tokens)
            for logits, tokens in zip(scores, (ours, theirs), strict=True)
        ]
        return abs(means[0] - means[1])


def compare(work: Path, lines: list[str], kind: str) -> int:
    """Prints how many translations are equal, and of each that is not how near the two were. Returns how many
    are no tie."""
    ours = ModelDirectory.open(work / "ours")
    peer = transformers.AutoModelForSeq2SeqLM.from_pretrained(work / "theirs").eval()
    exact = transformers.AutoModelForSeq2SeqLM.from_pretrained(work / "theirs").eval().double()
    tokenizer, _ = ours.tokenizers()
    peer_tokenizer = transformers.AutoTokenizer.from_pretrained(work / "theirs")
    prefix: tuple[int, ...] = ()
    if ours.languages is not None:
        prefix = ours.languages.direction(None, "de", ("mul", "mul")).source_prefix
    texts = [f"<2de> {line}" if kind == "madlad" else line for line in lines]
    sources = [[*prefix, *tokenizer.encode(line), ours.config.eos_id] for line in lines]
    same = sum(peer_tokenizer(text).input_ids == source for text, source in zip(texts, sources, strict=True))
    print(f"source ids: {same} of {len(lines)} equal")
    engine, far = Engine(ours, precision="float32", threads=1), 0
    for beam in (1, 4):
        options = SearchOptions.from_defaults(
            ours.search, beam=beam, max_length=LONGEST, length_ratio=0.0, length_margin=LONGEST
        )
        found = engine.translate([np.array(source[:-1], np.int32) for source in sources], options)
        expected = generated(peer, sources, beam)
        equal = 0
        for line, source, (best, *_), theirs in zip(lines, sources, found, expected, strict=True):
            mine = [*best.tokens.tolist(), *([ours.config.eos_id] if best.complete else [])]
            if mine == theirs:
                equal += 1
                continue
            apart = gap(exact, source, mine, theirs, beam=beam)
            far += apart > 1e-5
            print(f"beam {beam}: {'a tie' if apart <= 1e-5 else 'NO TIE'}, {apart:.2e} apart: {line}")
        different = len(set(map(tuple, expected)))
        print(f"beam {beam}: {equal} of {len(lines)} equal; {different} different translations", flush=True)
    return far


def make(arguments: argparse.Namespace) -> None:
    """Trains a model, keeps it as Transformers does, and converts it."""
    theirs = arguments.work / "theirs"
    data = pieces_of([arguments.source, arguments.target], arguments.kind)
    processor = sentencepiece.SentencePieceProcessor(model_proto=data)
    before = "<2de> " if arguments.kind == "madlad" else ""
    model = new_model(arguments.kind)
    eos = model.config.eos_token_id
    lines = [path.read_text("utf-8").splitlines() for path in (arguments.source, arguments.target)]
    pairs = [
        ([*processor.encode(before + source), eos], [*processor.encode(target), eos])
        for source, target in zip(*lines, strict=True)
    ]
    train(model, pairs, arguments.steps)
    model.save_pretrained(theirs)
    (theirs / "spiece.model").write_bytes(data)
    convert(theirs, arguments.work / "ours")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="training text, a sentence a line")
    parser.add_argument("target", type=Path, help="its translations")
    parser.add_argument("test", type=Path, help="what is translated")
    parser.add_argument("--kind", choices=KINDS, default="t5")
    parser.add_argument(
        "--work",
        type=Path,
        required=True,
        help="a folder for both models, which are used where they are there",
    )
    parser.add_argument("--steps", type=int, default=600, help="0: random weights")
    parser.add_argument("--sentences", type=int, default=200)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    if not (arguments.work / "ours").exists():
        make(arguments)
    test = arguments.test.read_text("utf-8").splitlines()[: arguments.sentences]
    return int(compare(arguments.work, test, arguments.kind) > 0)


if __name__ == "__main__":
    sys.exit(main())
