"""Shortlists built from what a model translates: read, translate, align, count, choose, measure.

Depends on: octavo.calibration (progress, dev sets), octavo.translation, octavo.engine, octavo.artifact.
"""
