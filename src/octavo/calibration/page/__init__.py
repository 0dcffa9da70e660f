"""The quality report as a page of HTML.

Depends on: octavo.calibration.report.
"""
