"""A made-up quality report of a model of any size, as a calibration would fill it."""

from __future__ import annotations

import numpy as np

from octavo.calibration.choose.techniques import Technique
from octavo.calibration.measure.dev_text import Scores
from octavo.calibration.report.bars import Bars
from octavo.calibration.report.data import (
    CalibrationSettings,
    ConfigurationResult,
    Drop,
    FloatProduct,
    GateStep,
    Interval,
    ModelFacts,
    ProductSensitivity,
    QualityReport,
    Run,
    SentenceChange,
    SiteReport,
    Speed,
    TextFile,
    Verdict,
)
from octavo.model.architecture import products, sites
from octavo.model.config import ModelConfig
from octavo.quantization.observers import HeadStatistics, SiteStatistics
from octavo.quantization.tensor_class import classify
from octavo.quantization.thresholds import Method, find_range, find_threshold
from octavo.runs.progress import Stage

KEPT = ("decoder.layers.1.feed_forward.outer", "decoder.layers.0.cross_attention.output")


def example_config(layers: int) -> ModelConfig:
    """Six layers: a base model, 133 products."""
    return ModelConfig(
        d_model=512,
        ffn_dim=2048,
        encoder_layers=layers,
        decoder_layers=layers,
        attention_heads=8,
        source_vocab_size=32_000,
        target_vocab_size=32_000,
        max_positions=256,
    )


def example_report(layers: int = 6) -> QualityReport:
    """Two products stay in float32; four sentences are worst, one of them full of markup."""
    config = example_config(layers)
    names = [product.name for product in products(config)]
    random = np.random.default_rng(3)
    alone = np.exp(random.normal(-9.5, 1.3, len(names))).tolist()
    sensitivity = tuple(
        ProductSensitivity(name, 0.011 if name in KEPT else a, a * random.normal(0.9, 0.4), 0.007)
        for name, a in zip(names, alone, strict=True)
    )
    readers: dict[str, list[str]] = {}
    for product in products(config):
        for site in product.sites:
            readers.setdefault(site, []).append(product.name)
    return QualityReport(
        model=ModelFacts("base-en-de", "en", "de", len(names), 243_800_000, 65_400_000),
        calibration=_settings(),
        verdict=_verdict(),
        run=_run(),
        configurations=tuple(_configurations(len(names))),
        sites=tuple(_site(site, tuple(readers[site]), random) for site in sites(config)),
        sensitivity=sensitivity,
        float_products=tuple(
            FloatProduct(name, "the budget did not hold with it in int8: BLEU dropped by 0.43", 0.011)
            for name in KEPT
        ),
        speed=Speed(1180.0, 2410.0, 2330.0),
        techniques=(
            Technique("scale migration (layer norm, V to O, FFN1 to FFN2)", 0.0213, 0.0151, True),
            Technique("bias correction", 0.0151, 0.0153, False),
        ),
        steps=(
            GateStep("start", (), 0, 0.43, False),
            GateStep("fall back", (*KEPT, "output", names[0]), 4, 0.05, True),
            GateStep("revert", ("output", names[0]), 2, 0.06, True),
        ),
        worst_sentences=_sentences(),
    )


def _settings() -> CalibrationSettings:
    return CalibrationSettings(
        method="mse",
        coverage="full",
        activations="static",
        granularity="weights: one for each output channel; inputs: one; attention: one for each head",
        sentences=600,
        files=(
            TextFile("calibration", "train.en", "3f" * 32, 600),
            TextFile("dev source", "val.en", "a1" * 32, 1014),
            TextFile("dev reference", "val.de", "0c" * 32, 1014),
        ),
    )


def _verdict() -> Verdict:
    return Verdict(
        metric="bleu",
        signature="nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0",
        float32=Scores(39.71, 63.02, 0.977, 1.0),
        int8=Scores(39.65, 62.98, 0.979, 0.999),
        drop=Drop(0.06, -0.11, 0.23, 0.472),
        budget=0.1,
        sentences=1014,
        resamples=1000,
    )


def _run() -> Run:
    stages = (("Observing", 41.0), ("Measuring each product", 260.0), ("The gate", 95.2))
    return Run(
        octavo_version="0.2.0",
        machine="AMD EPYC 9R14 96-Core Processor",
        isa="avx512_vnni",
        threads=2,
        date="2026-11-22",
        stages=tuple(Stage(name, seconds) for name, seconds in stages),
    )


def _configurations(count: int) -> list[ConfigurationResult]:
    found = []
    for i, method in enumerate(Method):
        for coverage in ("paper", "full"):
            lost = 6.2 if method is Method.NAIVE and coverage == "full" else 0.43 - 0.05 * i
            scores = Scores(39.71 - lost, 63.0 - lost, 0.98 + lost / 8, 1.0 - lost / 20)
            drop = Drop(lost, lost - 0.17, lost + 0.16, 0.0002 if lost > 1 else 0.04)
            chosen = method is Method.MSE and coverage == "full"
            int8 = count if coverage == "full" else count * 85 // 133
            found.append(
                ConfigurationResult(method, coverage, "static", scores, drop, int8, 65_400_000, chosen)
            )
    return found


def _site(site: str, readers: tuple[str, ...], random: np.random.Generator) -> SiteReport:
    values = random.normal(0, 1.4, 16_384).astype(np.float32)
    if site.endswith(".hidden"):
        values = np.maximum(values - 0.8, 0)
    elif site.endswith(".weights"):
        values = np.exp(-np.abs(values) * 3)
    elif site.endswith("feed_forward.input"):
        values[:20] *= 14
    statistics = SiteStatistics(site, 0)
    statistics.add(values)
    if site.endswith((".queries", ".keys", ".values")):
        heads = HeadStatistics(site, 64, 8)
        heads.add(values.reshape(-1, 64))
        thresholds = [find_threshold(head, Method.MSE) for head in heads.heads]
        ranges = tuple(Interval(-t, t) for t in thresholds)
    else:
        found = find_range(statistics, Method.MSE)
        ranges = () if site.endswith(".weights") else (Interval(found.low, found.high),)
    figures = classify(statistics)
    return SiteReport(
        site=site,
        tensor_class=figures.tensor_class,
        low=statistics.low,
        high=statistics.high,
        zero_share=figures.zero_share,
        inner_range=figures.inner_range,
        kurtosis=figures.kurtosis,
        bars=Bars.of(statistics),
        ranges=ranges,
        clipped_share=None if not ranges else 0.00013,
        products=readers,
    )


def _sentences() -> tuple[SentenceChange, ...]:
    return (
        SentenceChange(
            "A man in an orange hat starring at something.",
            "Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.",
            "Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.",
            "Ein Mann mit orangem Hut starrt auf etwas.",
            100.0,
            21.3,
        ),
        SentenceChange(
            "Tags such as <b> & <script>alert('x')</script> are text.",
            'Zeichen wie <b> & "script" sind Text.',
            "Zeichen wie <b> & <script>alert('x')</script> sind Text.",
            "Zeichen wie <b> sind \ud800 Text \x00.",
            62.0,
            30.5,
        ),
        SentenceChange("Donaudampfschifffahrt" * 6, "a" * 150, "b" * 150, "c" * 150, 8.0, 0.0),
        SentenceChange("Two dogs run.", "Zwei Hunde laufen.", "Zwei Hunde laufen.", "", 100.0, 0.0),
    )
