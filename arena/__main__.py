"""`python -m arena` is the command `arena`."""

from arena.view.cli import main

main()
