"""Ways to quantize a model: which products run in int8, the ranges of their inputs, the model that results.

Depends on: octavo.calibration.observe, octavo.quantization.
"""
