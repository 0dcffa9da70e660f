"""Shortlists built from what a model translates: read, translate, align, count, choose, measure.

Depends on: octavo.calibration (DevText, Visit), octavo.runs, octavo.translation, octavo.engine,
octavo.artifact.
"""
