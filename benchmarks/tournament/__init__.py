"""Speed of tournaments, leaderboards and environments."""
