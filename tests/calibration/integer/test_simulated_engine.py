"""A simulated Integer Transformer shows calibration what an engine would, and predicts as PyTorch does."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models import integer_config, random_tensors, tiny_config

from octavo.calibration.integer.simulated_engine import SimulatedEngine
from octavo.calibration.observe.observations import observe
from octavo.calibration.text.pairs import Pairs
from octavo.errors import QuantizationError
from octavo.model.architecture import sites
from octavo.model.scheme import Scheme
from octavo.quantization import TensorModel
from octavo.runs.progress import Silent

CONFIG = integer_config()
MODEL = TensorModel(CONFIG, Scheme.NONE, random_tensors(CONFIG))
PAIRS = Pairs(
    tuple(np.arange(4, 5 + n, dtype=np.int32) for n in range(5)),
    tuple(np.arange(40, 40 + n, dtype=np.int32) for n in range(5)),
)


def test_every_site_and_both_streams_are_observed() -> None:
    seen = observe(SimulatedEngine(MODEL), CONFIG, PAIRS, Silent())
    weights = {site for site in sites(CONFIG) if site.endswith(".weights")}
    assert set(seen.names()) == set(sites(CONFIG)) - weights | {"encoder.residual", "decoder.residual"}
    source_rows = sum(len(source) + 1 for source in PAIRS.sources)
    assert seen.tensors["encoder.output"].rows == source_rows
    assert seen.tensors["encoder.residual"].rows == source_rows * (1 + 2 * CONFIG.encoder_layers)
    assert seen.heads["decoder.layers.0.cross_attention.keys"].heads[0].rows == source_rows


def test_its_predictions_are_those_of_the_reference() -> None:
    torch = pytest.importorskip("torch")
    from octavo.reference import from_arrays

    transformer = from_arrays(CONFIG, dict(MODEL.tensors))
    found = SimulatedEngine(MODEL).forced_logits(PAIRS.sources, PAIRS.targets)
    for source, target, logits in zip(PAIRS.sources, PAIRS.targets, found, strict=True):
        tokens = torch.tensor([[*source.tolist(), CONFIG.eos_id]])
        decoder_input = torch.tensor([[CONFIG.decoder_start_id, *target.tolist()]])
        with torch.no_grad():
            expected = transformer(tokens, torch.tensor([tokens.shape[1]]), decoder_input)[0].numpy()
        assert logits == pytest.approx(expected, abs=2e-3)


def test_other_models_are_refused() -> None:
    with pytest.raises(QuantizationError, match="attention = softmax"):
        SimulatedEngine(TensorModel(tiny_config(), Scheme.NONE, random_tensors(tiny_config())))
