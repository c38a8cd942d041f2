"""Thieves that change the weights of what they stole."""
