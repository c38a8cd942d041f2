"""Strangers' players: each in a process of its own, in a sandbox, behind a channel."""
