"""What a person sees of the demo: captions as they come, stages, the summary, one table."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from parley.domain.summary import Summary
from parley_cli.demo.listener import Caption

_COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")


class Screen:
    """Prints to a terminal with captions that change in place, elsewhere plain lines."""

    def __init__(self, console: Console, names: dict[str, str]) -> None:
        """Show to this console; `names` is who takes part, by identity."""
        self._console = console
        self._names = names
        self._colours = dict(zip(names, _COLOURS * 9, strict=False))
        self._open: dict[str, Text] = {}
        self._live = Live(console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        """Begin to show captions that change."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        self._live.stop()

    def caption(self, caption: Caption, at_s: float, late_ms: int | None) -> None:
        """Show a caption update; a final one stays, a partial one is replaced by the next.

        Args:
            caption: the update.
            at_s: when it came, in seconds since the meeting's start.
            late_ms: how long after the audio it came, if that is known.
        """
        line = Text.assemble(
            (f"{at_s:6.1f} s  ", "dim"),
            (f"{self._names.get(caption.identity, caption.identity):<7}", self._style(caption)),
        )
        line.append(caption.text, style="" if caption.final else "dim italic")
        if late_ms is not None:
            line.append(f"  +{late_ms / 1000:.2f} s", style="dim")
        if caption.final:
            self._open.pop(caption.segment_id, None)
            self._console.print(line, soft_wrap=True)
        else:
            self._open[caption.segment_id] = line
        self._live.update(Group(*self._open.values()))

    def stage(self, text: str) -> None:
        """Say that something happened."""
        self._console.print(Text.assemble(("✓ ", "green"), text), soft_wrap=True)

    def now(self, text: str) -> None:
        """Say what is being done now."""
        self._console.print(Text.assemble(("· ", "dim"), (text, "dim")), soft_wrap=True)

    def event(self, at_s: float, text: str) -> None:
        """Say what a participant does."""
        self._console.print(Text(f"{at_s:6.1f} s  {text}", style="dim"), soft_wrap=True)

    def summary(self, summary: Summary, said: dict[str, str]) -> None:
        """Show a summary; `said` is the text of every segment by id."""
        print_summary(self._console, summary, said, self._names)

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines as they are."""
        for line in lines:
            self._console.print(line, soft_wrap=True)

    def _style(self, caption: Caption) -> str:
        return f"bold {self._colours.get(caption.identity, 'white')}"


def print_summary(
    out: Console, summary: Summary, said: dict[str, str], names: dict[str, str]
) -> None:
    """Print a summary; each action item is followed by the words that it cites.

    Args:
        out: where to.
        summary: the summary.
        said: the text of every segment by id.
        names: of the participants, by identity.
    """
    made_by = summary.model or summary.engine
    out.print(Text.assemble("\n", ("Summary", "bold"), (f"  by {made_by}", "dim")))
    out.print(summary.content.summary, soft_wrap=True)
    for entry in summary.content.action_items:
        who = entry.participant_identity
        out.print(Text(names.get(who) or who, style="bold"))
        for action in entry.participant_actions:
            due = f"  (due {action.due})" if action.due else ""
            out.print(Text(f"  → {action.text}{due}"), soft_wrap=True)
            for cited in action.segment_ids:
                words = said.get(cited, "NOT IN THE TRANSCRIPT")
                out.print(Text(f"      “{words}”  {cited}", style="dim"), soft_wrap=True)
    for lost in summary.missing:
        out.print(Text(f"missing: {lost.identity}, {lost.reason}", style="yellow"), soft_wrap=True)
