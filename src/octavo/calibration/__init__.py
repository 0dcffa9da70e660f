"""Calibrated quantization: what runs the engine to decide how a model is quantized, and proves it.

Its rooms, each importing only those before it: text, observe, candidates, measure, choose, report, then page
and integer; ``quantize`` puts them together.
"""
