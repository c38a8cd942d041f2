"""The standard suite: one number for a protection, and the board that compares protections."""
