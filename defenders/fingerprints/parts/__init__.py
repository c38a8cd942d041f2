"""What fingerprints are put together from: samplers, representations, distances."""
