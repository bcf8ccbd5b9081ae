"""The command line: ``python -m editing COMMAND``.

Exit codes: 0 done; 1 a picture or a weight failed, and stderr says why in one line; 2 the command was wrong.
"""

from __future__ import annotations

import argparse
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editing import __version__
from editing.errors import EditingError, OptionError, Stopped
from editing.options import ClipOptions, GenerateOptions, RepairOptions, UpscaleOptions

if TYPE_CHECKING:
    from editing.options import UpscaleOptions
    from editing.pictures.picture import Picture, Pixels
    from editing.report import Report

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
    _add_upscale(commands.add_parser("upscale", help="enlarge pictures and clips, or clean them (scale 1)"))
    _add_repair(commands.add_parser("repair", help="restore faces, fill what a mask covers, or make faces unknown"))
    _add_stylize(commands.add_parser("stylize", help="repaint pictures in the style of a painting or of any picture"))
    _add_generate(commands.add_parser("generate", help="draw pictures from seeds, or a walk along several"))
    _add_weights(commands.add_parser("weights", help="list, verify or fetch the networks' weights"))
    commands.add_parser("doctor", help="say what this machine has, and what is wrong with it").set_defaults(
        command=_doctor
    )
    return parser


# upscale


def _add_output(parser: argparse.ArgumentParser) -> None:
    help_text = "a file, or a folder (always one for several pictures)"
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help=help_text)


def _add_upscale(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_upscale)
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IN", help="pictures and clips")
    _add_output(parser)
    parser.add_argument(
        "--model", help="a name from 'weights list', or a file (default: photo-fast, where there is a GPU photo)"
    )
    parser.add_argument(
        "--scale", type=int, choices=(1, 2, 3, 4), help="default: 4, or as much as the model does; 1 for denoisers"
    )
    parser.add_argument(
        "--sigma", default="auto", metavar="auto|N",
        help="for denoisers: how strong the noise is, 0 to 75 of 255; auto tells it from the picture (default)",
    )  # fmt: skip
    parser.add_argument(
        "--longest", type=int, metavar="N", help="longest side of the result in pixels, instead of --scale"
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, metavar="X", help="0 a plain enlargement, 1 the network's (default: 1)"
    )
    parser.add_argument("--tile", default="auto", metavar="auto|N", help="side of a tile in pixels (default: auto)")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"), help="default: %(default)s")
    parser.add_argument("--no-color-lock", action="store_true", help="keep the network's own colours")
    parser.add_argument(
        "--steady", type=float, metavar="X",
        help="of clips: less flicker where nothing moves, 0 none to 1 (default: 0.5; 0 with denoisers)",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=("png", "jpg", "webp", "tif", "mp4", "webm", "gif", "apng"),
        help="of files in a folder (default: png; of a clip as it was, or mp4)",
    )  # fmt: skip
    _add_metadata(parser)


