"""How much the program says: flags that stand before the verb or after it."""

from typing import Any

import click

_FLAGS = (
    ("quiet", "-q", "Say nothing but errors."),
    ("verbose", "-v", "Say more, and show tracebacks of internal errors."),
    ("no_color", "", "No colours (also: the NO_COLOR variable)."),
)


def give_volume_flags(command: click.Command) -> None:
    """Let a verb, and each verb below it, take the flags of the whole program too."""
    below = command.commands.values() if isinstance(command, click.Group) else ()
    for one in below:
        give_volume_flags(one)
        one.params += [_flag(name, short, text) for name, short, text in _FLAGS]


def _flag(name: str, short: str, text: str) -> click.Option:
    def note(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        del param
        if value:
            setattr(ctx.obj, name, True)

    names = [f"--{name.replace('_', '-')}", *filter(None, [short])]
    return click.Option(names, is_flag=True, expose_value=False, callback=note, help=text)
