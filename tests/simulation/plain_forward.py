"""The static forward pass once more, in plain Python integers, from docs/numerics.md, "Integer precision"."""

from __future__ import annotations

import math

from tests.scale_propagation import plain_scales as plain

from octavo.artifact.positions import position_table
from octavo.model.config import Positions
from octavo.quantization import TensorModel

Row = list[int]


def clamp(y: int, low: int, high: int) -> int:
    return max(low, min(high, y))


def u8(y: int) -> int:
    return clamp(y + 128, 0, 255)


def s16(y: int) -> int:
    return clamp(y, -32767, 32767)


class PlainForward:
    """One sentence through a model; ``sums`` are those of every weight product, by its name."""

    def __init__(self, model: TensorModel) -> None:
        self.model, self.config = model, model.config
        self.sums: dict[str, list[Row]] = {}

    def integers(self, name: str) -> list:
        return self.model.tensors[name].tolist()

    def times(self, x: int, m: int, h: int) -> int:
        """x ⊗ (m, h)."""
        return plain.round_shift(x * m, 32 + h)

    def logits(self, source: list[int], target: list[int]) -> list[Row]:
        config = self.config
        tokens = [*source, config.eos_id] if config.source_eos else source
        x = self.embedding("encoder", "encoder.embedding.weight", tokens)
        for i in range(config.encoder_layers):
            x = self.self_attention(f"encoder.layers.{i}.self_attention", x, causal=False)
            x = self.feed_forward(f"encoder.layers.{i}.feed_forward", x)
        memory = self.norm("encoder.norm", x)
        table = "encoder.embedding.weight" if config.shared_embeddings else "decoder.embedding.weight"
        x = self.embedding("decoder", table, [config.decoder_start_id, *target])
        for i in range(config.decoder_layers):
            x = self.self_attention(f"decoder.layers.{i}.self_attention", x, causal=True)
            name = f"decoder.layers.{i}.cross_attention"
            x = self.attention(name, x, self.norm(f"{name}.norm", x), memory, causal=False)
            x = self.feed_forward(f"decoder.layers.{i}.feed_forward", x)
        weight = table if config.tied_output else "output.weight"
        return self.product("output", self.norm("decoder.norm", x), 128, weight, bias=config.output_bias)

    def embedding(self, side: str, table: str, tokens: list[int]) -> list[Row]:
        rows, m, h = (
            self.integers(n) for n in (table, f"{side}.embedding.multiplier", f"{side}.embedding.shift")
        )
        return [
            [
                s16(self.times(q, m[token], h[token]) + position)
                for q, position in zip(rows[token], self.position(side, place), strict=True)
            ]
            for place, token in enumerate(tokens, self.config.position_offset)
        ]

    def position(self, side: str, place: int) -> Row:
        if self.config.positions is Positions.LEARNED:
            return self.integers(f"{side}.positions.weight")[place]
        s = self.model.integer_scales.residual(side)
        return [s16(math.floor(float(p) * s + 0.5)) for p in position_table(self.config)[place]]

    def product(
        self, name: str, x: list[Row], z: int, weight: str | None = None, *, bias: bool = True
    ) -> list[Row]:
        w, m, h = (
            self.integers(n) for n in (weight or f"{name}.weight", f"{name}.multiplier", f"{name}.shift")
        )
        b = self.integers(f"{name}.bias") if bias else [0] * len(m)
        self.sums[name] = [
            [sum((q - z) * v for q, v in zip(row, w[n], strict=True)) + b[n] for n in range(len(m))]
            for row in x
        ]
        assert all(abs(s) < 2**31 for row in self.sums[name] for s in row)
        return [[self.times(s, m[n], h[n]) for n, s in enumerate(row)] for row in self.sums[name]]

    def norm(self, name: str, x: list[Row]) -> list[Row]:
        gain, bias, (h,) = (self.integers(f"{name}.{part}") for part in ("weight", "bias", "shift"))
        return [self.norm_row(row, gain, bias, h) for row in x]

    def norm_row(self, x: Row, gain: Row, bias: Row, h: int) -> Row:
        d = len(x)
        centred = [d * value - sum(x) for value in x]
        deviation = max(1, sum(abs(c) for c in centred))
        f = plain.over(plain.of_integer(d << 10), plain.of_integer(deviation))
        y = [plain.apply(c, f) * g + b for c, g, b in zip(centred, gain, bias, strict=True)]
        assert all(abs(value) < 2**31 for value in y)
        return [u8(plain.round_shift(value, h)) for value in y]

    def self_attention(self, name: str, x: list[Row], *, causal: bool) -> list[Row]:
        y = self.norm(f"{name}.norm", x)
        return self.attention(name, x, y, y, causal=causal)

    def attention(
        self, name: str, x: list[Row], y: list[Row], memory: list[Row], *, causal: bool
    ) -> list[Row]:
        inputs = (("query", y), ("key", memory), ("value", memory))
        q, k, v = (
            [[u8(value) - 128 for value in row] for row in self.product(f"{name}.{part}", rows, 128)]
            for part, rows in inputs
        )
        context = [
            [
                value
                for head in range(self.config.attention_heads)
                for value in self.mix(name, head, q[t], k, v, seen=t + 1 if causal else len(memory))
            ]
            for t in range(len(x))
        ]
        return self.added(x, self.product(f"{name}.output", context, 128))

    def mix(self, name: str, head: int, query: Row, keys: list[Row], values: list[Row], seen: int) -> Row:
        columns = slice(head * self.config.head_dim, (head + 1) * self.config.head_dim)
        bias, delta, shift = (
            self.integers(f"{name}.polynomial.{part}")[head] for part in ("bias", "delta", "delta_shift")
        )
        q = query[columns]
        scores = [sum(a * b for a, b in zip(q, key[columns], strict=True)) for key in keys[:seen]]
        w = self.weights([max(score + bias, 0) for score in scores], delta, shift)
        c = (
            self.integers(f"{name}.context_multiplier")[head],
            self.integers(f"{name}.context_exponent")[head],
        )
        f = plain.over(c, plain.of_integer(max(255, sum(w))))
        rows = [value[columns] for value in values[:seen]]
        sums = [sum(a * row[i] for a, row in zip(w, rows, strict=True)) for i in range(len(q))]
        return [u8(plain.apply(s, f)) for s in sums]

    def weights(self, y: Row, delta: int, delta_shift: int) -> Row:
        n = self.config.polynomial_degree
        t = max(0, max(y).bit_length() - 15)
        y = [min(plain.round_shift(value, t), 32767) if t else value for value in y]
        p = []
        for value in y:
            power = value
            for bit in bin(n)[3:]:
                power = plain.round_shift(power * power, 15)
                if bit == "1":
                    power = plain.round_shift(power * value, 15)
            p.append(power)
        bits = delta_shift + n * t
        added = 0 if bits > 62 else min(32767, plain.round_shift(delta, bits))
        p = [value + added for value in p]
        r = (255 << 22) // max(1, *p)
        return [plain.round_shift(value * r, 22) for value in p]

    def feed_forward(self, name: str, x: list[Row]) -> list[Row]:
        inner = self.product(f"{name}.inner", self.norm(f"{name}.norm", x), 128)
        hidden = [[clamp(y, 0, 255) for y in row] for row in inner]
        return self.added(x, self.product(f"{name}.outer", hidden, 0))

    def added(self, x: list[Row], y: list[Row]) -> list[Row]:
        return [[s16(a + b) for a, b in zip(row, more, strict=True)] for row, more in zip(x, y, strict=True)]
