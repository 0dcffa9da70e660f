"""Calibration of an Integer Transformer: a model of integers alone."""
