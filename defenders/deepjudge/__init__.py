"""DeepJudge: test cases of the victim, six distances, and a judge (Chen et al., S&P 2022)."""

from defenders.deepjudge.player import DeepJudge

__all__ = ["DeepJudge"]
