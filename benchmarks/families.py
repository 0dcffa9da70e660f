"""Each family of Hugging Face models, trained briefly: Octavo beside generate(), and int8 beside float32.

    PYTHONPATH=. python benchmarks/families.py multi30k --output families
    PYTHONPATH=. python benchmarks/families.py multi30k --kinds nllb mbart50 --steps 800

For each kind a small model is trained on the pairs of the folder's train.en and train.de, saved as
Transformers saves it, and converted. Then translations of the first sentences of test_2016_flickr.en are
compared token by token, greedy and with beam 4, in float32. A difference is explained where one of the
two is at the length cap, or where both have the same score but for rounding. BLEU is that of all test
sentences with beam 4, through `octavo.load`.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import sentencepiece
import torch
from tests.conversion.multilingual import KINDS, Peer, translate, write_multilingual

import octavo
from octavo.artifact import ModelDirectory
from octavo.conversion import convert
from octavo.evaluation.quality import measure_quality
from octavo.quantization import quantize_model

VOCABULARY: Final = 2000
CAP: Final = 60
SAME_SCORE: Final = 1e-4
EOS: Final = 2
PAD: Final = 1
SHAPE: Final = {
    "d_model": 96,
    "encoder_ffn_dim": 192,
    "decoder_ffn_dim": 192,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "init_std": 0.05,
}


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def vocabulary(texts: Sequence[str], kind: str) -> bytes:
    """A sentencepiece file of these texts."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=VOCABULARY,
        model_type=kind,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


class Around:
    """What stands before and after the source, what is forced, and what the decoder starts from."""

    def __init__(self, peer: Peer, ours: ModelDirectory) -> None:
        direction = ours.direction(peer.source or None, peer.target or None)
        self.before = list(direction.source_prefix)
        self.after = list(direction.source_suffix) or [EOS]
        self.forced = list(direction.target_prefix)
        self.start = ours.config.decoder_start_id
        self.appended = len([EOS]) if ours.config.source_eos else 0

    def source(self, ids: list[int]) -> list[int]:
        """As the encoder reads it."""
        return [*self.before, *ids, *self.after]

    def given(self, source: list[int]) -> list[int]:
        """Without what the engine appends."""
        return source[: len(source) - self.appended]


def padded(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows])


def batches(
    pairs: Sequence[tuple[list[int], list[int]]], size: int
) -> Iterator[list[tuple[list[int], list[int]]]]:
    """Pairs of similar length, in any order, for ever."""
    rng = np.random.default_rng(0)
    order = sorted(pairs, key=lambda pair: len(pair[0]) + len(pair[1]))
    while True:
        for start in rng.permutation(range(0, len(order), size)):
            yield order[start : start + size]


