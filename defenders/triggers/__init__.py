"""Marks in the answers to secret inputs."""
