"""Components made from options.py, and options made from what they hold: no range, default or choice stands here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any, TypeVar

import gradio as gr

from editing import options
from editing.options import Spec
from editing.ui.gradio_hacks import AnyCheckbox, AnyDropdown, AnyNumber, AnyRadio, AnySlider, AnyTextbox
from editing.ui.translations import T
from editing.weights.files import path_of
from editing.weights.find import weights_for

Options = TypeVar("Options")
Component = gr.components.Component


def field(kind: type[Any], name: str, *, live: bool = False, unset: Any = "", **more: Any) -> Any:
    """The component of an option, with its title and help: slider, number, radio, checkbox or text box.

    ``live`` says in the help that it changes the last result at once. ``unset`` is the label of the choice that leaves
    the option open, without which there is none. ``more`` comes before what the option says; a list of ``choices``
    makes a text a dropdown.
    """
    spec, key = options.spec_of(kind, name), f"{kind.__name__}_{name}"
    default = options.default_of(kind, name)
    more = {"label": T(key), "info": T(f"{key}_live" if live else f"{key}_about")} | more
    if "value" not in more and default is not MISSING:
        more["value"] = default
    if spec.kind == "switch":
        return gr.Checkbox(**more)
    if spec.kind == "choice":
        choices = [(T(f"{key}_{value}") if spec.words else str(value), value) for value in spec.choices]
        return gr.Radio(**{"choices": [(unset, ""), *choices] if unset else choices, **_shown(more)})
    if spec.kind == "number":
        return gr.Slider(**{"minimum": spec.low, "maximum": spec.high, "step": spec.step, **more})
    if spec.kind == "whole":
        # As given: Gradio would refuse what is below the minimum itself, in English.
        return AnyNumber(**{"precision": 0, "minimum": min(spec.low, 0), "placeholder": spec.unset or None, **more})
    return gr.Dropdown(**more) if "choices" in more else gr.Textbox(**more)


def _shown(more: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "" if name == "value" and value is None else value for name, value in more.items()}


def parameter(kind: type[Any], name: str, **more: Any) -> Any:
    """The hidden component of an API's parameter, which lets any JSON value through to :func:`read`."""
    made = _parameter(kind, name, **more)
    made.about = options.spec_of(kind, name).about.en  # for tools of language models: by_name()
    return made


def _parameter(kind: type[Any], name: str, **more: Any) -> Any:
    spec, default = options.spec_of(kind, name), options.default_of(kind, name)
    value = (0 if _zero_is_unset(spec) else spec.unset) if default is None else default
    more = {"value": value, "label": T(f"{kind.__name__}_{name}"), "visible": False} | more
    if spec.kind == "switch":
        return AnyCheckbox(**more)
    if spec.kind == "choice":
        return AnyRadio(**{"choices": [*([spec.unset] if spec.unset else []), *spec.choices], **more})
    if spec.kind == "number" and not spec.unset:
        return AnySlider(**{"minimum": spec.low, "maximum": spec.high, "step": spec.step, **more})
    if spec.kind == "whole":
        return AnyNumber(**{"precision": 0, **more})
    if _zero_is_unset(spec):  # a text would give "0", which is no number
        return AnyNumber(**more)
    return AnyDropdown(**more) if "choices" in more else AnyTextbox(**more)


def parameters(kind: type[Any], *names: str) -> dict[str, Any]:
    """:func:`parameter` of several options by their names; all of ``kind`` without ``names``."""
    return {name: parameter(kind, name) for name in names or options.specs(kind)}


def read(kind: type[Options], given: Mapping[str, Any], **more: Any) -> Options:
    """The options in what components or an API's call hold, by name; other names are left out.

    ``more`` comes before what is given. Raises OptionError.
    """
    specs = options.specs(kind)
    return options.read(
        kind, {name: value_of(specs[name], value) for name, value in given.items() if name in specs}, **more
    )


def value_of(spec: Spec, given: object) -> object:
    """What was given, for :func:`editing.options.read`.

    0 leaves open a number that can't be 0, as programs have always said it to the API. A choice may be written in any
    case, and by its word, as "JPEG".
    """
    if _zero_is_unset(spec) and given == 0 and not isinstance(given, bool):
        return None
    if spec.kind == "choice" and isinstance(given, str):
        names = {str(value).lower(): value for value in spec.choices}
        names = {
            word.en.lower(): value for word, value in zip(spec.words, spec.choices, strict=bool(spec.words))
        } | names
        return names.get(given.strip().lower(), given)
    return given


def _zero_is_unset(spec: Spec) -> bool:
    return bool(spec.unset) and spec.kind in ("number", "whole") and spec.low > 0


def word(kind: type[Any], name: str, value: object) -> str:
    """The name of a choice: "PNG" for the format "png"."""
    spec = options.spec_of(kind, name)
    return spec.words[spec.choices.index(value)].en


def models(*tasks: str, licence: bool = False) -> list[tuple[str, str]]:
    """Label and name of every model for these tasks that is there; a download not yet fetched isn't offered."""
    found = []
    for weight in weights_for(*tasks):
        if path_of(weight):
            title = "; ".join(part for part in (weight.title, weight.licence if licence else "") if part)
            found.append((f"{weight.name} ({title})" if title != weight.name else weight.name, weight.name))
    return found
