"""Scale migration keeps the function, and moves exactly what it says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest

from octavo.errors import QuantizationError
from octavo.model.architecture import output_weight_name, sites
from octavo.model.config import Activation, Mixer, ModelConfig, NormFunction, NormPlacement
from octavo.model.scheme import Scheme
from octavo.quantization import TensorModel
from octavo.quantization.migration import MigratedModel, Migration, migrate_scales
from octavo.simulation import Simulation

from ..float_models import CONFIGS, random_model

SOURCE, TARGET = [5, 9, 22, 4, 17, 11, 8], [7, 3, 19, 20, 6]
BASE = CONFIGS["base"]
UNTIED = dataclasses.replace(BASE, tied_output=False, output_bias=True)
VARIED = {
    **CONFIGS,
    "untied": UNTIED,
    "post-relu": dataclasses.replace(BASE, norm=NormPlacement.POST),
    "pre-gelu": dataclasses.replace(BASE, activation=Activation.GELU),
    "pre-norm SSRU": dataclasses.replace(BASE, decoder_mixer=Mixer.SSRU),
}


def random_maxima(config: ModelConfig, seed: int = 1) -> dict[str, np.ndarray]:
    """Magnitudes over four decades, as outlier channels have them."""
    rng = np.random.default_rng(seed)
    return {
        site: (10 ** rng.uniform(-2, 2, found.width)).astype(np.float32)
        for site, found in sites(config).items()
    }


def logits(config: ModelConfig, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    return Simulation(TensorModel(config, Scheme.NONE, tensors)).run(SOURCE, TARGET).logits


def reference_maxima(config: ModelConfig, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """max |x| per channel of every site in the PyTorch reference, by hooks on its linear layers."""
    torch = pytest.importorskip("torch")
    from octavo.reference import from_arrays

    model, found = from_arrays(config, tensors).double(), {}

    def see(site: str, x: object) -> None:
        rows = x.detach().reshape(-1, x.shape[-1]).numpy()  # type: ignore[attr-defined]
        found[site] = np.maximum(found.get(site, 0), np.abs(rows).max(axis=0))

    def watch(name: str, inputs: str | None, outputs: str | None) -> None:
        def hook(_module: object, arguments: tuple[object, ...], result: object) -> None:
            if inputs:
                see(inputs, arguments[0])
            if outputs:
                see(outputs, result)

        model.get_submodule(name).register_forward_hook(hook)

    for site in sites(config):
        name, _, kind = site.rpartition(".")
        if kind == "queries":
            watch(f"{name}.query", f"{name}.input", site)
            memory = "encoder.output" if name.endswith("cross_attention") else None
            watch(f"{name}.key", memory, f"{name}.keys")
            watch(f"{name}.value", None, f"{name}.values")
            watch(f"{name}.output", f"{name}.context", None)
        elif name.endswith("ssru"):
            watch(f"{name}.forget", site, None)
        elif kind == "hidden":
            watch(f"{name}.inner", f"{name}.input", None)
            watch(f"{name}.outer", site, None)
    source = torch.tensor([SOURCE + [config.eos_id] * config.source_eos])
    target = torch.tensor([[config.decoder_start_id, *TARGET]])
    with torch.no_grad():
        see("decoder.output", model.decode(target, *model.encode(source, torch.tensor([source.shape[1]]))))
    return found


def test_hooks_see_every_site() -> None:
    found = reference_maxima(UNTIED, random_model(UNTIED).tensors)
    assert {site: len(maxima) for site, maxima in found.items()} == {
        name: site.width for name, site in sites(UNTIED).items() if site.width
    }


@pytest.mark.parametrize("name", VARIED)
def test_powers_of_two_keep_every_bit(name: str) -> None:
    config = VARIED[name]
    tensors = random_model(config).tensors
    moved = migrate_scales(config, tensors, random_maxima(config))
    assert moved.divisors
    np.testing.assert_array_equal(logits(config, moved.tensors), logits(config, tensors))


@pytest.mark.parametrize("name", VARIED)
def test_maxima_become_what_is_returned(name: str) -> None:
    config = VARIED[name]
    tensors = random_model(config).tensors
    maxima = reference_maxima(config, tensors)
    moved = migrate_scales(config, tensors, maxima)
    found = reference_maxima(config, moved.tensors)
    assert set(found) == set(moved.maxima)
    for site, expected in found.items():
        np.testing.assert_allclose(moved.maxima[site], expected, rtol=1e-4, atol=1e-9, err_msg=site)
    for site in {name for name, site in sites(config).items() if site.width} - set(moved.divisors):
        assert moved.maxima[site] is maxima[site]


def changed(tensors: Mapping[str, np.ndarray], moved: MigratedModel) -> set[str]:
    return {name for name, tensor in tensors.items() if not np.array_equal(tensor, moved.tensors[name])}


def norm_tensors(config: ModelConfig, norm: str) -> set[str]:
    parts = ("weight",) if config.norm_function is NormFunction.RMS else ("weight", "bias")
    return {f"{norm}.{part}" for part in parts}


def expected_changes(config: ModelConfig, kind: Migration) -> set[str]:
    """The tensors that a migration touches, by name alone."""
    owns = [f"encoder.layers.{i}.self_attention" for i in range(config.encoder_layers)]
    layers = [f"decoder.layers.{i}" for i in range(config.decoder_layers)]
    units = [f"{layer}.ssru" for layer in layers if config.decoder_mixer is Mixer.SSRU]
    owns += [f"{layer}.self_attention" for layer in layers if not units]
    crosses = [f"{layer}.cross_attention" for layer in layers]
    feeds = [f"encoder.layers.{i}.feed_forward" for i in range(config.encoder_layers)]
    feeds += [f"{layer}.feed_forward" for layer in layers]
    if kind is Migration.NORM:
        found = {f"{name}.{projection}" for name in owns for projection in ("query", "key", "value")}
        found |= {f"{name}.{projection}" for name in crosses for projection in ("query", "key", "value")}
        found |= {f"{name}.{product}" for name in units for product in ("candidate", "forget")}
        first = ("gate", "inner") if config.gated else ("inner",)
        found |= {f"{name}.{product}" for name in feeds for product in first}
        found = {f"{name}.weight" for name in found}
        norms = [f"{name}.norm" for name in (*owns, *units, *crosses, *feeds, "encoder")]
        found |= {name for norm in norms for name in norm_tensors(config, norm)}
        return found if config.norm is NormPlacement.PRE else set()
    if kind is Migration.HIDDEN:
        parts = ("inner.weight", "inner.bias", "outer.weight")
        linear = config.gated or config.activation is Activation.RELU
        return {f"{name}.{part}" for name in feeds for part in parts if linear}
    value = ("value.weight", "value.bias", "output.weight")
    query = ("query.weight", "query.bias", "key.weight", "key.bias")
    parts = value if kind is Migration.VALUES else query
    return {f"{name}.{part}" for name in (*owns, *crosses) for part in parts}


@pytest.mark.parametrize("kind", Migration)
@pytest.mark.parametrize("name", VARIED)
def test_each_kind_touches_its_own_tensors(name: str, kind: Migration) -> None:
    """Hidden channels through ReLU or a gate only; norms in pre-norm only; a tied output not at all."""
    config = VARIED[name]
    tensors = random_model(config).tensors
    expected = expected_changes(config, kind)
    if kind is Migration.NORM and config.norm is NormPlacement.PRE and not config.tied_output:
        expected |= {"output.weight"} | norm_tensors(config, "decoder.norm")
    assert changed(tensors, migrate_scales(config, tensors, random_maxima(config), {kind})) == expected


def test_tied_output_and_its_norm_stay() -> None:
    model = random_model(BASE)
    moved = migrate_scales(BASE, model.tensors, random_maxima(BASE))
    assert "decoder.output" not in moved.divisors
    for name in (output_weight_name(BASE), "decoder.norm.weight", "decoder.norm.bias"):
        np.testing.assert_array_equal(moved.tensors[name], model.tensors[name])


def test_factors_are_the_published_ones() -> None:
    """Equation 4 of SmoothQuant, but for a common factor, to the nearest power of two; on the widest site:
    every cross-attention's keys and values read it."""
    model, maxima = random_model(BASE), random_maxima(BASE)
    moved = migrate_scales(BASE, model.tensors, maxima)
    readers = [f"decoder.layers.{i}.cross_attention.{p}.weight" for i in range(2) for p in ("key", "value")]
    columns = np.abs(np.concatenate([model.tensors[name] for name in readers])).max(axis=0)
    published = np.log2(maxima["encoder.output"] / columns) / 2
    found = np.log2(moved.divisors["encoder.output"])
    assert np.abs(found - (published - published.mean())).max() <= 0.5 + 1e-6
    assert len(set(found)) > 3


