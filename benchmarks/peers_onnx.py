"""Turn a Hugging Face directory into ONNX files, in float32 or dynamic int8, for benchmarks/peers.py.

    python benchmarks/peers_onnx.py huggingface onnx --precision int8

It runs in an environment of its own, since optimum needs an older Transformers:
pip install onnxruntime optimum-onnx torch. int8: weights per channel, inputs measured at run time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

PARTS = ("encoder_model", "decoder_model", "decoder_with_past_model")


def main() -> None:
    """Export, quantize."""
    from optimum.onnxruntime import ORTModelForSeq2SeqLM, ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--precision", choices=["float32", "int8"], default="int8")
    arguments = parser.parse_args()
    exported = ORTModelForSeq2SeqLM.from_pretrained(arguments.model, export=True)
    exported.save_pretrained(arguments.output)
    if arguments.precision == "int8":
        how = AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=True)
        for part in PARTS:
            quantizer = ORTQuantizer.from_pretrained(arguments.output, file_name=f"{part}.onnx")
            quantizer.quantize(save_dir=arguments.output, quantization_config=how)


if __name__ == "__main__":
    main()
