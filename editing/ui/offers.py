"""The settings in a file that was made here: who made it, and what is offered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from editing.ui.translations import say

TABS = ("upscale", "repair", "stylize", "generate")  # in the page's order


def maker(recipe: Mapping[str, Any] | None) -> str:
    """The tab that made a file with this recipe, or ""."""
    task = (recipe or {}).get("task")
    tab = "generate" if task == "walk" else str(task)
    return tab if tab in TABS else ""


def offer(tab: str, recipe: Mapping[str, Any] | None, language: str) -> Any:
    """What becomes of the button that offers a file's settings, in the tab where the file is."""
    made = maker(recipe)
    if not made:
        return gr.update(visible=False)
    if made == tab:
        return gr.update(visible=True, value=say("recipe_use", language))
    return gr.update(visible=True, value=say("recipe_there", language, tab=say(f"tab_{made}", language)))