def _add_metadata(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strip", action="store_true", help="leave out all metadata, the recipe too")
    parser.add_argument("--keep-gps", action="store_true", help="keep the GPS position, which is dropped otherwise")


def _upscale(arguments: argparse.Namespace) -> int:
    from editing import runtime
    from editing.clips import steady
    from editing.clips.read import is_clip, is_video
    from editing.clips.write import CLIP_SUFFIXES
    from editing.pictures.read import read_picture
    from editing.pictures.write import write_picture
    from editing.pipelines import upscale

    options = UpscaleOptions(
        model=arguments.model or upscale.named("auto"), scale=arguments.scale, longest=arguments.longest,
        strength=arguments.strength, tile=_tile(arguments.tile), precision=arguments.precision,
        color_lock=not arguments.no_color_lock,
        sigma=arguments.sigma,
    )  # fmt: skip
    if arguments.steady is not None:
        steady.check(arguments.steady)
    options = upscale.settle(options)  # a wrong model ends it all; a wrong picture only itself
    targets = _targets(
        arguments,
        f"-{Path(options.model).stem}-" + (f"{options.longest}px" if options.longest else f"x{options.scale}"),
    )
    failed = 0
    for source, target in targets:
        try:
            if is_video(source) or (target.suffix.lower() in CLIP_SUFFIXES and is_clip(source)):
                _upscale_clip(source, target, options, arguments)
                continue
            with _Bar(source.name) as report, runtime.job():
                picture = read_picture(source)
                made = upscale.settle(options, picture)
                result = upscale.upscale(picture, made, report=report)
                recipe = upscale.recipe(made)
                notices = write_picture(
                    result, target, strip=arguments.strip, keep_gps=arguments.keep_gps, recipe=recipe
                )
            drift = upscale.color_drift(picture, result)
        except Stopped:
            raise
        except EditingError as error:
            failed = _fail(error if source.name in str(error) else f"{source.name}: {error}", 1)
            continue
        for notice in (*picture.notices, *notices):
            sys.stderr.write(f"{source.name}: {notice}\n")
        sigma = "" if made.sigma is None else f"  sigma {made.sigma:g} of 255"
        sys.stdout.write(f"{target}  {result.width}x{result.height}  colour drift {drift:.2f} of 255{sigma}\n")
    return failed


def _upscale_clip(source: Path, target: Path, options: UpscaleOptions, arguments: argparse.Namespace) -> None:
    from editing import runtime
    from editing.pipelines import clips

    clip_options = ClipOptions(upscale=options, steady=arguments.steady)
    try:
        with _Bar(source.name, "frame") as bar, runtime.job(), _interrupt_as_stop(bar) as report:
            result = clips.upscale_clip(
                source, target, clip_options, report=report, strip=arguments.strip, keep_gps=arguments.keep_gps
            )
    except Stopped:
        part = clips.partial(target)
        if not part.exists():
            raise
        raise Stopped(f"Stopped: '{part}' holds what is done, and the same command goes on from there.") from None
    for notice in result.notices:
        sys.stderr.write(f"{source.name}: {notice}\n")
    sigma = "" if result.sigma is None else f"  sigma {result.sigma:g} of 255"
    facts = f"{result.width}x{result.height}  {result.frames} frames  {result.seconds:.2f} s{sigma}"
    sys.stdout.write(f"{target}  {facts}\n")


@contextmanager
def _interrupt_as_stop(report: Report) -> Iterator[Report]:
    """A report that raises Stopped after the first Ctrl-C, so that nothing breaks off in the middle of a frame."""
    pressed: list[int] = []

    def press(number: int, _: object) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, usual)

    def stopping(done: int, total: int, note: str = "") -> None:
        if pressed:
            raise Stopped("Stopped.")
        report(done, total, note)

    usual = signal.signal(signal.SIGINT, press)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGINT, usual)


def _tile(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise OptionError(f"--tile is '{text}'; it must be auto or a number of pixels.") from None


def _targets(arguments: argparse.Namespace, suffix: str, *, clips: bool = True) -> list[tuple[Path, Path]]:
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
    from editing.clips.write import usual_suffix

    _make_folder(output)
    targets: list[tuple[Path, Path]] = []
    used: set[Path] = set()
    for source in inputs:
        stem, number = f"{source.stem}{suffix}", 2
        ending = f".{arguments.format}" if arguments.format else (clips and usual_suffix(source)) or ".png"
        target = output / f"{stem}{ending}"
        while target in used:  # a/cat.png and b/cat.png
            target, number = output / f"{stem}-{number}{ending}", number + 1
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


# repair


def _add_repair(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_repair)
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IN", help="pictures")
    _add_output(parser)
    parser.add_argument("--mask", type=Path, metavar="FILE", help="a picture: what is white, or opaque, is filled")
    parser.add_argument(
        "--faces", default="all", metavar="all|none|N,N", help="which, numbered from left to right (default: all)"
    )
    parser.add_argument(
        "--box", action="append", default=[], metavar="L,T,R,B",
        help="a face that is not found, in pixels from the upper left; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--fidelity", type=float, default=0.5, metavar="X",
        help="1 as close to the picture as it can, 0 as clean as it can (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--strength", type=float, default=1.0, metavar="X", help="0 no change, 1 all (default: 1)")
    parser.add_argument(
        "--model", default="repairer", help="a name from 'weights list', or a file (default: %(default)s)"
    )
    parser.add_argument(
        "--min-size",
        type=int,
        metavar="N",
        help="lower faces are left alone, in pixels (default: by the picture's size)",
    )
    parser.add_argument(
        "--score", type=float, default=0.8, metavar="X", help="how sure a face must be, 0 to 1 (default: %(default)s)"
    )
    parser.add_argument(
        "--filler", default="auto", choices=("auto", "patches", "lama"), help="outside faces (default: %(default)s)"
    )
    parser.add_argument(
        "--anonymise", default="no", choices=("no", "blur", "pixels", "person"),
        help="instead of repairing the faces (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"), help="default: %(default)s")
    parser.add_argument("--format", choices=("png", "jpg", "webp", "tif"), help="of files in a folder (default: png)")
    _add_metadata(parser)


