"""The page as a whole: what every event must keep to, and what programs may rely on."""

from __future__ import annotations

import pytest

from editing.errors import OptionError
from editing.ui import page
from ui.visitor import built_page

# As README and the clients of a year ago have them, in their order.
SETTINGS = ["model", "scale", "strength", "longest", "precision", "tile", "color_lock"]
SAVING = ["file_format", "strip", "keep_gps"]
API = {
    "/upscale": ["file", *SETTINGS, *SAVING, "sigma"],
    "/upscale_clip": ["file", "steady", "clip_format", "strip", "keep_gps", *SETTINGS, "sigma"],
    "/estimate": ["file", *SETTINGS],
    "/detect": ["file", "min_size", "score"],
    "/repair": ["file", "mask", "which", "boxes", "fidelity", "strength", "size", "model", "min_size", "score",
                "anonymise", *SAVING],
    "/stylize": ["file", "style", "second", "mix", "style_scale", "strength", "keep_colors", "precision", "tile",
                 "model", *SAVING, "style_file", "second_file", "mask_file"],
    "/styles": ["model"],
    "/generate": ["seed", "count", "truncation", "model", "size", "directions", "mix_seed", "mix"],
    "/walk": ["seeds", "frames", "fps", "loop", "truncation", "model", "size", "directions", "file_format"],
}  # fmt: skip


def test_the_events_and_the_api_of_the_page() -> None:
    built = built_page()
    # Gradio 6.31 shows no toast for an error, a warning or a word from a handler that is not queued.
    assert "request_stop" in built["unqueued"]
    assert set(built["unqueued"]) <= {"request_stop", "show_machine", "_choices", "load_example"}
    assert built["api"] == API
    assert {f"/{name}" for name in built["public"]} == API.keys()


@pytest.mark.parametrize("name", ["ATELIER_QUEUE", "ATELIER_MAX_FILE_MB"])
@pytest.mark.parametrize("value", ["abc", "0", "1.5"])
def test_a_wrong_variable_is_said_in_a_sentence(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(OptionError, match=f"The environment variable {name} is '{value}'"):
        page.queue_size() if name == "ATELIER_QUEUE" else page.launch_options()
