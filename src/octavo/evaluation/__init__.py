"""How good and how fast a model translates: quality scores, and the PyTorch reference to compare with."""