def test_queries_and_keys_meet_in_the_middle() -> None:
    model, maxima = random_model(BASE), random_maxima(BASE)
    name = "decoder.layers.1.cross_attention"
    moved = migrate_scales(BASE, model.tensors, maxima)
    ratio = np.log2(moved.maxima[f"{name}.keys"] / moved.maxima[f"{name}.queries"])
    assert ratio.max() - ratio.min() <= 2  # a power of two each way, rounded


def test_dead_channels_keep_their_scale() -> None:
    tensors, maxima = dict(random_model(BASE).tensors), random_maxima(BASE)
    site = "encoder.layers.0.feed_forward.hidden"
    maxima[site][3] = 0
    outer = tensors["encoder.layers.0.feed_forward.outer.weight"].copy()
    outer[:, 5] = 0
    tensors["encoder.layers.0.feed_forward.outer.weight"] = outer
    moved = migrate_scales(BASE, tensors, maxima)
    assert moved.divisors[site][3] == moved.divisors[site][5] == 1
    assert np.isfinite(moved.maxima[site]).all() and moved.maxima[site][3] == 0


def test_a_site_of_dead_channels_stays() -> None:
    model, maxima = random_model(BASE), random_maxima(BASE)
    maxima["encoder.output"][:] = 0
    assert (migrate_scales(BASE, model.tensors, maxima).divisors["encoder.output"] == 1).all()


