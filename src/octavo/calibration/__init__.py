"""Calibrated quantization: what runs the engine to decide how a model is quantized, and proves it.

Depends on: octavo.quantization, octavo.evaluation, octavo.translation, octavo.engine, octavo.artifact.
"""