def _repair(arguments: argparse.Namespace) -> int:
    from editing import runtime
    from editing.faces import likeness, restore
    from editing.pictures import masks
    from editing.pictures.read import read_picture
    from editing.pictures.write import write_picture
    from editing.pipelines import repair

    options = RepairOptions(
        model=arguments.model, faces=arguments.faces, boxes=tuple(map(_box, arguments.box)),
        strength=arguments.strength, fidelity=arguments.fidelity, score=arguments.score, min_size=arguments.min_size,
        filler=arguments.filler, anonymise=arguments.anonymise, precision=arguments.precision,
    )  # fmt: skip
    failed = 0
    for source, target in _targets(arguments, "-repaired"):
        try:
            with _Bar(source.name, "step") as report, runtime.job():
                picture = read_picture(source)
                mask = masks.read(arguments.mask, picture.height, picture.width) if arguments.mask else None
                found = repair.find(picture, options, report=report) if options.faces != "none" else []
                persons = _persons(len(found)) if options.anonymise == "person" else ()
                made = repair.repair(picture, options, mask, found=found, persons=persons, report=report)
                result = repair.compose(made)
                notices = write_picture(
                    result, target, strip=arguments.strip, keep_gps=arguments.keep_gps, recipe=repair.recipe(options)
                )
        except EditingError as error:
            failed = _fail(error if source.name in str(error) else f"{source.name}: {error}", 1)
            continue
        for notice in (*picture.notices, *notices):
            sys.stderr.write(f"{source.name}: {notice}\n")
        for face in made.faces:
            alike = face.likeness(options.fidelity)
            if alike is not None and alike < likeness.ALIKE:
                sys.stderr.write(
                    f"{source.name}: face {face.number} may no longer be the same person (likeness {alike:.2f}, "
                    f"{likeness.ALIKE} wanted): raise --fidelity, or leave it out of --faces\n"
                )
            if face.anonymised and face.anonymised != options.anonymise:
                sys.stderr.write(
                    f"{source.name}: face {face.number} is too large for someone who does not exist: squares took the "
                    "place\n"
                )
        if made.faces and options.anonymise == "no":
            licence = restore.load_restorer(options.model, options.precision).licence
            if "not for" in licence:
                sys.stderr.write(f"{options.model}: {licence}\n")
        filled = f"  filled by {made.filled_by}" if made.filled_by else ""
        sys.stdout.write(f"{target}  {result.width}x{result.height}  {len(made.faces)} of {made.found} faces{filled}\n")
    return failed


def _persons(count: int) -> list[Pixels]:
    """Faces of people who do not exist, one for each in the picture."""
    from editing.pipelines import generate

    samples = generate.generate(GenerateOptions(count=count)) if count else []
    return [sample.picture.pixels for sample in samples]


def _box(text: str) -> tuple[float, float, float, float]:
    try:
        left, top, right, bottom = (float(word) for word in text.split(","))
    except ValueError:
        raise OptionError(f"--box is '{text}'; it must be four numbers with commas, such as 40,30,120,140.") from None
    return left, top, right, bottom


# stylize


def _add_stylize(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_stylize)
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IN", help="pictures")
    _add_output(parser)
    parser.add_argument(
        "--style",
        required=True,
        metavar="NAME|FILE",
        help="a style of the gallery (any wrong name lists it), or a picture",
    )
    parser.add_argument("--style2", metavar="NAME|FILE", help="a second style to mix with")
    parser.add_argument(
        "--mix", type=float, default=0.5, metavar="X", help="share of the second style, 0 to 1 (default: %(default)s)"
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, metavar="X", help="0 the picture itself, 1 the painting (default: 1)"
    )
    parser.add_argument(
        "--style-scale", type=float, default=1.0, metavar="X",
        help="size of the strokes against the picture: 2 twice as large (default: 1)",
    )  # fmt: skip
    parser.add_argument("--keep-colors", action="store_true", help="take only light and shade from the painting")
    parser.add_argument(
        "--mask", type=Path, metavar="FILE", help="where to paint: white, or opaque; the rest stays as it is"
    )
    parser.add_argument(
        "--optimise", type=int, default=0, metavar="N",
        help="paint by Gatys' method in N steps, such as 300: minutes; needs 'weights fetch vgg19', and a style FILE",
    )  # fmt: skip
    parser.add_argument(
        "--model", default="stylizer", help="a name from 'weights list', or a file (default: %(default)s)"
    )
    parser.add_argument("--tile", default="auto", metavar="auto|N", help="side of a tile in pixels (default: auto)")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"), help="default: %(default)s")
    parser.add_argument("--format", choices=("png", "jpg", "webp", "tif"), help="of files in a folder (default: png)")
    _add_metadata(parser)


