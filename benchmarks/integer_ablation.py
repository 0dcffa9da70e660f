"""What integers cost an Integer Transformer, and where: loss, divergence and BLEU of every form in numpy.

    python benchmarks/integer_ablation.py --model FLOAT_MODEL --calibrate train.en train.de \
        --source val.en --reference val.de [--limit 300] [--translate 200 --beam 1] [--frozen INTEGER_MODEL]

Loss and divergence are teacher-forced on the references; intervals are 95 %, over sentences. ``--translate``:
so many sentences are also searched by every form and scored. Writes OUTPUT.json and OUTPUT.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from integer_ablation_search import translate
from integer_dynamic import DynamicArithmetic, DynamicForm
from integer_mixed import MixedArithmetic, Part
from integer_stream import ShiftedStreamArithmetic

from octavo.artifact import ModelDirectory
from octavo.evaluation.significance import PairedBootstrap
from octavo.integer import ForwardPass, RealArithmetic, RealTransformer, SiteScales
from octavo.integer.choose_scales import RESIDUAL_MARGIN, choose_scales
from octavo.integer.freeze import freeze
from octavo.integer.site_scales import head_sites
from octavo.model.config import ModelConfig
from octavo.quantization.observers import HeadStatistics, SiteStatistics
from octavo.quantization.tensor_model import TensorSource
from octavo.scale_propagation import ScaledTensor
from octavo.simulation.integer_arithmetic import StaticArithmetic

FLOAT: Final = "float"
BATCH_SENTENCES: Final = 32

Pair = tuple[list[int], list[int]]


@dataclasses.dataclass(frozen=True)
class Form:
    """A way to run the model. ``real``: its logits as real numbers. ``alone``: sentences share no batch."""

    forward: ForwardPass[Any]
    real: Callable[[Any], np.ndarray]
    alone: bool = False


def calibrated(model: TensorSource, pairs: Sequence[Pair]) -> SiteScales:
    """Scales of every site from what real arithmetic shows on the pairs."""
    config, split = model.config, frozenset(head_sites(model.config))
    tensors: dict[str, SiteStatistics] = {}
    heads: dict[str, HeadStatistics] = {}

    def visit(site: str, rows: np.ndarray) -> None:
        if site in split:
            heads.setdefault(site, HeadStatistics(site, config.d_model, config.attention_heads)).add(rows)
        else:
            tensors.setdefault(site, SiteStatistics(site, rows.shape[1])).add(rows)

    simulation = RealTransformer(model, visit, np.float32)
    for source, target in pairs:
        simulation.logits(source, target)
    return choose_scales(model, tensors, heads)


def static_form(model: TensorSource, stream_shift: int = 0) -> Form:
    """A model of scheme integer, its residual stream wider or narrower by so many bits."""
    arithmetic = ShiftedStreamArithmetic(model, stream_shift) if stream_shift else StaticArithmetic(model)
    scales = model.integer_scales
    assert scales is not None
    return Form(ForwardPass(model.config, arithmetic), lambda y: y / scales.logits)


def dynamic_form(model: TensorSource, form: DynamicForm) -> Form:
    """The paper's form."""

    def real(y: ScaledTensor) -> np.ndarray:
        return y.dequantize()

    return Form(ForwardPass(model.config, DynamicArithmetic(model, form)), real, not form.scale_per_row)


def mixed_form(model: TensorSource, integer: TensorSource, scales: SiteScales, part: Part) -> Form:
    """One part static, the rest real."""
    stated = integer.integer_scales
    assert stated is not None
    real, static = RealArithmetic(model), StaticArithmetic(integer)
    mixed = MixedArithmetic(real, static, scales, stated.logits, [part])
    return Form(ForwardPass(model.config, mixed), np.asarray)


def forms(model: TensorSource, scales: SiteScales, frozen: TensorSource | None) -> dict[str, Form]:
    """Every row of the report; the first is what the others are compared with."""
    integer = freeze(model, scales)
    # 8 bits are too few to leave one of them to values that were never seen.
    narrow = dataclasses.replace(
        scales,
        encoder_residual=scales.encoder_residual * RESIDUAL_MARGIN,
        decoder_residual=scales.decoder_residual * RESIDUAL_MARGIN,
    )
    widest = 15 - math.ceil(math.log2(model.config.d_model))  # what the L1 norm leaves of 32 bits
    found = {
        FLOAT: Form(ForwardPass(model.config, RealArithmetic(model)), np.asarray),
        "static": static_form(integer),
        "dynamic": dynamic_form(model, DynamicForm()),
    }
    if frozen is not None:
        found["static, the model given"] = static_form(frozen)
    for part in Part:
        found[f"only {part} in integers"] = mixed_form(model, integer, scales, part)
    found["static, int8 residual"] = static_form(freeze(model, narrow), -8)
    found["static, int32 residual"] = static_form(integer, widest)
    for bits in (8, 32):
        found[f"dynamic, int{bits} residual"] = dynamic_form(model, DynamicForm(residual_bits=bits))
    for per_row, per_channel in ((False, True), (True, False), (False, False)):
        form = DynamicForm(scale_per_row=per_row, scale_per_channel=per_channel)
        rows = "a row" if per_row else "a sentence"
        found[f"dynamic, a scale {rows}, weights one {'a channel' if per_channel else 'in all'}"] = (
            dynamic_form(model, form)
        )
    return found


