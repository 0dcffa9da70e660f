"""What the float model does on the calibration text: its translations, and figures of its tensors.

Depends on: octavo.calibration.text, octavo.quantization, octavo.engine, octavo.runs.
"""
