"""Marks in generators and in the images that they make."""
