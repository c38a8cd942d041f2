"""Players that learn: environments of a scenario, algorithms, and what they learnt as files."""