def batches(pairs: Sequence[Pair]) -> list[list[int]]:
    """Indices of sentences with sources of one length: no source is padded."""
    by_length: dict[int, list[int]] = {}
    for index, (source, _) in enumerate(pairs):
        by_length.setdefault(len(source), []).append(index)
    groups = by_length.values()
    return [g[i : i + BATCH_SENTENCES] for g in groups for i in range(0, len(g), BATCH_SENTENCES)]


def forced_logits(form: Form, config: ModelConfig, pairs: Sequence[Pair]) -> list[np.ndarray]:
    """[len(target) + 1, vocabulary] of pairs with sources of one length; a target's padding is never seen."""
    if form.alone and len(pairs) > 1:
        return [forced_logits(form, config, [pair])[0] for pair in pairs]
    width = max(len(target) for _, target in pairs)
    eos = [config.eos_id] if config.source_eos else []
    sources = np.array([[*source, *eos] for source, _ in pairs])
    starts = [[config.decoder_start_id, *target] for _, target in pairs]
    targets = np.array([ids + [config.pad_id] * (width + 1 - len(ids)) for ids in starts])
    logits = form.real(form.forward.logits(sources, targets))
    return [rows[: len(target) + 1] for rows, (_, target) in zip(logits, pairs, strict=True)]


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """log softmax of rows, binary64."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def sums(found: np.ndarray, expected: np.ndarray, target: list[int]) -> list[float]:
    """Over a sentence's tokens: loss, KL divergence from the expected logits, other arg-maxima."""
    log_p, log_q = log_probabilities(expected), log_probabilities(found)
    divergence = (np.exp(log_p) * (log_p - log_q)).sum()
    changed = (found.argmax(axis=-1) != expected.argmax(axis=-1)).sum()
    return [-log_q[np.arange(len(target)), target].sum(), divergence, changed]


def measure(
    found: dict[str, Form], config: ModelConfig, pairs: Sequence[Pair]
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, float]]:
    """Tokens of every sentence [sentences]; by form the sums of each [sentences, 3]; and seconds."""
    results = {name: np.zeros((len(pairs), 3)) for name in found}
    seconds = dict.fromkeys(found, 0.0)
    done = 0
    for batch in batches(pairs):
        some = [pairs[index] for index in batch]
        expected: list[np.ndarray] = []
        for name, form in found.items():
            start = time.perf_counter()
            logits = forced_logits(form, config, some)
            seconds[name] += time.perf_counter() - start
            expected = expected or logits
            for row, (_, target), index in zip(range(len(some)), some, batch, strict=True):
                results[name][index] = sums(logits[row], expected[row], [*target, config.eos_id])
        done += len(batch)
        print(f"{done} of {len(pairs)} sentences", file=sys.stderr)
    tokens = np.array([len(target) + 1 for _, target in pairs])
    return tokens, results, seconds


def per_token(values: np.ndarray, tokens: np.ndarray) -> tuple[float, float]:
    """The mean a token, and half its 95 % interval, sentences being drawn independently."""
    mean = values.sum() / tokens.sum()
    spread = np.sqrt(((values - mean * tokens) ** 2).sum()) / tokens.sum()
    return float(mean), float(1.96 * spread)


def figures(tokens: np.ndarray, own: np.ndarray, baseline: np.ndarray) -> dict[str, Any]:
    """One row of the report."""
    loss, loss_interval = per_token(own[:, 0], tokens)
    change, change_interval = per_token(own[:, 0] - baseline[:, 0], tokens)
    divergence, divergence_interval = per_token(own[:, 1], tokens)
    other, other_interval = per_token(own[:, 2], tokens)
    return {
        "loss": [loss, loss_interval],
        "perplexity": math.exp(loss),
        "loss_change": [change, change_interval],
        "divergence": [divergence, divergence_interval],
        "other_best_token": [other, other_interval],
    }