def _stylize(arguments: argparse.Namespace) -> int:
    from editing.options import StylizeOptions

    options = StylizeOptions(
        style=arguments.style, second=arguments.style2, mix=arguments.mix, strength=arguments.strength,
        style_scale=arguments.style_scale, keep_colors=arguments.keep_colors, optimise=arguments.optimise,
        model=arguments.model, tile=_tile(arguments.tile), precision=arguments.precision,
    )  # fmt: skip
    from editing import runtime
    from editing.pictures import masks
    from editing.pictures.read import read_picture
    from editing.pictures.write import write_picture
    from editing.pipelines import stylize

    stylize.check_style(options)  # a wrong style ends it all; a wrong picture only itself
    suffix = "-" + "-".join(Path(name).stem for name in (options.style, options.second) if name)
    targets = _targets(arguments, suffix, clips=False)
    failed = 0
    for source, target in targets:
        try:
            with _Bar(source.name, "step" if options.optimise else "tile") as report, runtime.job():
                picture = read_picture(source)
                mask = masks.read(arguments.mask, picture.height, picture.width) if arguments.mask else None
                result = stylize.stylize(picture, options, mask=mask, report=report)
                recipe = stylize.recipe(options, masked=mask is not None)
                notices = write_picture(
                    result, target, strip=arguments.strip, keep_gps=arguments.keep_gps, recipe=recipe
                )
        except EditingError as error:
            failed = _fail(error if source.name in str(error) else f"{source.name}: {error}", 1)
            continue
        for notice in (*result.notices, *notices):
            sys.stderr.write(f"{source.name}: {notice}\n")
        sys.stdout.write(f"{target}  {result.width}x{result.height}\n")
    return failed


# generate


def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_generate)
    _add_output(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first seed (default: %(default)s)")
    parser.add_argument(
        "--count", type=int, default=1, metavar="N", help="pictures, of N seeds in a row (default: %(default)s)"
    )
    parser.add_argument(
        "--truncation", type=float, default=0.7, metavar="X",
        help="1 the full variety, 0 the mean picture (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--size", default="native", choices=("native", "256"), help="256 enlarges by upscale's photo model"
    )
    parser.add_argument("--model", default="faces", help="a name from 'weights list', or a file (default: %(default)s)")
    parser.add_argument(
        "--direction", action="append", default=[], metavar="N=X",
        help="X standard deviations along direction N; may be given several times",
    )  # fmt: skip
    parser.add_argument("--mix", metavar="SEED=X", help="mix with the picture of SEED: X is 0 to 1")
    parser.add_argument("--walk", metavar="N,N,...", help="a clip along two to eight seeds: OUT.webp, OUT.mp4 or both")
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="of the walk (default: %(default)s)")
    parser.add_argument("--fps", type=float, default=20, metavar="N", help="frames a second (default: %(default)s)")
    parser.add_argument("--no-loop", action="store_true", help="let the walk end at its last seed")


def _generate(arguments: argparse.Namespace) -> int:
    from editing.options import GenerateOptions

    directions = _directions(arguments.direction)
    if arguments.walk is not None:
        return _walk(arguments, directions)
    mix_seed, mix = _mix(arguments.mix)
    options = GenerateOptions(
        model=arguments.model, seed=arguments.seed, count=arguments.count, truncation=arguments.truncation,
        directions=directions, mix_seed=mix_seed, mix=mix,
    )  # fmt: skip
    output: Path = arguments.output
    single = options.count == 1 and bool(output.suffix) and not output.is_dir()
    if output.suffix and options.count > 1 and not output.is_dir():
        raise OptionError(f"'{output}' looks like a file; several pictures need a folder as output.")

    from editing import runtime
    from editing.pictures.write import write_picture
    from editing.pipelines import generate

    generate.load(options.model)  # a wrong model leaves no empty folder behind
    if not single:
        _make_folder(output)
    with _Bar("generate", "picture") as report, runtime.job():
        samples = generate.generate(options, report=report)
    for sample in samples:
        target = output if single else output / f"seed-{sample.seed:06d}.png"
        recipe = generate.recipe(generate.of_sample(options, sample.seed))
        picture, recipe = _at_size(sample.picture, recipe, arguments.size)
        for notice in write_picture(picture, target, recipe=recipe):
            sys.stderr.write(f"{target.name}: {notice}\n")
        novelty = "" if sample.novelty is None else f"  novelty {sample.novelty:.2f}"
        sys.stdout.write(f"{target}  {picture.width}x{picture.height}{novelty}\n")
    return 0