def train(peer: Peer, around: Around, pairs: Sequence[tuple[list[int], list[int]]], steps: int) -> float:
    """Train in place; the mean loss of the last tenth."""
    peer.model.train()
    optimizer = torch.optim.AdamW(peer.model.parameters(), lr=3e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    losses = []
    for _, batch in zip(range(steps), batches(pairs, 64), strict=False):
        sources = padded([around.source(source) for source, _ in batch], PAD)
        targets = [[*around.forced, *target, EOS] for _, target in batch]
        labels = padded(targets, -100)
        fed = padded([[around.start, *target[:-1]] for target in targets], PAD)
        found = peer.model(
            input_ids=sources, attention_mask=(sources != PAD).long(), decoder_input_ids=fed, labels=labels
        )
        optimizer.zero_grad()
        found.loss.backward()
        torch.nn.utils.clip_grad_norm_(peer.model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(found.loss.item())
    peer.model.eval()
    return float(np.mean(losses[-max(1, steps // 10) :]))


def score(peer: Peer, around: Around, source: list[int], tokens: list[int]) -> float:
    """Mean log-probability of the tokens and EOS, those that are forced costing nothing."""
    wanted = torch.tensor([*tokens, EOS])
    with torch.no_grad():
        logits = peer.model(
            input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[around.start, *tokens]])
        ).logits[0]
    chosen = torch.log_softmax(logits.double(), -1)[torch.arange(len(wanted)), wanted]
    return float(chosen[len(around.forced) :].sum() / len(wanted))


def compare(
    peer: Peer, ours: ModelDirectory, around: Around, sources: Sequence[list[int]], beam: int
) -> dict[str, int]:
    """How many translations are the same, and why others are not."""
    counts = {"same": 0, "cap": 0, "tie": 0, "unexplained": 0}
    forced: dict[str, Any] = {"forced_bos_token_id": around.forced[0]} if around.forced else {}
    given = [around.given(source) for source in sources]
    own = translate(ours, given, around.forced, beam=beam, max_length=CAP)
    for start in range(0, len(sources), 25):
        theirs = peer.generate(
            sources[start : start + 25], num_beams=beam, early_stopping=beam > 1, max_length=CAP + 1, **forced
        )
        for source, one, other in zip(sources[start:], own[start:], theirs, strict=False):
            if one == other:
                counts["same"] += 1
            elif max(len(one), len(other)) >= CAP - 1:
                counts["cap"] += 1
            elif abs(score(peer, around, source, one) - score(peer, around, source, other)) < SAME_SCORE:
                counts["tie"] += 1
            else:
                counts["unexplained"] += 1
    return counts


def bleu(model: Path, peer: Peer, sources: list[str], references: list[str], precision: Any) -> float:
    """Of all sentences, from text to text."""
    translator = octavo.load(model, precision=precision, threads=1)
    languages = {"source": peer.source or None, "to": peer.target or None}
    found = translator(sources, beam=4, **languages)
    return measure_quality([one.text for one in found], references).bleu


def run(kind: str, data: Path, output: Path, steps: int, sentences: int) -> str:
    """Train, convert, compare and quantize one kind: a row of the table."""
    english, german = lines(data / "train.en"), lines(data / "train.de")
    spm = vocabulary([*english[:8000], *german[:8000]], "unigram" if "bart" in kind else "bpe")
    folder = output / kind
    peer = write_multilingual(folder / "theirs", kind, data=spm, **SHAPE)
    convert(peer.path, folder / "untrained")
    around = Around(peer, ModelDirectory.open(folder / "untrained"))
    pairs = [
        (peer.text_ids(one), peer.text_ids(other))
        for one, other in zip(english, german, strict=True)
        if len(one) + len(other) < 160
    ]
    started = time.perf_counter()
    loss = train(peer, around, pairs, steps)
    seconds = time.perf_counter() - started
    peer.model.save_pretrained(peer.path)
    convert(peer.path, folder / "float32")
    ours = ModelDirectory.open(folder / "float32")
    quantize_model(folder / "float32", folder / "int8")
    test, references = lines(data / "test_2016_flickr.en"), lines(data / "test_2016_flickr.de")
    sources = [around.source(peer.text_ids(line)) for line in test[:sentences]]
    greedy, beam = (compare(peer, ours, around, sources, size) for size in (1, 4))
    full = bleu(folder / "float32", peer, test, references, "float32")
    short = bleu(folder / "int8", peer, test, references, "int8")

    def cell(counts: dict[str, int]) -> str:
        others = ", ".join(f"{count} {why}" for why, count in counts.items() if why != "same" and count)
        return f"{counts['same']} of {len(sources)}" + (f" ({others})" if others else "")

    return (
        f"| {kind} | {cell(greedy)} | {cell(beam)} | {full:.2f} | {short:.2f} | {full - short:+.2f} "
        f"| {loss:.2f} | {seconds:.0f} |"
    )


def main() -> None:
    """Parse, run, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("data", type=Path, help="folder with train.en, train.de and test_2016_flickr.*")
    parser.add_argument("--output", type=Path, help="where models stay; default: a temporary folder")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--sentences", type=int, default=200)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("| family | greedy | beam 4 | BLEU float32 | BLEU int8 | loss in BLEU | training loss | seconds |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for kind in asked.kinds:
            print(
                run(kind, asked.data, asked.output or Path(scratch), asked.steps, asked.sentences), flush=True
            )


if __name__ == "__main__":
    main()