def add_scores(
    rows: dict[str, dict[str, Any]], texts: dict[str, list[str]], references: Sequence[str]
) -> None:
    """BLEU and chrF of every form, compared with the float model's."""
    for metric in ("bleu", "chrf"):
        bootstrap = PairedBootstrap(texts[FLOAT], references, metric=metric)
        for name, found in texts.items():
            compared = bootstrap.compare(found)
            rows[name][metric] = compared.system
            rows[name][f"{metric}_change"] = [compared.difference, compared.low, compared.high]
    for name, found in texts.items():
        same = sum(a == b for a, b in zip(found, texts[FLOAT], strict=True))
        rows[name]["same_translations"] = same / len(found)


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    run = report["run"]
    head = ["", "loss", "perplexity", "change of loss", "KL from float", "other best token"]
    scored = run["translated"] > 0
    head += ["BLEU", "change", "chrF", "same translation"] if scored else []
    lines = [
        "# What integers cost",
        "",
        f"{run['date']}: {run['model']}, {run['sentences']:,} sentences and {run['tokens']:,} tokens of "
        f"{run['source']}, calibrated on {run['calibrated']:,} pairs. Natural logarithms, per token; ± are "
        "95 % intervals over sentences."
        + (f" BLEU of {run['translated']:,} sentences, beam {run['beam']}." if scored else ""),
        "",
        "| " + " | ".join(head) + " |",
        "| --- |" + " ---: |" * (len(head) - 1),
    ]
    for name, row in report["forms"].items():
        cells = [
            name,
            f"{row['loss'][0]:.4f}",
            f"{row['perplexity']:.3f}",
            "{:+.4f} ± {:.4f}".format(*row["loss_change"]),
            "{:.5f} ± {:.5f}".format(*row["divergence"]),
            "{:.2%} ± {:.2%}".format(*row["other_best_token"]),
        ]
        if scored:
            cells += [
                f"{row['bleu']:.2f}",
                "{:+.2f} [{:+.2f}, {:+.2f}]".format(*row["bleu_change"]),
                f"{row['chrf']:.2f}",
                f"{row['same_translations']:.1%}",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def read_lines(path: Path, limit: int | None) -> list[str]:
    """The first lines of a text."""
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")[:limit]


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="float Integer Transformer")
    parser.add_argument("--frozen", type=Path, help="the same as a model of scheme integer: one more row")
    parser.add_argument("--calibrate", type=Path, nargs=2, required=True, metavar=("SOURCE", "TARGET"))
    parser.add_argument("--calibration-pairs", type=int, default=300)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="sentences to measure; all where not given")
    parser.add_argument("--translate", type=int, default=0, help="sentences to search and score")
    parser.add_argument("--beam", type=int, default=1)
    parser.add_argument("--forms", nargs="*", help="only these rows, by name, and float")
    parser.add_argument(
        "--output", type=Path, default=Path("integer-ablation"), help="OUTPUT.json, OUTPUT.md"
    )
    return parser.parse_args()


def main() -> None:
    """Calibrate, measure, search, report."""
    arguments = read_arguments()
    model = ModelDirectory.open(arguments.model)
    frozen = ModelDirectory.open(arguments.frozen) if arguments.frozen else None
    source_tokenizer, target_tokenizer = model.tokenizers()

    def pairs(source: Path, target: Path, limit: int | None) -> list[Pair]:
        lines = zip(read_lines(source, limit), read_lines(target, limit), strict=True)
        return [(source_tokenizer.encode(a), target_tokenizer.encode(b)) for a, b in lines]

    scales = calibrated(model, pairs(*arguments.calibrate, arguments.calibration_pairs))
    every = forms(model, scales, frozen)
    if unknown := sorted(set(arguments.forms or ()) - set(every)):
        sys.exit(f"no form {unknown[0]!r}; there are: {'; '.join(every)}")
    found = {name: every[name] for name in every if name in (FLOAT, *(arguments.forms or every))}
    test = pairs(arguments.source, arguments.reference, arguments.limit)
    tokens, results, seconds = measure(found, model.config, test)
    rows = {name: figures(tokens, results[name], results[FLOAT]) for name in found}
    for name, row in rows.items():
        row["seconds"] = round(seconds[name], 1)
    if arguments.translate:
        sources = [source for source, _ in test[: arguments.translate]]
        texts = {
            name: [target_tokenizer.decode(ids) for ids in translate(form, model, sources, arguments.beam)]
            for name, form in found.items()
        }
        add_scores(rows, texts, read_lines(arguments.reference, len(sources)))
    report = {
        "run": {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "model": model.name,
            "source": arguments.source.name,
            "sentences": len(test),
            "tokens": int(tokens.sum()),
            "calibrated": arguments.calibration_pairs,
            "translated": min(arguments.translate, len(test)),
            "beam": arguments.beam,
        },
        "forms": rows,
    }
    Path(f"{arguments.output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{arguments.output}.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()
