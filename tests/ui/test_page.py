"""The page as a whole: what every event must keep to, and what programs may rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from editing import options
from editing.errors import OptionError
from editing.options import RestoreOptions, UpscaleOptions
from editing.ui import fields, page
from ui.visitor import built_page

# As README and the clients of a year ago have them, in their order.
SETTINGS = ["model", "scale", "strength", "longest", "precision", "tile", "color_lock"]
LATER = ["sigma", "width", "height", "megapixels"]
SAVING = ["file_format", "strip", "keep_gps"]
API = {
    "/upscale": ["file", *SETTINGS, *SAVING, *LATER, "quality"],
    "/upscale_clip": ["file", "steady", "clip_format", "strip", "keep_gps", *SETTINGS, *LATER, "deinterlace"],
    "/estimate": ["file", *SETTINGS, *LATER, "file_format"],
    "/detect": ["file", "min_size", "score"],
    "/repair": ["file", "mask", "which", "boxes", "fidelity", "strength", "size", "model", "min_size", "score",
                "anonymise", *SAVING, "quality"],
    "/restore": ["file", "mask", "model", "find_damage", "clean", "colors", "size", "faces", "fidelity", "strength",
                 "score", "min_size", *SAVING, "quality"],
    "/stylize": ["file", "style", "second", "mix", "style_scale", "strength", "keep_colors", "precision", "tile",
                 "model", *SAVING, "style_file", "second_file", "mask_file", "quality", "optimise",
                 "vgg"],
    "/stylize_clip": ["file", "style", "second", "mix", "style_scale", "strength", "keep_colors", "precision", "tile",
                      "model", "strip", "keep_gps", "steady", "clip_format", "style_file", "second_file",
                      "deinterlace"],
    "/styles": ["model"],
    "/generate": ["seed", "count", "truncation", "model", "size", "directions", "mix_seed", "mix"],
    "/walk": ["seeds", "frames", "fps", "loop", "truncation", "model", "size", "directions", "file_format"],
    "/compare": ["file", "items", "crop", "scale", "side", "precision", "files"],
}  # fmt: skip


def test_the_events_and_the_api_of_the_page() -> None:
    built = built_page()
    # Gradio 6.31 shows no toast for an error, a warning or a word from a handler that is not queued.
    assert "stop" in built["unqueued"]
    assert set(built["unqueued"]) <= {"stop", "show_machine", "introduce", "_choices"}
    assert built["api"] == API
    assert {f"/{name}" for name in built["public"]} == API.keys()


@pytest.mark.parametrize("name", ["ATELIER_QUEUE", "ATELIER_MAX_FILE_MB"])
@pytest.mark.parametrize("value", ["abc", "0", "1.5"])
def test_a_wrong_variable_is_said_in_a_sentence(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(OptionError, match=f"The environment variable {name} is '{value}'"):
        page.queue_size() if name == "ATELIER_QUEUE" else page.launch_options()


@pytest.mark.parametrize("kind", [UpscaleOptions, RestoreOptions])
def test_what_the_api_takes_by_default_is_what_the_command_does(kind: type[Any]) -> None:
    """A default goes to the client and comes back as JSON, as its component has it."""
    specs = {name: spec for name, spec in options.specs(kind).items() if spec.kind != "own" and name != "seed"}
    sent = {name: json.loads(json.dumps(part.value)) for name, part in fields.parameters(kind, *specs).items()}
    assert fields.read(kind, sent) == kind()
