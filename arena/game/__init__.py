"""One match: access, players, evidence, referee, score, environments."""
