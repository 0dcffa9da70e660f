"""Source words a second of a model of Firefox's shape on one core, by Octavo and by others.

    python benchmarks/firefox.py --text train.en train.de --source test.en --output firefox \\
        --python-bergamot venv310/bin/python --python-pymarian venv311/bin/python --python-fxtranslate ...

The model is Firefox's tiny (256 wide, 6 + 2 layers with SSRU, 8 heads, feed-forward networks of 1536, 32,000
tokens) with random weights, written by this script in Marian's formats: .npz for pymarian, which has no such
int8, and .intgemm.alphas.bin with a lexical shortlist of 50 + 50 tokens for Octavo, bergamot and fxtranslate.
EOS never comes, so that every translation is twice as long as its source, where all of them stop (Marian and
bergamot at twice the longest source of a batch; so there is a ratio for each token written, too). Text in and
out, greedy. Each contestant has a process of its own, pinned to --core; all take their turns in interleaved
rounds. Writes OUTPUT.md and OUTPUT.json.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from benchmarks.marian_files import SETTINGS, bin_bytes, is_product, lexical_bytes

from octavo.conversion import convert
from octavo.conversion.marian.shortlist import LexicalShortlist
from octavo.conversion.to_marian import settings_text
from octavo.machine import cpu_model
from octavo.model.config import Mixer, ModelConfig, NormPlacement, Positions
from octavo.race import Spread, paired_ratio, race

OCTAVO = "octavo"
OTHERS = ("bergamot", "pymarian", "fxtranslate")
FIRST = BEST = 50
RATIO = 2.0
LARGEST_INPUT = 8.0
NEVER = -1000.0
PYMARIAN = (
    f"-b 1 --normalize 1 --max-length-factor {RATIO} --cpu-threads 1 --mini-batch 32 --maxi-batch 100 "
    "--maxi-batch-sort src --skip-cost --quiet --quiet-translation"
)
BIAS = "decoder_ff_logit_out_b"


def tensors(shape: argparse.Namespace) -> dict[str, np.ndarray]:
    """Random weights by Marian's names."""
    random = np.random.default_rng(shape.seed)
    d, ffn = shape.width, shape.ffn
    found: dict[str, np.ndarray] = {}

    def product(place: str, letter: str, rows: int, columns: int, *, biased: bool = True) -> None:
        found[f"{place}_W{letter}"] = random.normal(size=(rows, columns), scale=rows**-0.5).astype(np.float32)
        if biased:
            found[f"{place}_b{letter}"] = random.normal(size=(1, columns), scale=0.1).astype(np.float32)

    def norm(place: str) -> None:
        found[f"{place}_ln_scale"] = random.uniform(0.8, 1.2, (1, d)).astype(np.float32)
        found[f"{place}_ln_bias"] = random.normal(size=(1, d), scale=0.1).astype(np.float32)

    def attention(place: str) -> None:
        for letter in "qkvo":
            product(place, letter, d, d)
        norm(f"{place}_Wo")

    found["Wemb"] = random.normal(size=(shape.tokens, d), scale=d**-0.5).astype(np.float32)
    found[BIAS] = np.zeros((1, shape.tokens), np.float32)
    found[BIAS][0, 0] = NEVER
    for side, layers in (("encoder", shape.layers[0]), ("decoder", shape.layers[1])):
        for layer in range(1, layers + 1):
            place = f"{side}_l{layer}"
            if side == "encoder":
                attention(f"{place}_self")
            else:
                product(f"{place}_rnn", "", d, d, biased=False)
                product(f"{place}_rnn", "f", d, d)
                norm(f"{place}_rnn_ffn")
                attention(f"{place}_context")
            product(f"{place}_ffn", "1", d, ffn)
            product(f"{place}_ffn", "2", ffn, d)
            norm(f"{place}_ffn_ffn")
    return found