def _walk(arguments: argparse.Namespace, directions: tuple[float, ...]) -> int:
    from editing.clips.write import WALK_SUFFIXES, check_walk, write_walk
    from editing.options import WalkOptions

    if arguments.mix is not None:
        raise OptionError("--mix is of single pictures: a walk mixes its seeds by itself.")
    try:
        seeds = tuple(int(word) for word in arguments.walk.split(","))
    except ValueError:
        raise OptionError(f"--walk is '{arguments.walk}'; it must be seeds with commas, such as 1,2,3.") from None
    options = WalkOptions(
        model=arguments.model, seeds=seeds, frames=arguments.frames, loop=not arguments.no_loop,
        truncation=arguments.truncation, directions=directions,
    )  # fmt: skip
    output: Path = arguments.output
    if output.suffix and not output.is_dir():
        targets = [output]
    else:
        targets = [output / f"walk-{'-'.join(map(str, seeds))}{suffix}" for suffix in WALK_SUFFIXES]
    for target in targets:
        check_walk(target, arguments.fps)

    from editing import runtime
    from editing.pipelines import generate

    recipe = generate.recipe(options)
    if targets != [output]:
        _make_folder(output)
    with _Bar("generate", "frame") as report, runtime.job():
        samples = generate.walk(options, report=report)
    frames: list[Pixels] = []
    with _Bar("enlarge" if arguments.size != "native" else "write", "frame") as report:
        for sample in samples:
            report(len(frames), len(samples))
            picture, made = _at_size(sample.picture, recipe, arguments.size)
            frames.append(picture.pixels)
    for target in targets:
        write_walk(frames, target, fps=arguments.fps, loop=options.loop, recipe=made)
        sys.stdout.write(f"{target}  {picture.width}x{picture.height}  {len(frames)} frames\n")
    return 0


def _at_size(picture: Picture, recipe: dict[str, Any], size: str) -> tuple[Picture, dict[str, Any]]:
    """A drawn picture, enlarged where that was asked for, and its recipe."""
    if size == "native" or picture.width >= int(size):
        return picture, recipe
    from editing import runtime
    from editing.pipelines import upscale

    options = UpscaleOptions(model="photo", longest=int(size))
    with runtime.job():
        return upscale.upscale(picture, options), recipe | {"then": upscale.recipe(options)}


def _make_folder(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise OptionError(f"'{output}' is a file; several pictures need a folder as output.")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EditingError(f"The folder '{output}' can't be made: {error.strerror}. Choose another output.") from error


def _mix(text: str | None) -> tuple[int | None, float]:
    if text is None:
        return None, 0.5
    seed, _, amount = text.partition("=")
    try:
        return int(seed), float(amount)
    except ValueError:
        raise OptionError(f"--mix is '{text}'; it must be a seed and a share of it, such as 7=0.5.") from None


def _directions(texts: Sequence[str]) -> tuple[float, ...]:
    """1=0.5 and 3=-1 as (0.5, 0.0, -1.0)."""
    steps: dict[int, float] = {}
    for text in texts:
        number, _, amount = text.partition("=")
        try:
            steps[int(number)] = float(amount)
        except ValueError:
            raise OptionError(f"--direction is '{text}'; it must be a number and a step, such as 1=0.5.") from None
    if steps and not 1 <= min(steps) <= max(steps) <= 1000:
        raise OptionError("--direction counts from 1; 'generate' says how many there are when a number is too large.")
    return tuple(steps.get(number, 0.0) for number in range(1, max(steps, default=0) + 1))


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
    from editing.weights.find import problems, rows

    for row in rows():
        sys.stdout.write(
            f"{row.name:<14} {row.task:<9} {row.state:<12} {row.title} ({row.architecture}; {row.licence})\n"
        )
        sys.stdout.write(textwrap.indent(str(row.where), " " * 15) + "\n")
    for problem in problems():
        _fail(str(problem), 0)
    return 0


def _verify(_: argparse.Namespace) -> int:
    from editing.weights.files import path_of, verify
    from editing.weights.find import problems, weights_for

    failed = 0
    for weight in weights_for():
        if path_of(weight) is None:
            sys.stdout.write(f"{weight.name:<14} not here\n")
            continue
        try:
            sys.stdout.write(f"{weight.name:<14} {verify(weight)}\n")
        except EditingError as error:
            failed = _fail(error, 1)
    for problem in problems():
        failed = _fail(str(problem), 1)
    return failed


def _fetch(arguments: argparse.Namespace) -> int:
    from editing.weights.find import fetch_weight

    with _Bar(arguments.name, "B") as report:
        path = fetch_weight(arguments.name, report)
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
