"""Fails when the mark in `protected/mine.safetensors` gets weaker."""


def test_the_mark_survives_noise(protection):
    protection.survives("noise", deviation=0.5)


def test_the_mark_survives_fine_tuning(protection):
    protection.survives("ft-al", epochs=3)


def test_nobody_else_is_accused(protection):
    protection.false_positive_rate(max=0.05, innocents=6, epochs=5)
