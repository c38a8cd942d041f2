"""The rules: threat models, meters, keys, scores."""
