"""Speed of rewriting weights and of undoing it."""
