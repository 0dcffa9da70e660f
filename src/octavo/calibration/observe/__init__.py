"""What the float model does on the calibration text: its translations, and figures of its tensors."""
