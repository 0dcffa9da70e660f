"""What a calibrated quantization measured, as data.

Depends on: octavo.calibration.choose and below.
"""
