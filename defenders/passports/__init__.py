"""Passports: normalisations that only their owner can run."""
