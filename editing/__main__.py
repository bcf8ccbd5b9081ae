"""The command line, ``python -m editing COMMAND`` or ``atelier COMMAND``: arguments to an exit code.

Exit codes: 0 done; 1 a picture or a weight failed, and stderr says why in one line; 2 the command was wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from editing import __version__, messages
from editing.cli import doctor, generate, repair, stylize, upscale, weights
from editing.cli.common import FAILED, WRONG, fail
from editing.errors import EditingError, OptionError

COMMANDS = {
    "upscale": upscale,
    "repair": repair,
    "stylize": stylize,
    "generate": generate,
    "weights": weights,
    "doctor": doctor,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        if argv[:1] == ["train"]:
            from editing.training.command import run as train

            return train(argv[1:])
        arguments = parser().parse_args(argv)
        return int(arguments.run(arguments))
    except OptionError as error:
        return fail(error, WRONG)
    except EditingError as error:
        return fail(error)
    except KeyboardInterrupt:
        return fail(messages.STOPPED.en)
    except BrokenPipeError:  # the reader, such as head, has gone
        sys.stderr.close()
        return FAILED


def parser() -> argparse.ArgumentParser:
    """All commands but ``train`` with their flags; each sets ``run``."""
    program = "atelier" if Path(sys.argv[0]).stem == "atelier" else "python -m editing"
    whole = argparse.ArgumentParser(
        prog=program,
        description="Makes and mends pictures with neural networks.",
        epilog=f"'train' has its own help: {program} train --help",
    )
    whole.add_argument("--version", action="version", version=f"Atelier {__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.HELP, description=command.HELP)
        one.set_defaults(run=command.run)
        command.add(one)
    return whole


if __name__ == "__main__":
    sys.exit(main())
