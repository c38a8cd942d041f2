"""Public: the maths of marks in weights and activations, and the form of their keys."""
