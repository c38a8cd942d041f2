"""The steps of a match, each made once and kept."""
