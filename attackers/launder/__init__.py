"""Launderers: what is done to outputs before they are passed on."""
