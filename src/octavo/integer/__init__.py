"""The Integer Transformer: its forward pass over any arithmetic, and a float one frozen into integers."""

from octavo.integer.forward import ForwardPass
from octavo.integer.real import RealArithmetic, RealTransformer
from octavo.integer.site_scales import SiteScales

__all__ = ["ForwardPass", "RealArithmetic", "RealTransformer", "SiteScales"]
