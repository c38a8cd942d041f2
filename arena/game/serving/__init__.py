"""What a party puts between its model and whoever asks: wrappers, who runs them, what was asked.

Importing the package registers the wrappers that ship with the arena.
"""

from arena.game.serving import plain_wrappers
from arena.game.serving.query_log import Query, QueryLog
from arena.game.serving.service import Service
from arena.game.serving.wrapper import Answer, Client, Wrapper, wrapper, wrappers

__all__ = [
    "Answer",
    "Client",
    "Query",
    "QueryLog",
    "Service",
    "Wrapper",
    "plain_wrappers",
    "wrapper",
    "wrappers",
]
