"""The games that ship: TOML files, and nothing that runs."""
