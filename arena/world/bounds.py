"""The most that a person may ask for: what is beyond is a slip, and fits no memory and no life."""

from __future__ import annotations

JOBS_PER_CORE = 8  # steps at a time, on this machine
REPEATS = 10_000  # of a match; victims and seeds of a suite
INNOCENTS = 10_000  # of one kind: each is a model to train
STRENGTHS = 100  # at which each player is on offer
ROUNDS = 1_000  # of a thief who learns
SETTING = 10_000_000  # what a whole number among a player's settings may be

EPOCHS = 1_000_000
STEPS = 1_000_000_000  # of training, or of an environment
BATCH = 1_000_000  # examples
PADDING = 256  # pixels on each side of an image

SECONDS = 10_000_000  # of a step: 115 days
MEMORY_MB = 2**24  # of a process: 16 TiB
COUNT = 2**53  # of anything that is counted: up to here every whole number is a float
DECIMALS = 15  # of a float that say something