def configuration_of(shape: argparse.Namespace) -> ModelConfig:
    """The model, with the token that Octavo appends."""
    start = shape.tokens
    return ModelConfig(
        d_model=shape.width,
        ffn_dim=shape.ffn,
        encoder_layers=shape.layers[0],
        decoder_layers=shape.layers[1],
        attention_heads=shape.heads,
        source_vocab_size=start + 1,
        target_vocab_size=start + 1,
        max_positions=1024,
        norm=NormPlacement.POST,
        positions=Positions.TENSOR2TENSOR,
        eos_id=0,
        pad_id=start,
        decoder_start_id=start,
        suppressed_ids=(1, start),
        decoder_mixer=Mixer.SSRU,
    )


def write_files(shape: argparse.Namespace, weights: dict[str, np.ndarray], folder: Path) -> None:
    """The model in both of Marian's formats. All inputs are normed or small, so one scale does for all."""
    text = settings_text(configuration_of(shape))
    (folder / "npz").mkdir()  # one model in each folder
    np.savez(
        folder / "npz" / "model.npz", **weights, **{SETTINGS: np.frombuffer(text.encode() + b"\0", np.int8)}
    )
    alphas = {name: 127 / LARGEST_INPUT for name in weights if is_product(name)}
    (folder / "model.ende.intgemm.alphas.bin").write_bytes(
        bin_bytes(weights, text, {**alphas, "none": 127 / LARGEST_INPUT})
    )


