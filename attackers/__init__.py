"""Attackers: a folder for each family. Importing the package registers all of them."""

from arena.game.sides.plugins import import_below

import_below(__name__, __path__)
