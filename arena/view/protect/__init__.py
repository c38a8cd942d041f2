"""`arena protect`, `arena verify` and `arena keys`: a person's own model, its key, and suspects."""
