"""Thieves who host what they stole: what they put between it and whoever asks."""
