"""A model of the shape of NLLB-200-distilled-600M: what converting, quantizing and running it take.

    python benchmarks/nllb_shape.py make nllb                      # Hugging Face directory, float32, 2.5 GB
    python benchmarks/nllb_shape.py prepare nllb --output models   # octavo convert, octavo quantize, export
    python benchmarks/nllb_shape.py run models --sentences 20      # Octavo int8 beside CTranslate2 int8

Weights are random, so that translations mean nothing; their lengths are forced. `prepare` prints time, peak
memory and bytes of each step, `run` target tokens per second and peak memory of each engine, every round in a
process of its own, interleaved. CTranslate2 gets the model that `octavo export --to ctranslate2` writes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from octavo.artifact.tensors_file import save_tensors
from octavo.conversion.piece_table import Algorithm, Kind, Piece, PieceTable

D_MODEL: Final = 1024
FFN: Final = 4096
LAYERS: Final = 12
HEADS: Final = 16
PIECES: Final = 256_000
CODES: Final = (
    "eng_Latn",
    "deu_Latn",
    *(f"{a}{b}x_Latn" for a in "abcdefgh" for b in "abcdefghijklmnopqrstuvwxy"),
)
VOCABULARY: Final = PIECES + 1 + len(CODES) + 3
LENGTH: Final = 32


class RandomTensors(Mapping[str, np.ndarray]):
    """The weights by Hugging Face's names, each made when it is asked for, the same every time."""

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {"model.shared.weight": (VOCABULARY, D_MODEL)}
        for stack in ("encoder", "decoder"):
            self._norm(f"model.{stack}.layer_norm")
            for layer in range(LAYERS):
                name = f"model.{stack}.layers.{layer}"
                for attention in ("self_attn", "encoder_attn")[: 1 + (stack == "decoder")]:
                    for product in ("q_proj", "k_proj", "v_proj", "out_proj"):
                        self._product(f"{name}.{attention}.{product}", D_MODEL, D_MODEL)
                    self._norm(f"{name}.{attention}_layer_norm")
                self._product(f"{name}.fc1", FFN, D_MODEL)
                self._product(f"{name}.fc2", D_MODEL, FFN)
                self._norm(f"{name}.final_layer_norm")

    def _norm(self, name: str) -> None:
        self.shapes |= {f"{name}.weight": (D_MODEL,), f"{name}.bias": (D_MODEL,)}

    def _product(self, name: str, outputs: int, inputs: int) -> None:
        self.shapes |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}

    def __getitem__(self, name: str) -> np.ndarray:
        shape = self.shapes[name]
        values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, np.float32)
        if len(shape) == 1:
            return values * np.float32(0.02) + np.float32(name.endswith("norm.weight"))
        values *= np.float32(shape[1] ** -0.5)
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def make(path: Path) -> None:
    """Write the directory."""
    path.mkdir(parents=True)
    save_tensors(RandomTensors(), path / "model.safetensors", metadata={"format": "pt"})
    letters = [chr(code) for code in range(0x21, 0x7F)]
    names = ["<unk>", "<s>", "</s>", "▁", *letters, *(f"▁{letter}" for letter in letters)]
    names += [f"▁w{i}" for i in range(PIECES - len(names))]
    kinds = [Kind.UNKNOWN, Kind.CONTROL, Kind.CONTROL]
    pieces = [
        Piece(name, -float(i), kinds[i] if i < len(kinds) else Kind.NORMAL) for i, name in enumerate(names)
    ]
    table = PieceTable.made(
        pieces, Algorithm.BPE, character_map=b"", prefix=True, removes_spaces=True, byte_fallback=False
    )
    (path / "sentencepiece.bpe.model").write_bytes(table.to_bytes())
    config = {
        "architectures": ["M2M100ForConditionalGeneration"],
        "model_type": "m2m_100",
        "d_model": D_MODEL,
        "encoder_layers": LAYERS,
        "decoder_layers": LAYERS,
        "encoder_ffn_dim": FFN,
        "decoder_ffn_dim": FFN,
        "encoder_attention_heads": HEADS,
        "decoder_attention_heads": HEADS,
        "vocab_size": VOCABULARY,
        "activation_function": "relu",
        "scale_embedding": True,
        "max_position_embeddings": 1024,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
    }
    added = {str(PIECES + 1 + i): {"content": code, "special": True} for i, code in enumerate(CODES)}
    (path / "config.json").write_text(json.dumps(config))
    (path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "NllbTokenizer", "added_tokens_decoder": added})
    )


