"""The console that every command prints on: what strangers wrote is text, and steers nothing."""

from __future__ import annotations

from collections.abc import Iterable

from rich import console as rich_console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from arena.view.plain_output import visible


class Console(rich_console.Console):
    """A console of rich that takes nothing for markup or emoji, and writes control characters out.

    Args:
        stderr: write to the standard error.
        soft_wrap: leave lines as long as they are.
        highlight: colour numbers and the like.
        markup: take `[bold]` and the like for styles: only for texts that are ours alone.
    """

    def __init__(
        self,
        *,
        stderr: bool = False,
        soft_wrap: bool = False,
        highlight: bool = False,
        markup: bool = False,
    ) -> None:
        super().__init__(
            stderr=stderr, soft_wrap=soft_wrap, highlight=highlight, markup=markup, emoji=False
        )

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the segments of something to print, control characters in its text written out."""
        for segment in super().render(renderable, options):
            if segment.control:  # rich's own, which moves the cursor of a bar
                yield segment
            else:
                yield segment._replace(text=visible(segment.text))
