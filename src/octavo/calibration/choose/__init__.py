"""The choice of a candidate, and the gate: which products must stay in float32 for the budget to hold."""
