"""Models behind URLs: what travels, who asks, who answers."""
