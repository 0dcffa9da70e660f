"""One contestant of benchmarks/peers.py, in a process and an environment of its own.

Reads one JSON object a line from standard input, answers each with one on standard output. The argument says
who it is and where its work lies. Imports only what that contestant needs, so that its memory is its own.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

Sources = list[list[int]]
OPENVINO_TYPES = ("INFERENCE_PRECISION_HINT", "KV_CACHE_PRECISION")


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A contestant that is ready. ``translate`` takes sources, prepared as ``sources`` are, and settings.

    ``outputs`` reads what it returned, outside the clock: target ids of each sentence without EOS, in the
    order of the sources. ``runs_on`` is what it says of itself.
    """

    translate: Callable[[Sources, dict[str, Any]], Any]
    outputs: Callable[[Any], list[list[int]]]
    sources: list[Any]
    runs_on: list[str] = dataclasses.field(default_factory=list)


def octavo_engine(spec: dict[str, Any], work: dict[str, Any]) -> Loaded:
    """Our engine on a model directory."""
    import numpy as np

    from octavo.artifact import ModelDirectory
    from octavo.bench.work import forced_options
    from octavo.engine import Engine, SearchOptions

    model = ModelDirectory.open(spec["model"])
    engine = Engine(model, precision=spec["precision"], threads=spec["threads"], streams=spec["streams"])
    if work["forced"]:
        options = forced_options(model.search, model.config, work["forced"], beam=work["beam"])
    else:
        options = SearchOptions.from_defaults(model.search, beam=work["beam"])
    prepared = [np.array(source, np.int32) for source in work["sources"]]

    def outputs(found: Any) -> list[list[int]]:
        return [best[0].tokens.tolist() for best in found]

    return Loaded(lambda sources, _settings: engine.translate(sources, options), outputs, prepared)


def ctranslate2(spec: dict[str, Any], work: dict[str, Any]) -> Loaded:
    """CTranslate2 with this many workers (inter) of this many threads (intra)."""
    import ctranslate2 as library

    ids = json.loads(Path(spec["vocabulary"]).read_text(encoding="utf-8"))
    pieces = sorted(ids, key=ids.__getitem__)
    translator = library.Translator(
        spec["model"],
        compute_type=spec["precision"],
        inter_threads=spec["inter"],
        intra_threads=spec["intra"],
    )
    lengths = {}
    if work["forced"]:
        lengths = {"min_decoding_length": work["forced"], "max_decoding_length": work["forced"]}
    prepared = [[pieces[i] for i in source] + ["</s>"] for source in work["sources"]]

    def translate(sources: Sources, settings: dict[str, Any]) -> Any:
        return translator.translate_batch(sources, beam_size=work["beam"], **lengths, **settings)

    def outputs(found: Any) -> list[list[int]]:
        return [[ids[piece] for piece in result.hypotheses[0]] for result in found]

    return Loaded(translate, outputs, prepared)


def generate(spec: dict[str, Any], work: dict[str, Any]) -> Loaded:
    """generate() of Transformers, over PyTorch, ONNX Runtime or OpenVINO; batches sorted by length.

    The search is PyTorch's everywhere, so its threads are set whatever lies under it.
    """
    import torch

    torch.set_num_threads(spec["threads"])
    model, runs_on = GENERATE_MODELS[spec["kind"]](spec)
    end, pad = work["end_id"], work["pad_id"]
    lengths = {}
    if work["forced"]:
        lengths = {"min_new_tokens": work["forced"], "max_new_tokens": work["forced"]}

    def translate(sources: Sources, settings: dict[str, Any]) -> Any:
        order = sorted(range(len(sources)), key=lambda i: -len(sources[i]))
        found: list[Any] = [None] * len(sources)
        for start in range(0, len(order), settings["batch"]):
            batch = order[start : start + settings["batch"]]
            width = len(sources[batch[0]])
            ids = torch.tensor([sources[i] + [pad] * (width - len(sources[i])) for i in batch])
            mask = torch.tensor([[1] * len(sources[i]) + [0] * (width - len(sources[i])) for i in batch])
            with torch.inference_mode():
                rows = model.generate(input_ids=ids, attention_mask=mask, num_beams=work["beam"], **lengths)
            for i, row in zip(batch, rows, strict=True):
                found[i] = row
        return found

    def outputs(found: Any) -> list[list[int]]:
        rows = [row.tolist()[1:] for row in found]
        return [row[: row.index(end)] if end in row else [t for t in row if t != pad] for row in rows]

    return Loaded(translate, outputs, [[*source, end] for source in work["sources"]], runs_on)


