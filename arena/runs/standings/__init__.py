"""Standings: pay-off tables, equilibria, ratings, leaderboards."""