def write_texts(shape: argparse.Namespace, folder: Path) -> None:
    """The vocabulary, and a shortlist of random tokens."""
    sentencepiece.SentencePieceTrainer.train(
        input=[str(path) for path in shape.text],
        model_prefix=str(folder / "vocab.ende"),
        vocab_size=shape.tokens,
        eos_id=0,
        unk_id=1,
        bos_id=-1,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    (folder / "vocab.ende.model").rename(folder / "vocab.ende.spm")
    (folder / "vocab.ende.vocab").unlink()
    random = np.random.default_rng(shape.seed)
    lists = [random.choice(shape.tokens, BEST, replace=False).tolist() for _ in range(shape.tokens)]
    (folder / "lex.50.50.ende.s2t.bin").write_bytes(lexical_bytes(lists, FIRST, BEST))
    LexicalShortlist.read(folder / "lex.50.50.ende.s2t.bin")


def prepare(shape: argparse.Namespace, folder: Path) -> Path:
    """Write the files and convert them. Returns the converted model."""
    folder.mkdir()
    write_texts(shape, folder)
    write_files(shape, tensors(shape), folder)
    model = folder.with_name(f"{folder.name}-octavo")
    convert(folder / "model.ende.intgemm.alphas.bin", model)
    return model


@contextmanager
def contestant(name: str, python: Path, work: dict[str, Any], folder: Path) -> Iterator[Any]:
    """A function that lets a contestant translate once, and returns its answer."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**work, "name": name}), encoding="utf-8")
    worker = Path(__file__).with_name("firefox_worker.py")
    command = [str(python), str(worker), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout

        def translate() -> dict[str, Any]:
            print(file=process.stdin, flush=True)
            answer = process.stdout.readline()
            if not answer:
                raise SystemExit(f"{name} ended; see above")
            found: dict[str, Any] = json.loads(answer)
            return found

        yield translate
        process.stdin.close()


def configuration(folder: Path) -> str:
    """What bergamot is told."""
    vocabulary = folder / "vocab.ende.spm"
    return (
        f"models: [{folder / 'model.ende.intgemm.alphas.bin'}]\nvocabs: [{vocabulary}, {vocabulary}]\n"
        f"shortlist: [{folder / 'lex.50.50.ende.s2t.bin'}, false]\n"
        "beam-size: 1\nnormalize: 1.0\nword-penalty: 0\nmax-length-break: 128\n"
        "mini-batch-words: 1024\nworkspace: 128\n"
        f"max-length-factor: {RATIO}\nskip-cost: true\ncpu-threads: 0\nquiet: true\nquiet-translation: true\n"
        "gemm-precision: int8shiftAlphaAll\nssplit-mode: sentence\nalignment: soft\n"
    )


def report(
    found: dict[str, list[dict[str, Any]]], words: int, vocabulary: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Figures of each contestant."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary))

    def tokens(rounds: list[dict[str, Any]]) -> int:
        return sum(map(len, processor.encode(rounds[-1]["texts"])))

    speeds = {name: [words / each["seconds"] for each in rounds] for name, rounds in found.items()}
    figures: dict[str, Any] = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "cpu": cpu_model(),
        "shape": {key: getattr(options, key) for key in ("width", "ffn", "layers", "heads", "tokens")},
        "rounds": options.rounds,
        "contestants": {},
    }
    for name, values in speeds.items():
        spread = Spread.of(values)
        produced = tokens(found[name])
        times = paired_ratio(speeds[OCTAVO], values).median
        figures["contestants"][name] = {
            "words_per_second": [spread.median, spread.low, spread.high],
            "octavo_is_times": times,
            "tokens_written": produced,
            "octavo_is_times_for_each_token": times * tokens(found[OCTAVO]) / produced,
            "same_as_octavo": sum(
                ours.startswith(theirs) or theirs.startswith(ours)
                for ours, theirs in zip(found[OCTAVO][-1]["texts"], found[name][-1]["texts"], strict=True)
            ),
        }
    return figures


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    shape = figures["shape"]
    head = (
        f"Firefox's shape: {shape['width']}/{shape['ffn']}, {shape['layers'][0]} + {shape['layers'][1]} "
        f"layers with SSRU, {shape['heads']} heads, {shape['tokens']:,} tokens, random weights; one core of "
        f"{figures['cpu']}; greedy, with shortlist (pymarian: float32, without); medians of "
        f"{figures['rounds']} interleaved rounds; {figures['date']}."
    )
    lines = [
        head,
        "",
        "| | source words/s | least to most | Octavo: times | by tokens | tokens written | same start |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, each in figures["contestants"].items():
        median, low, high = each["words_per_second"]
        lines.append(
            f"| {name} | {median:,.0f} | {low:,.0f} to {high:,.0f} | {each['octavo_is_times']:.2f} | "
            f"{each['octavo_is_times_for_each_token']:.2f} | "
            f"{each['tokens_written']:,} | {each['same_as_octavo']:,} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="what the vocabulary is made of")
    parser.add_argument("--source", type=Path, required=True, help="what is translated, a sentence a line")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--ffn", type=int, default=1536)
    parser.add_argument("--layers", type=int, nargs=2, default=[6, 2], metavar=("ENCODER", "DECODER"))
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=32_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    for name in OTHERS:
        parser.add_argument(f"--python-{name}", type=Path, help=f"a Python that has {name}")
    options = parser.parse_args(arguments)
    words = sum(len(line.split()) for line in options.source.read_text(encoding="utf-8").splitlines())
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as running:
        folder = Path(scratch) / "firefox"
        model = prepare(options, folder)
        (folder / "bergamot.yml").write_text(configuration(folder), encoding="utf-8")
        vocabulary = folder / "vocab.ende.spm"
        work = {
            "core": options.core,
            "source": str(options.source.resolve()),
            "octavo": str(model),
            "bergamot": str(folder / "bergamot.yml"),
            "pymarian": f"-m {folder / 'npz' / 'model.npz'} -v {vocabulary} {vocabulary} {PYMARIAN}",
            "bin": str(folder / "model.ende.intgemm.alphas.bin"),
            "vocabulary": str(vocabulary),
            "shortlist": str(folder / "lex.50.50.ende.s2t.bin"),
        }
        pythons = {OCTAVO: Path(sys.executable)}
        pythons |= {name: python for name in OTHERS if (python := getattr(options, f"python_{name}"))}
        contestants = {
            name: running.enter_context(contestant(name, python, work, Path(scratch)))
            for name, python in pythons.items()
        }
        found = race(
            contestants,
            options.rounds,
            advance=lambda name, turn, result: print(
                f"round {turn}: {name} {result['seconds']:.2f} s", flush=True
            ),
        )
        figures = report(found, words, vocabulary, options)
    options.output.with_suffix(".json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    options.output.with_suffix(".md").write_text(table(figures), encoding="utf-8")
    print(table(figures))


if __name__ == "__main__":
    main()
