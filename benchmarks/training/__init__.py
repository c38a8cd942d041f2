"""Speed of the training engine, of pools of models, and of embedding marks."""
