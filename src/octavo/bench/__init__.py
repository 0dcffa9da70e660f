"""How fast this machine translates, and how near that is to what it could do.

Depends on: octavo.calibration, octavo.quantization, octavo.race, octavo.engine, octavo.artifact,
octavo.plan, octavo.spec.
Nothing is imported here, so that a process whose memory is measured loads only what it needs.
"""
