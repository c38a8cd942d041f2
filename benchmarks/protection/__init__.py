"""Protection of a person's own model: how often its regression test is wrong, either way."""
