"""The command line `parley`: its commands, and the one place where errors become sentences."""

from typing import Any

import typer
from typer.core import TyperGroup

from parley.errors import ParleyError
from parley_cli.commands import ask, audit, demo, fleet, models, rooms, say, settings, stack


class SentencesForErrors(TyperGroup):
    """A group of commands whose errors are one sentence on stderr and exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn our errors into a sentence and an exit status."""
        try:
            return super().invoke(ctx)
        except ParleyError as error:
            typer.echo(f"parley: {error}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    name="parley",
    cls=SentencesForErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Turns LiveKit voice rooms into a record that people trust.",
)
stack.add_to(app)
demo.add_to(app)
rooms.add_to(app)
fleet.add_to(app)
audit.add_to(app)
say.add_to(app)
ask.add_to(app)
models.add_to(app)
settings.add_to(app)

if __name__ == "__main__":
    app()
