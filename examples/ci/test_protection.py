"""Fails when the mark in `protected/mine.safetensors` gets weaker."""

from arena.view.regress.fixture import UnderTest


def test_the_mark_survives_noise(protection: UnderTest) -> None:
    protection.survives("noise", deviation=0.5)


def test_the_mark_survives_fine_tuning(protection: UnderTest) -> None:
    protection.survives("ft-al", epochs=3)


def test_nobody_else_is_accused(protection: UnderTest) -> None:
    protection.false_positive_rate(max=0.05, innocents=6, epochs=5)
