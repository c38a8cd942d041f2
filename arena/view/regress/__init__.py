"""`arena regress` and the pytest plugin: a test that fails when protection weakens."""
