"""What a result's file says of how it was made, and what would be different if that were done again here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from editing import __version__, messages, options
from editing.clips.read import is_video
from editing.clips.read import read_recipe as read_recipe_of_video
from editing.errors import EditingError, ImageError, OptionError
from editing.messages import Message, tell
from editing.options import (
    ClipOptions,
    CompareOptions,
    GenerateOptions,
    RepairOptions,
    RestoreOptions,
    StylizeOptions,
    UpscaleOptions,
    WalkOptions,
)
from editing.pictures.read import read_metadata
from editing.pipelines import stylize
from editing.weights.files import digest
from editing.weights.find import find_weight

# Every task of a recipe, with the classes whose options it holds: Upscale's and Stylize's are those of a clip,
# too, Repair's those of a whole old photo.
KINDS: Mapping[str, tuple[type[Any], ...]] = {
    "upscale": (UpscaleOptions, ClipOptions),
    "repair": (RepairOptions, RestoreOptions),
    "stylize": (StylizeOptions, ClipOptions),
    "generate": (GenerateOptions,),
    "walk": (WalkOptions,),
    "compare": (CompareOptions,),
}
_MOST = 32  # weights of a recipe that are looked at: a file may say anything


def read_recipe(file: str | Path) -> dict[str, Any]:
    """The recipe in a result, a picture or a clip.

    Raises ImageError for a file that is neither or holds none, OptionError for one whose task is not known here.
    """
    file = Path(file)
    found = read_recipe_of_video(file) if is_video(file) else read_metadata(file).recipe
    if found is None:
        raise ImageError(messages.NO_RECIPE_IN, name=file.name)
    task_of(found)
    return found


def task_of(recipe: Mapping[str, Any]) -> str:
    """What was done: a name in :data:`KINDS`; raises OptionError for any other."""
    task = recipe.get("task")
    if not isinstance(task, str) or task not in KINDS:
        raise OptionError(messages.UNKNOWN_TASK, task=str(task)[:40], version=_version_of(recipe))
    return task


def options_in(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The options in a recipe that are known here, by name, as they stand there; raises OptionError without any."""
    given = recipe.get("options")
    if not isinstance(given, Mapping):
        raise OptionError(messages.OPTIONS_DAMAGED)
    known = _known(task_of(recipe))
    return {name: value for name, value in given.items() if name in known}


def differences(recipe: Mapping[str, Any], *, paths: bool = False) -> tuple[Message, ...]:
    """What is not here as it was where ``recipe`` was made, each thing in a sentence; () when all is as it was.

    Another version; a weight that is another file, is missing or not known; a style that the gallery lacks; what a
    recipe never holds: style pictures, masks; settings that are not known or not allowed here. ``paths`` lets weights
    be looked for among the machine's files, which a request must not. Raises OptionError as :func:`task_of` does.
    """
    task = task_of(recipe)
    found = _other_version(recipe) + _other_weights(recipe, paths=paths)
    given = recipe.get("options")
    if not isinstance(given, Mapping):
        return (*found, tell(messages.OPTIONS_DAMAGED))
    known = _known(task)
    found += [tell(messages.SETTING_NOT_KNOWN, name=str(name)[:40]) for name in given if name not in known][:_MOST]
    for kind in KINDS[task]:
        try:
            options.read(kind, given)
        except OptionError as error:
            found.append(error.message)
    if task == "stylize":
        found += _missing_styles(recipe, given, paths=paths)
        if recipe.get("stopped") is not None:
            found.append(tell(messages.STOPPED_EARLY, done=str(recipe["stopped"])[:20]))
    if task == "repair":
        found += _of_the_picture(recipe, given)
    if recipe.get("masked"):
        found.append(tell(messages.MASK_NOT_HELD))
    return tuple({str(message): message for message in found}.values())  # each said once


def _known(task: str) -> set[str]:
    return {name for kind in KINDS[task] for name in options.specs(kind)}


def _version_of(recipe: Mapping[str, Any]) -> str:
    return str(recipe.get("version", "?"))[:20]


def _other_version(recipe: Mapping[str, Any]) -> list[Message]:
    theirs = _version_of(recipe)
    return [] if theirs == __version__ else [tell(messages.OTHER_VERSION, theirs=theirs, ours=__version__)]


def _other_weights(recipe: Mapping[str, Any], *, paths: bool) -> list[Message]:
    found: list[Message] = []
    further = recipe.get("then")
    for made in (recipe, further if isinstance(further, Mapping) else {}):
        weights = made.get("weights")
        for weight in weights[:_MOST] if isinstance(weights, list) else []:
            name, sha256 = (weight.get("name"), weight.get("sha256")) if isinstance(weight, Mapping) else (None, None)
            if not isinstance(name, str) or not isinstance(sha256, str):
                found.append(tell(messages.OPTIONS_DAMAGED))
                continue
            try:
                here = find_weight(name, paths=paths)
            except EditingError:
                found.append(tell(messages.WEIGHT_NOT_KNOWN, name=name[:60]))
                continue
            try:
                ours = digest(here)
            except EditingError as error:
                found.append(error.message)
                continue
            if ours != sha256:
                found.append(tell(messages.OTHER_WEIGHT, name=name[:60], theirs=sha256[:12], ours=ours[:12]))
    return found


def style_pictures(recipe: Mapping[str, Any]) -> dict[str, str]:
    """The style pictures that a recipe of Stylize names but does not hold: name -> sha256."""
    named = recipe.get("styles")
    return {
        one["name"]: one["sha256"]
        for one in (named if isinstance(named, list) else [])
        if isinstance(one, Mapping) and isinstance(one.get("name"), str) and isinstance(one.get("sha256"), str)
    }


def _missing_styles(recipe: Mapping[str, Any], given: Mapping[str, Any], *, paths: bool) -> list[Message]:
    pictures = style_pictures(recipe)
    wanted = [name for name in (given.get("style"), given.get("second")) if isinstance(name, str) and name]
    found = [tell(messages.STYLE_NOT_HELD, name=name[:60]) for name in wanted if name in pictures]
    model = given.get("model", StylizeOptions.model)
    try:
        here = {style.name for style in stylize.styles(find_weight(str(model), "stylize", paths=paths).name)}
    except EditingError:  # the weights' sentences say it
        return found
    lacking = [name for name in wanted if name not in pictures and name not in here]
    return found + [tell(messages.STYLE_NOT_HERE, name=name[:60], model=str(model)[:60]) for name in lacking]


def _of_the_picture(recipe: Mapping[str, Any], given: Mapping[str, Any]) -> list[Message]:
    """What is true of the picture that was repaired, and may not be of another."""
    found = []
    if given.get("boxes") or given.get("faces", "all") not in ("all", "none"):
        found.append(tell(messages.FACES_OF_THAT_PICTURE))
    if isinstance(recipe.get("choices"), Mapping) and recipe["choices"]:
        found.append(tell(messages.FACES_ONE_BY_ONE))
    if recipe.get("then"):
        found.append(tell(messages.ENLARGED_AS_WELL))
    return found
