"""How much noise does a mark in the weights survive? One victim, the same move ever harsher.

    python examples/sweep_strength.py

A memo keeps what was made: the victim is trained once, and each match adds one round.
"""

import arena
from arena.game.match.steps.step_cache import MemoryMemo

memo = MemoryMemo()
print("strength  accuracy  bits wrong  caught")
for strength in (0.0, 0.5, 1.0):
    played = arena.play(
        owner="uchida",
        thief={"move": "prune", "strength": strength},
        changes={"task.recipe.epochs": 4},
        memo=memo,
    )
    row = played.final
    print(f"{strength:8.2f}  {row.utility:8.3f}  {row.statistic:10.3f}  {row.caught}")
