"""The two sides of a match, and what each may touch."""
