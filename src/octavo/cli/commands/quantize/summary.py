"""What ``octavo quantize`` prints when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

from octavo.errors import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from octavo.calibration.quantize import CalibratedModel
    from octavo.calibration.report.data import FloatProduct, Speed, Verdict
    from octavo.quantization.model import QuantizedModel

_WORST_SHOWN: Final = 3
_FLOAT32_SHOWN: Final = 12


def weight_sizes(quantized: QuantizedModel) -> Table:
    """What the tensors weigh before and after."""
    before, after = quantized.float32_bytes, quantized.int8_bytes
    table = Table("Tensors in float32", "in int8", "Compression")
    table.add_row(megabytes(before), megabytes(after), f"{before / after:.2f}x")
    return table


def weight_errors(quantized: QuantizedModel) -> Table:
    """Where rounding the weights cost most."""
    table = Table()
    table.add_column("Weights", overflow="fold")
    table.add_column("Relative RMS error")
    table.add_row("all", f"{quantized.relative_rms_error:.3%}")
    for worst in quantized.report()["worst_tensors"][:_WORST_SHOWN]:
        table.add_row(worst["tensor"], f"{worst['relative_rms_error']:.3%}")
    return table


def print_summary(console: Console, written: CalibratedModel) -> None:
    """The verdict, what was chosen, and what stayed in float32."""
    from octavo.calibration.report.contents import float_products, model_facts

    calibration = written.calibration
    facts = model_facts(calibration)
    left = float_products(calibration)
    table = Table(show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    if written.report is not None:
        add_verdict(table, written.report.verdict)
        _add_speed(table, written.report.speed)
    table.add_row("Products in int8", f"{facts.products - len(left)} of {facts.products}")
    if calibration.method is not None:
        table.add_row("Ranges by", str(calibration.method))
    for technique in calibration.techniques:
        change = f"KL {technique.before:.2e} to {technique.after:.2e}"
        table.add_row(technique.name.capitalize(), f"{'kept' if technique.kept else 'not kept'}: {change}")
    if calibration.outcome.divergence is not None:
        table.add_row("KL from float32", f"{calibration.outcome.divergence:.2e} nats per token")
    table.add_row("Tensors", f"{megabytes(facts.float32_bytes)} to {megabytes(facts.int8_bytes)}")
    console.print(table)
    if left:
        console.print(_float32_table(left))


def add_verdict(table: Table, verdict: Verdict) -> None:
    """The budget, and the dev set's scores before and after."""
    from octavo.calibration.measure.dev_text import METRIC_NAMES

    drop, metric = verdict.drop, METRIC_NAMES[verdict.metric]
    before, after = (scores.score(verdict.metric) for scores in (verdict.float32, verdict.int8))
    table.add_row("Budget", f"kept: at most {verdict.budget:g} {metric} lost")
    table.add_row(
        f"{metric} on {counted(verdict.sentences, 'line')}",
        f"{before:.2f} to {after:.2f}: {abs(drop.points):.2f} {'gained' if drop.points < 0 else 'lost'} "
        f"(95 % interval of the loss {drop.low:.2f} to {drop.high:.2f}, p = {drop.p_value:.3f})",
    )


def _add_speed(table: Table, speed: Speed) -> None:
    if speed.float32 and speed.after and speed.before:
        tokens = f"{speed.float32:,.0f} to {speed.after:,.0f} tokens/s"
        cost = 1 - speed.after / speed.before
        table.add_row("Speed", f"{tokens}, {cost:.0%} given up for the budget" if cost > 0.005 else tokens)


def _float32_table(products: Sequence[FloatProduct]) -> Table:
    table = Table()
    table.add_column("Left in float32", overflow="fold")
    table.add_column("Why")
    table.add_column("Of the work", justify="right")
    for product in products[:_FLOAT32_SHOWN]:
        table.add_row(product.product, product.reason, f"{product.work_share:.1%}")
    if len(products) > _FLOAT32_SHOWN:
        table.add_row(f"and {len(products) - _FLOAT32_SHOWN} more", "see quality.json")
    return table


def megabytes(size_bytes: int) -> str:
    """A size for people."""
    return f"{size_bytes / 1e6:.2f} MB"
