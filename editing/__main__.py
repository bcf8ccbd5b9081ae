"""The command line: ``python -m editing COMMAND``.

Exit codes: 0 done; 1 a picture or a weight failed, and stderr says why in one line; 2 the command was wrong.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from editing import __version__
from editing.errors import EditingError, OptionError

# The heavy imports (torch, 2 s) are made by the commands that need them, so that --help and mistakes answer at once.


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        if argv[:1] == ["train"]:
            from editing.training.command import run as train

            return train(argv[1:])
        options = _parser().parse_args(argv)
        return int(options.command(options))
    except OptionError as error:
        return _fail(error, 2)
    except EditingError as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("Stopped.", 1)
    except BrokenPipeError:  # the reader, such as head, has gone
        sys.stderr.close()
        return 1


def _fail(error: object, code: int) -> int:
    sys.stderr.write(f"editing: {error}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m editing",
        description="Makes and mends pictures with neural networks.",
        epilog="'train' has its own help: python -m editing train --help",
    )
    parser.add_argument("--version", action="version", version=f"Atelier {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_upscale(commands.add_parser("upscale", help="enlarge pictures, or clean them at their own size (scale 1)"))
    _add_weights(commands.add_parser("weights", help="list, verify or fetch the networks' weights"))
    commands.add_parser("doctor", help="say what this machine has, and what is wrong with it").set_defaults(
        command=_doctor
    )
    return parser


# upscale


def _add_upscale(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_upscale)
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IN", help="pictures")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="OUT",
        help="a file, or a folder (always one for several pictures)",
    )
    parser.add_argument("--model", default="photo", help="a name from 'weights list', or a file (default: %(default)s)")
    parser.add_argument("--scale", type=int, default=4, choices=(1, 2, 3, 4), help="default: %(default)s")
    parser.add_argument(
        "--longest", type=int, metavar="N", help="longest side of the result in pixels, instead of --scale"
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, metavar="X", help="0 a plain enlargement, 1 the network's (default: 1)"
    )
    parser.add_argument("--tile", default="auto", metavar="auto|N", help="side of a tile in pixels (default: auto)")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"), help="default: %(default)s")
    parser.add_argument("--no-color-lock", action="store_true", help="keep the network's own colours")
    parser.add_argument("--format", choices=("png", "jpg", "webp", "tif"), help="of files in a folder (default: png)")
    parser.add_argument("--strip", action="store_true", help="leave out all metadata, the recipe too")
    parser.add_argument("--keep-gps", action="store_true", help="keep the GPS position, which is dropped otherwise")


def _upscale(arguments: argparse.Namespace) -> int:
    from editing.upscale import UpscaleOptions

    options = UpscaleOptions(
        model=arguments.model, scale=arguments.scale, longest=arguments.longest, strength=arguments.strength,
        tile=_tile(arguments.tile), precision=arguments.precision, color_lock=not arguments.no_color_lock,
    )  # fmt: skip
    targets = _targets(
        arguments,
        f"-{Path(options.model).stem}-" + (f"{options.longest}px" if options.longest else f"x{options.scale}"),
    )

    from editing import images, runtime, upscale

    upscale.load(options.model, options.precision)  # a wrong model ends it all; a wrong picture only itself
    failed = 0
    for source, target in targets:
        try:
            with _Bar(source.name) as report, runtime.job():
                picture = images.read(source)
                result = upscale.upscale(picture, options, report=report)
                recipe = upscale.recipe(options)
                notices = images.write(
                    result, target, strip=arguments.strip, keep_gps=arguments.keep_gps, recipe=recipe
                )
            drift = upscale.color_drift(picture, result)
        except EditingError as error:
            failed = _fail(error if source.name in str(error) else f"{source.name}: {error}", 1)
            continue
        for notice in (*picture.notices, *notices):
            sys.stderr.write(f"{source.name}: {notice}\n")
        sys.stdout.write(f"{target}  {result.width}x{result.height}  colour drift {drift:.2f} of 255\n")
    return failed


def _tile(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise OptionError(f"--tile is '{text}'; it must be auto or a number of pixels.") from None


def _targets(arguments: argparse.Namespace, suffix: str) -> list[tuple[Path, Path]]:
    """Each input with its output. OUT is a folder when it is one, has no suffix, or the inputs are several."""
    output: Path = arguments.output
    inputs: list[Path] = arguments.inputs
    folder = output.is_dir() or not output.suffix or len(inputs) > 1
    if not folder:
        if arguments.format and output.suffix.lower().lstrip(".") != arguments.format:
            raise OptionError(
                f"--format {arguments.format} contradicts the output '{output.name}': leave one of them out."
            )
        return [(inputs[0], output)]
    if output.exists() and not output.is_dir():
        raise OptionError(f"'{output}' is a file; several pictures need a folder as output.")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EditingError(f"The folder '{output}' can't be made: {error.strerror}. Choose another output.") from error
    targets: list[tuple[Path, Path]] = []
    used: set[Path] = set()
    for source in inputs:
        stem, number = f"{source.stem}{suffix}", 2
        target = output / f"{stem}.{arguments.format or 'png'}"
        while target in used:  # a/cat.png and b/cat.png
            target, number = output / f"{stem}-{number}.{arguments.format or 'png'}", number + 1
        used.add(target)
        targets.append((source, target))
    return targets


class _Bar:
    """A tqdm bar as a pipeline's report."""

    def __init__(self, name: str, unit: str = "tile") -> None:
        from tqdm import tqdm

        self.bar = tqdm(desc=name, unit=unit, unit_scale=unit == "B", leave=False, disable=None, file=sys.stderr)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def __call__(self, done: int, total: int, note: str = "") -> None:
        self.bar.total = total or None
        if note:
            self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(done - self.bar.n)


