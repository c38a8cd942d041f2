"""One match, round by round: Uchida's mark against pruning and fine-tuning on the digits.

python examples/play_a_match.py
"""

import arena

played = arena.play(
    owner="uchida",
    thief=[{"move": "prune", "strength": 0.5}, "ft-al"],
    data="digits",
    changes={"task.recipe.epochs": 4},
)
print(played)
final = played.final
print("the owner proves its case" if final.caught else f"the thief earns {final.payoff:.2f}")
