"""Training a Transformer by a recipe: ``octavo train``."""
