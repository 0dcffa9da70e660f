"""Calibration of an Integer Transformer: a model of integers alone.

Depends on: octavo.calibration.report and below, octavo.integer.
"""
