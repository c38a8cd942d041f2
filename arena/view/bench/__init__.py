"""What a person types and sees of the standard suite: `arena bench` and `arena board`."""