def _torch_model(spec: dict[str, Any]) -> tuple[Any, list[str]]:
    from transformers import AutoModelForSeq2SeqLM

    return AutoModelForSeq2SeqLM.from_pretrained(spec["model"]).eval(), []


def _onnx_model(spec: dict[str, Any]) -> tuple[Any, list[str]]:
    import onnxruntime
    from optimum.onnxruntime import ORTModelForSeq2SeqLM

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = spec["threads"]
    suffix = "_quantized" if spec["precision"] == "int8" else ""
    model = ORTModelForSeq2SeqLM.from_pretrained(
        spec["model"],
        session_options=options,
        encoder_file_name=f"encoder_model{suffix}.onnx",
        decoder_file_name=f"decoder_model{suffix}.onnx",
        decoder_with_past_file_name=f"decoder_with_past_model{suffix}.onnx",
    )
    return model, _versions("onnxruntime", "optimum-onnx", "transformers", "torch")


def _openvino_model(spec: dict[str, Any]) -> tuple[Any, list[str]]:
    import openvino
    from optimum.intel import OVModelForSeq2SeqLM

    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if spec["precision"] == "bfloat16" and "BF16" not in able:
        raise SystemExit(f"OpenVINO has no bfloat16 on this CPU, but {able}; leave openvino-bfloat16 out")
    settings = {"INFERENCE_NUM_THREADS": str(spec["threads"])}
    hints = {"float32": "f32", "bfloat16": "bf16"}  # int8: what the plugin takes for the rest
    if spec["precision"] in hints:
        settings["INFERENCE_PRECISION_HINT"] = hints[spec["precision"]]
    model = OVModelForSeq2SeqLM.from_pretrained(spec["model"], ov_config=settings)
    compiled = model.decoder.request.get_compiled_model()
    types = {name: compiled.get_property(name).to_string() for name in OPENVINO_TYPES}
    said = [f"{name}={value}" for name, value in types.items()]
    return model, [*said, *_versions("openvino", "optimum-intel", "nncf", "transformers", "torch")]


def _versions(*packages: str) -> list[str]:
    return [f"{package} {importlib.metadata.version(package)}" for package in packages]


GENERATE_MODELS = {
    "transformers": _torch_model,
    "onnxruntime": _onnx_model,
    "openvino": _openvino_model,
}
KINDS = {
    "octavo": octavo_engine,
    "ctranslate2": ctranslate2,
    **dict.fromkeys(GENERATE_MODELS, generate),
}


def peak_memory_bytes() -> int:
    """Largest resident set of this process; getrusage would count its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def serve(spec: dict[str, Any], answers: TextIO) -> None:
    """Load, then answer until the input ends."""
    work = json.loads(Path(spec["work"]).read_text(encoding="utf-8"))
    loaded = KINDS[spec["kind"]](spec, work)
    print(json.dumps({"ready": True, "runs_on": loaded.runs_on}), file=answers, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        chosen = loaded.sources[: order["first"]]
        batches = [[source] for source in chosen] if order["one_by_one"] else [chosen]
        taken, found = [], []
        for batch in batches:
            start = time.perf_counter()
            result = loaded.translate(batch, order["settings"])
            taken.append(time.perf_counter() - start)
            found += loaded.outputs(result)
        answer = {"seconds": taken, "outputs": found, "peak_memory_bytes": peak_memory_bytes()}
        print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    """Keep standard output for the answers: libraries print there too."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(json.loads(sys.argv[1]), answers)


if __name__ == "__main__":
    main()
