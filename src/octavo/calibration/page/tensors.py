"""The report's pictures of products and tensors: how sensitive they are, what was kept of their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element

from octavo.calibration.page.markup import Child, code, details, element, percent, section, significant, table
from octavo.calibration.page.plots import bar_rows, histogram
from octavo.calibration.report.data import ProductSensitivity, QualityReport, SiteReport

_MOST_SENSITIVE: Final = 10
_SHOWN_HISTOGRAMS: Final = 12


def sensitivity_section(report: QualityReport) -> Element | None:
    """KL of each product, the worst first, then by layer."""
    found = report.sensitivity
    if not found:
        return None
    kept = frozenset(product.product for product in report.float_products)
    largest = max(max(s.alone, s.won) for s in found)
    worst = sorted(found, key=lambda s: (-s.alone, s.product))[:_MOST_SENSITIVE]
    layers: dict[str, list[ProductSensitivity]] = {}
    for s in found:
        layers.setdefault(_layer(s.product), []).append(s)
    top = element("h3", f"The {len(worst)} most sensitive products") if len(worst) > 1 else ""
    by_layer: list[tuple[Child, float, float | None, str]] = [
        (code(layer), sum(s.alone for s in members), None, "") for layer, members in layers.items()
    ]
    cards = (
        element("div", element("h3", code(layer)), bar_rows(_rows(members, kept, layer), largest))
        for layer, members in layers.items()
    )
    return section(
        "How sensitive each product is",
        element(
            "p",
            "KL divergence from float32's predictions, in nats per token of the calibration text: the "
            "larger, the more a product loses in int8.",
            kind="soft",
        ),
        _bar_key(bool(kept)),
        element(
            "div",
            element("div", top, bar_rows(_rows(worst, kept), largest)),
            element(
                "div",
                element("h3", "By layer: the sum of its products"),
                bar_rows(by_layer, max(row[1] for row in by_layer)),
            ),
            kind="columns",
        ),
        details(f"All {len(found)} products", element("div", *cards, kind="cards")),
    )


def _bar_key(any_kept: bool) -> Element:
    entries = [("first", "only this product in int8")]
    if any_kept:
        entries.append(("float-key", "the same, of a product that stays in float32"))
    return _key([*entries, ("second", "saved by leaving it in float32, all others in int8")])


def _key(entries: Iterable[tuple[str, str]]) -> Element:
    """What the colours mean: classes of swatches and words."""
    parts = (element("span", element("i", kind=kind), words) for kind, words in entries)
    return element("p", *parts, kind="key small soft")


def _rows(
    members: Sequence[ProductSensitivity], kept: frozenset[str], layer: str = ""
) -> list[tuple[Child, float, float | None, str]]:
    """Names are full without a layer."""
    return [
        (
            code(s.product.removeprefix(f"{layer}.") if layer else s.product),
            s.alone,
            s.won,
            "float" if s.product in kept else "",
        )
        for s in members
    ]


def _layer(product: str) -> str:
    """``encoder.layers.0`` of its products; any other product is a layer of its own."""
    parts = product.split(".")
    return ".".join(parts[:3]) if parts[1:2] == ["layers"] else product


def histogram_section(report: QualityReport) -> Element | None:
    """Histograms with the ranges chosen, those of the most sensitive products first."""
    if not report.sites:
        return None
    alone = {s.product: s.alone for s in report.sensitivity}
    order = sorted(report.sites, key=lambda site: -_harm(site, alone))
    kept = frozenset(product.product for product in report.float_products)
    first, rest = order[:_SHOWN_HISTOGRAMS], frozenset(site.site for site in order[_SHOWN_HISTOGRAMS:])
    children: list[Child] = [
        element(
            "p",
            "Inputs of products as the float32 model computes them; heights are logarithmic, exact zeros are "
            "not drawn. Values outside the range become its nearest end.",
            kind="soft",
        ),
        _histogram_key(),
        element("div", *(_figure(site, kept) for site in first), kind="histograms"),
    ]
    if rest:
        others = [_figure(site, kept) for site in report.sites if site.site in rest]
        children.append(details(f"{len(rest)} others", element("div", *others, kind="histograms")))
    return section("What the tensors hold, and the range kept", *children, _classes(report.sites))


def _harm(site: SiteReport, alone: Mapping[str, float]) -> float:
    return max((alone.get(product, 0.0) for product in site.products), default=0.0)


def _histogram_key() -> Element:
    return _key(
        [
            ("line-key", "end of the range (thin: one for each attention head)"),
            ("shade-key", "outside it"),
        ]
    )


def _figure(site: SiteReport, kept: frozenset[str]) -> Element:
    caption = element("figcaption", code(site.site), "; ".join(_facts(site, kept)))
    return element("figure", histogram(site), caption)


def _facts(site: SiteReport, kept: frozenset[str]) -> list[str]:
    found = [_class_name(site.tensor_class)]
    if len(site.ranges) == 1:
        only = site.ranges[0]
        found.append(f"range {significant(only.low)} to {significant(only.high)}")
    elif site.ranges:
        found.append(f"{len(site.ranges)} heads")
    else:
        found.append(_without_range(site, kept))
    if site.clipped_share is not None:
        found.append(f"{_small_share(site.clipped_share)} outside")
    if site.zero_share > 0:
        found.append(f"{_small_share(site.zero_share)} zeros")
    return found


def _without_range(site: SiteReport, kept: frozenset[str]) -> str:
    if not site.products:
        return "in float32"
    if kept.issuperset(site.products):
        return "read in float32"
    return "range 0 to 1, always" if site.site.endswith(".weights") else "one scale per token"


def _class_name(tensor_class: str) -> str:
    return "Gaussian" if tensor_class == "gaussian" else tensor_class


def _small_share(share: float) -> str:
    return percent(share, 1) if share >= 0.0005 or share == 0 else f"{significant(share * 100, 1)} %"


def _classes(sites: Sequence[SiteReport]) -> Element:
    counts = Counter(site.tensor_class for site in sites)
    rows = [(_class_name(name), str(count)) for name, count in counts.most_common()]
    return element("div", element("h3", "Classes of tensors"), table(["Class", "Tensors"], rows, 1))
