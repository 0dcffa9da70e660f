"""Real arithmetic agrees with the PyTorch reference, and shows every site."""

from __future__ import annotations

import numpy as np
import pytest
from tests.integer.frozen_models import CONFIGS, SOURCE, TARGET, float_model
from tests.models import integer_config

from octavo.errors import QuantizationError
from octavo.integer import RealTransformer
from octavo.model.architecture import sites
from octavo.model.config import Activation, AttentionFunction, ModelConfig, NormFunction, NormPlacement
from octavo.quantization import TensorModel

torch = pytest.importorskip("torch", reason="the reference needs octavo[train]")


def reference_logits(model: TensorModel, dtype: torch.dtype) -> np.ndarray:
    from octavo import reference

    config = model.config
    transformer = reference.from_arrays(config, model.tensors).to(dtype)
    source = torch.tensor([[*SOURCE, config.eos_id] if config.source_eos else SOURCE])
    target = torch.tensor([[config.decoder_start_id, *TARGET]])
    with torch.no_grad():
        return transformer(source, torch.tensor([source.shape[1]]), target)[0].numpy()


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_logits_equal_the_reference_within_rounding(config: ModelConfig) -> None:
    """A thousand roundings' worth of either type."""
    model = float_model(config)
    for real, dtype, epsilon in ((np.float64, torch.float64, 2e-13), (np.float32, torch.float32, 1e-4)):
        found, expected = (
            RealTransformer(model, dtype=real).logits(SOURCE, TARGET),
            reference_logits(model, dtype),
        )
        assert found.dtype == real and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=0, atol=epsilon * np.abs(expected).max())


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_site_is_shown_with_its_width(config: ModelConfig) -> None:
    seen: dict[str, list[np.ndarray]] = {}
    model = float_model(config)
    logits = RealTransformer(model, lambda site, rows: seen.setdefault(site, []).append(rows)).logits(
        SOURCE, TARGET
    )
    streams = {"encoder.residual": 1 + 2 * config.encoder_layers}
    streams["decoder.residual"] = 1 + 3 * config.decoder_layers
    widths = {name: site.width for name, site in sites(config).items() if site.width}
    assert set(seen) == set(widths) | set(streams)
    for site, found in seen.items():
        assert len(found) == streams.get(site, 1)
        steps = len(TARGET) + 1
        over_source = site.startswith("encoder") or ("cross" in site and site.endswith((".keys", ".values")))
        rows = len(SOURCE) + config.source_eos if over_source else steps
        for each in found:
            assert each.shape == (rows, widths.get(site, config.d_model)) and each.dtype == np.float32
    weight = model.tensors["encoder.embedding.weight" if config.tied_output else "output.weight"]
    bias = model.tensors["output.bias"] if config.output_bias else 0.0
    np.testing.assert_allclose(seen["decoder.output"][0] @ weight.T + bias, logits, rtol=1e-4, atol=1e-4)


def test_watching_changes_nothing() -> None:
    model = float_model(CONFIGS["plain"])
    watched = RealTransformer(model, lambda site, rows: rows.fill(0)).logits(SOURCE, TARGET)
    np.testing.assert_array_equal(watched, RealTransformer(model).logits(SOURCE, TARGET))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"attention": AttentionFunction.SOFTMAX}, "attention = softmax"),
        ({"norm": NormPlacement.POST}, "norm = post"),
        ({"activation": Activation.GELU}, "activation = gelu"),
        ({"embedding_norm": True}, "embedding_norm = true"),
        ({"norm_function": NormFunction.LAYER}, "norm_function = layer-norm"),
    ],
)
def test_other_architectures_are_refused(changes: dict[str, object], part: str) -> None:
    with pytest.raises(QuantizationError, match=f"the model has {part}; only a pre-norm Transformer with"):
        RealTransformer(float_model(integer_config(**changes)))
