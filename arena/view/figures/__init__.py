"""Every plot of the arena."""