def test_factors_are_powers_of_two_from_2_to_minus_8_to_2_to_8() -> None:
    maxima = {site: found.astype(np.float64) ** 8 for site, found in random_maxima(BASE).items()}
    moved = migrate_scales(BASE, random_model(BASE).tensors, maxima)
    exponents = np.log2(np.concatenate(list(moved.divisors.values())))
    assert (exponents == np.rint(exponents)).all()
    assert (exponents.min(), exponents.max()) == (-8, 8)


def test_arguments_stay_and_further_maxima_are_handed_on() -> None:
    tensors, maxima = random_model(BASE).tensors, random_maxima(BASE)
    maxima["encoder.embedding"] = np.ones(32, np.float32)
    kept = [{name: array.copy() for name, array in given.items()} for given in (tensors, maxima)]
    moved = migrate_scales(BASE, tensors, maxima)
    for before, now in zip(kept, (tensors, maxima), strict=True):
        for name, array in before.items():
            np.testing.assert_array_equal(now[name], array)
    np.testing.assert_array_equal(moved.maxima["encoder.embedding"], maxima["encoder.embedding"])
    assert set(moved.tensors) == set(tensors)
    assert all(tensor.dtype == np.float32 for tensor in moved.tensors.values())


def test_kinds_do_not_depend_on_one_another() -> None:
    model, maxima = random_model(UNTIED), random_maxima(UNTIED)
    together = migrate_scales(UNTIED, model.tensors, maxima).divisors
    alone = [migrate_scales(UNTIED, model.tensors, maxima, {kind}).divisors for kind in Migration]
    assert set(together) == {site for divisors in alone for site in divisors}
    for divisors in alone:
        for site, divisor in divisors.items():
            np.testing.assert_array_equal(together[site], divisor)


@pytest.mark.parametrize(
    ("maxima", "message"),
    [
        (None, "no largest magnitudes"),
        (np.ones(31), "the site has 32 channels"),
        (np.full(32, -1.0), "negative, infinite or NaN"),
        (np.full(32, np.nan), "negative, infinite or NaN"),
    ],
)
def test_bad_maxima_are_refused(maxima: np.ndarray | None, message: str) -> None:
    given = random_maxima(BASE)
    given.pop("encoder.output")
    if maxima is not None:
        given["encoder.output"] = maxima
    with pytest.raises(QuantizationError, match=f"encoder.output: .*{message}"):
        migrate_scales(BASE, random_model(BASE).tensors, given)
