"""What a calibrated quantization measured, as data."""
