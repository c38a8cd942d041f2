"""The commands: what each was asked for, and what it says."""
