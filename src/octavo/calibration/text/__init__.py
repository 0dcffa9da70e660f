"""Calibration text: which sentences are taken, as token ids.

Depends on: octavo.evaluation, octavo.engine, octavo.artifact, octavo.text.
"""
