"""The engine's arithmetic in numpy, bit for bit: the oracles that tests hold the engine to.

Nothing that ships imports this package.
"""

from octavo.simulation.integer_transformer import IntegerSimulation
from octavo.simulation.transformer import Simulation

__all__ = ["IntegerSimulation", "Simulation"]
