"""Calibration text: which sentences are taken, as token ids."""