# weights


def _add_weights(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    actions.add_parser("list", help="what there is, where it comes from, and its licence").set_defaults(command=_list)
    verify = actions.add_parser("verify", help="read every weight that is here and compare its sha256")
    verify.set_defaults(command=_verify)
    fetch = actions.add_parser("fetch", help="download a weight from its official release")
    fetch.set_defaults(command=_fetch)
    fetch.add_argument("name", metavar="NAME")


def _list(_: argparse.Namespace) -> int:
    from editing import weights

    for row in weights.rows():
        sys.stdout.write(
            f"{row.name:<14} {row.task:<9} {row.state:<12} {row.title} ({row.architecture}; {row.licence})\n"
        )
        sys.stdout.write(textwrap.indent(row.where, " " * 15) + "\n")
    for problem in weights.problems():
        _fail(problem.reason, 0)
    return 0


def _verify(_: argparse.Namespace) -> int:
    from editing import weights

    failed = 0
    for weight in weights.weights_for():
        if weights.path_of(weight) is None:
            sys.stdout.write(f"{weight.name:<14} not here\n")
            continue
        try:
            sys.stdout.write(f"{weight.name:<14} {weights.verify(weight)}\n")
        except EditingError as error:
            failed = _fail(error, 1)
    for problem in weights.problems():
        failed = _fail(problem.reason, 1)
    return failed


def _fetch(arguments: argparse.Namespace) -> int:
    from editing import weights

    with _Bar(arguments.name, "B") as report:
        path = weights.fetch(arguments.name, report)
    sys.stdout.write(f"{path}\n")
    return 0


# doctor


def _doctor(_: argparse.Namespace) -> int:
    """One line for each thing that can be wrong, beginning with ok or problem; exit code 1 if anything is."""
    from editing import doctor

    failed = 0
    for check in doctor.checks():
        sys.stdout.write(f"{'ok     ' if check.ok else 'problem'}  {check.text}\n")
        failed |= not check.ok
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
