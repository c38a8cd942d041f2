"""What fingerprints see: copies beside innocents, and who learnt from the owner's data."""
