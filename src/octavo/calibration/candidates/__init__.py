"""Ways to quantize a model: products in int8, ranges of inputs, the resulting model."""
