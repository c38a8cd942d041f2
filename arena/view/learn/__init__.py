"""What a person types and sees of players that learn: `arena train` and `arena solve`."""
