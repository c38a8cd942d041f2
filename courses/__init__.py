"""The assignments that ship: hand-outs, hidden parts and solutions. Nothing here is imported."""
