"""Turn a Hugging Face directory into what ONNX Runtime or OpenVINO reads, for benchmarks/peers.py.

    python benchmarks/peers_optimum.py onnxruntime huggingface onnx --precision int8
    python benchmarks/peers_optimum.py openvino huggingface openvino --precision int8

Each engine has an environment of its own, since optimum needs an older Transformers than the extra peers:

    pip install onnxruntime optimum-onnx torch
    pip install torch==2.13.0 transformers==4.57.6 optimum-intel==2.2.0 openvino==2026.4.1 nncf==3.4.0

optimum-intel draws torchvision too. Where that is of another build than torch ("operator torchvision::nms
does not exist"), uninstall it: text needs none. The exporter of Marian models refuses Transformers 5.

int8 for ONNX Runtime: weights per channel, inputs measured at run time. int8 for OpenVINO: the weights alone,
per channel, as optimum-intel does without calibration; the CPU plugin chooses how it multiplies.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ONNX_PARTS = ("encoder_model", "decoder_model", "decoder_with_past_model")


def onnxruntime(model: Path, output: Path, precision: str) -> None:
    """Graphs in float32, and for int8 the quantized ones beside them."""
    from optimum.onnxruntime import ORTModelForSeq2SeqLM, ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    exported = ORTModelForSeq2SeqLM.from_pretrained(model, export=True)
    exported.save_pretrained(output)
    if precision == "int8":
        how = AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=True)
        for part in ONNX_PARTS:
            quantizer = ORTQuantizer.from_pretrained(output, file_name=f"{part}.onnx")
            quantizer.quantize(save_dir=output, quantization_config=how)


def openvino(model: Path, output: Path, precision: str) -> None:
    """Graphs in float32, which also run in bfloat16, or with weights in int8."""
    from optimum.intel import OVModelForSeq2SeqLM

    in_int8 = precision == "int8"
    exported = OVModelForSeq2SeqLM.from_pretrained(model, export=True, compile=False, load_in_8bit=in_int8)
    exported.save_pretrained(output)


ENGINES: dict[str, Callable[[Path, Path, str], None]] = {"onnxruntime": onnxruntime, "openvino": openvino}


def main() -> None:
    """Export, quantize."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("engine", choices=list(ENGINES))
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--precision", choices=["float32", "int8"], default="int8")
    arguments = parser.parse_args()
    try:
        ENGINES[arguments.engine](arguments.model, arguments.output, arguments.precision)
    except ImportError as error:
        raise SystemExit(
            f"{sys.executable} cannot export for {arguments.engine}: {error}. "
            f"The top of {Path(__file__).name} says what to install."
        ) from error


if __name__ == "__main__":
    main()
