"""How the page looks: paper and ink, one accent, and a stage of neutral gray; page.css says where things stand.

Whatever is read has at least 4.5:1 on what it stands, in both themes: tests/browser/test_bench.py measures it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from editing.ui.stage import PAGE_CSS
from editing.ui.translations import say

SANS = (
    "system-ui", "-apple-system", "Segoe UI", "Roboto", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC",
    "sans-serif",
)  # fmt: skip
MONO = ("ui-monospace", "Consolas", "monospace")

# name: (light, dark)
COLORS = {
    "paper": ("#f5f0e6", "#1c1916"),  # the page
    "sheet": ("#fcf9f2", "#272320"),  # what lies on it: the panel, inputs
    "shade": ("#ebe4d6", "#332e29"),  # of what can be pressed
    "line": ("#d8cfbd", "#453e37"),
    "ink": ("#2a251f", "#ece5d9"),
    "hint": ("#665c4f", "#b3a899"),
    "accent": ("#9c3a1f", "#e9967a"),  # a seal's red
    "on_accent": ("#ffffff", "#241a15"),
    "soft": ("#f3ddd2", "#4a2f25"),  # the accent, as a ground
    "strong": ("#822d15", "#f2ae96"),  # the accent under the pointer
}


def theme() -> gr.themes.Base:
    """Gradio's variables, all from :data:`COLORS`."""
    values: dict[str, Any] = {}

    def paint(color: str, *names: str) -> None:
        for name in names:
            values[name], values[f"{name}_dark"] = COLORS[color]

    paint("paper", "body_background_fill", "background_fill_secondary", "block_label_background_fill")
    paint("sheet", "background_fill_primary", "block_background_fill", "input_background_fill", "panel_background_fill",
          "input_background_fill_focus", "input_background_fill_hover", "checkbox_background_color",
          "checkbox_background_color_focus", "checkbox_background_color_hover", "table_even_background_fill",
          "table_odd_background_fill", "code_background_fill")  # fmt: skip
    paint("shade", "button_secondary_background_fill", "button_cancel_background_fill", "stat_background_fill",
          "checkbox_label_background_fill", "checkbox_label_background_fill_hover")  # fmt: skip
    paint("line", "border_color_primary", "border_color_accent_subdued", "block_border_color", "input_border_color",
          "input_border_color_hover", "table_border_color", "panel_border_color", "block_label_border_color",
          "checkbox_label_border_color", "button_secondary_background_fill_hover",
          "button_cancel_background_fill_hover")  # fmt: skip
    paint("hint", "body_text_color_subdued", "block_info_text_color", "input_placeholder_color",
          "block_label_text_color", "checkbox_border_color", "checkbox_border_color_hover")  # fmt: skip
    paint("ink", "body_text_color", "block_title_text_color", "button_secondary_text_color",
          "checkbox_label_text_color", "accordion_text_color", "table_text_color", "button_secondary_text_color_hover",
          "button_cancel_text_color", "checkbox_label_text_color_selected")  # fmt: skip
    paint("accent", "border_color_accent", "link_text_color", "link_text_color_active", "link_text_color_visited",
          "button_primary_background_fill", "button_primary_border_color", "checkbox_background_color_selected",
          "checkbox_border_color_selected", "checkbox_border_color_focus", "input_border_color_focus", "loader_color",
          "slider_color", "checkbox_label_border_color_hover")  # fmt: skip
    paint(
        "strong", "link_text_color_hover", "button_primary_background_fill_hover", "button_primary_border_color_hover"
    )
    paint("on_accent", "button_primary_text_color", "button_primary_text_color_hover")
    paint("soft", "color_accent_soft", "checkbox_label_background_fill_selected", "table_row_focus")
    values |= {
        "color_accent": "var(--accent)", "block_border_width": "0px", "block_shadow": "none", "block_padding": "0px",
        "block_label_border_width": "0px", "form_gap_width": "0px", "layout_gap": "14px", "input_shadow_focus": "none",
        "input_shadow": "none", "block_title_text_weight": "600", "button_large_text_weight": "600",
        "checkbox_label_padding": "8px 12px", "checkbox_label_shadow": "none", "checkbox_shadow": "none",
        "button_transition": "none", "block_radius": "6px", "input_border_width": "1px",
    }  # fmt: skip
    return gr.themes.Base(font=SANS, font_mono=MONO, radius_size="sm").set(**values)


def head() -> str:
    """Style and script for the page's head: Gradio's own way for styles would split selectors at inner commas."""
    script = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
    # {files} and {kinds} are for the script to fill in.
    labels = {
        language: {
            "refused": say("file_refused", language, files="{files}", kinds="{kinds}"),
            "titles": {
                "Error": say("error_title", language), "Warning": say("toast_warning", language),
                "Info": say("toast_info", language),
            },
        }
        for language in ("en", "zh")
    }  # fmt: skip
    return f"<style>{css()}</style><script>{script.rstrip()}({json.dumps(labels, ensure_ascii=False)});</script>"


def css() -> str:
    """The page's style, with the colours as variables that it and the scripts' shadow trees share."""
    sides = (
        "".join(f"--{name.replace('_', '-')}:{both[side]};" for name, both in COLORS.items()) for side in (0, 1)
    )  # fmt: skip
    light, dark = sides
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return f":root{{{light}}}\n.dark{{{dark}}}\n{PAGE_CSS}\n{style}"