def measured(label: str, command: list[str]) -> str:
    """Run a command, print its time and its peak memory, and return what it printed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    print(f"{label}: {seconds:.1f} s, {usage.ru_maxrss / 1024:.0f} MiB", flush=True)
    if status:
        raise SystemExit(f"{label} failed")
    return printed


def octavo(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "octavo", *map(str, arguments)]


def prepare(source: Path, output: Path) -> None:
    """Convert, quantize and export, each in a process of its own."""
    output.mkdir(parents=True)
    measured("octavo convert", octavo("convert", source, "-o", output / "float32"))
    measured("octavo quantize", octavo("quantize", output / "float32", "-o", output / "int8"))
    measured(
        "octavo export",
        octavo("export", output / "int8", "--to", "ctranslate2", "--dtype", "int8", "-o", output / "ct2"),
    )
    sizes = {name: (output / name / "model.safetensors").stat().st_size for name in ("float32", "int8")}
    print(
        f"bytes: {sizes['float32']:,} float32, {sizes['int8']:,} int8: {sizes['int8'] / sizes['float32']:.4f}"
    )


def sources(sentences: int) -> list[list[int]]:
    """Sentences of 8 to 40 tokens, a language before them and EOS not with them."""
    rng = np.random.default_rng(1)
    return [[PIECES + 1, *rng.integers(200, PIECES, rng.integers(8, 41)).tolist()] for _ in range(sentences)]


def worker(engine: str, models: Path, sentences: int, beam: int, threads: int) -> dict[str, Any]:
    """Translate once to warm up, then all; tokens per second and peak memory."""
    lines, target = sources(sentences), PIECES + 2
    if engine == "octavo":
        from octavo.artifact import ModelDirectory
        from octavo.engine import Engine, SearchOptions

        model = ModelDirectory.open(models / "int8")
        own = Engine(model, precision="int8", threads=threads)
        options = SearchOptions(
            beam=beam, min_length=LENGTH, max_length=LENGTH, length_ratio=10.0, length_margin=LENGTH
        )

        def translate(some: list[list[int]]) -> int:
            found = own.translate(some, options, target_prefixes=[[target]] * len(some))
            return sum(len(one[0].tokens) for one in found)
    else:
        import ctranslate2

        peer = ctranslate2.Translator(
            str(models / "ct2"), compute_type="int8", inter_threads=1, intra_threads=threads
        )
        names = json.loads((models / "ct2" / "shared_vocabulary.json").read_text())

        def translate(some: list[list[int]]) -> int:
            found = peer.translate_batch(
                [[names[token] for token in line] for line in some],
                target_prefix=[[names[target]]] * len(some),
                beam_size=beam,
                min_decoding_length=LENGTH,
                max_decoding_length=LENGTH,
                max_batch_size=32,
            )
            return sum(len(one.hypotheses[0]) for one in found)

    translate(lines[:2])
    started = time.perf_counter()
    tokens = translate(lines)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"tokens_per_second": tokens / seconds, "peak_mib": peak, "tokens": tokens}


def race(models: Path, sentences: int, beam: int, threads: int, rounds: int) -> None:
    """Both engines in turn, and the medians."""
    results: dict[str, list[dict[str, Any]]] = {"octavo": [], "ctranslate2": []}
    for _ in range(rounds):
        for engine, found in results.items():
            command = [sys.executable, __file__, "worker", str(models), "--engine", engine]
            command += ["--sentences", str(sentences), "--beam", str(beam), "--threads", str(threads)]
            found.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    medians = {
        engine: {key: statistics.median(one[key] for one in found) for key in found[0]}
        for engine, found in results.items()
    }
    for engine, median in medians.items():
        print(
            f"{engine}: {median['tokens_per_second']:.1f} tokens/s, {median['peak_mib']:.0f} MiB, "
            f"{median['tokens']:.0f} tokens"
        )
    own, peer = medians["octavo"], medians["ctranslate2"]
    print(
        f"octavo / ctranslate2: speed {own['tokens_per_second'] / peer['tokens_per_second']:.2f}, memory "
        f"{own['peak_mib'] / peer['peak_mib']:.2f} (beam {beam}, {threads} threads, {rounds} rounds)"
    )


def main() -> None:
    """Parse and do one step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("step", choices=["make", "prepare", "run", "worker"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--output", type=Path, help="where prepare writes the models")
    parser.add_argument("--engine", choices=["octavo", "ctranslate2"], default="octavo")
    parser.add_argument("--sentences", type=int, default=20)
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if asked.step == "make":
        make(asked.path)
    elif asked.step == "prepare":
        prepare(asked.path, asked.output or asked.path.with_name("models"))
    elif asked.step == "run":
        race(asked.path, asked.sentences, asked.beam, asked.threads, asked.rounds)
    else:
        print(json.dumps(worker(asked.engine, asked.path, asked.sentences, asked.beam, asked.threads)))


if __name__ == "__main__":
    main()
