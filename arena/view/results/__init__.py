"""The results of a tournament as numbers, tables and event files."""
