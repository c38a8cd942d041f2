"""A match as a graph of pure steps, and who chooses its moves."""
