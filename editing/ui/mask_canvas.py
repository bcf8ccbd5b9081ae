"""The mask brush: a canvas over a preview of the picture, and the mask that comes back from it.

The browser's part is mask_canvas.js, which says how the two speak; the page's head carries it (:func:`head`), since
Gradio's own ways to attach scripts would need 'unsafe-eval' in the content security policy. A canvas is three things:
what the visitor sees, a hidden Markdown through which the server gives it orders, and hidden text boxes that answer.
"""

from __future__ import annotations

import html
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import numpy as np
from PIL import Image

from editing import messages
from editing.errors import ImageError
from editing.pictures import masks
from editing.pictures.masks import Mask
from editing.pictures.picture import Picture
from editing.ui import results
from editing.ui.gradio_hacks import by_name
from editing.ui.handlers import QUICK, guarded, new_folder, owned, preview
from editing.ui.results import Source
from editing.ui.translations import T, say

SIDE = 1024  # the preview's longest side in pixels, and so the mask's, until it is resized to the picture
LONGEST_ANSWER = 8_000_000  # characters; a drawn mask takes some ten thousand, one of pure noise two million
Outline = Sequence[tuple[float, float]]  # points as fractions of the picture's width and height


@dataclass(frozen=True, kw_only=True)
class MaskCanvas:
    """The components of one canvas; ``value`` is for :func:`read`, ``orders`` takes what the functions below give."""

    value: gr.Textbox
    orders: gr.Markdown
    box: gr.Textbox  # its change event: a face was drawn by hand, for read_box()
    load: gr.UploadButton  # its upload event: a mask file was chosen
    send: gr.Button  # for connect(); hidden without
    sent: gr.State  # the mask that comes with the next picture from another tab, for show(); else None


@dataclass(frozen=True, kw_only=True)
class MaskedTab:
    """The parts of a tab that give a picture with its mask to another tab, and take one."""

    id: str
    picture: gr.Image
    source: gr.State  # a Source, or None
    canvas: MaskCanvas


def build(name: str, *, boxes: bool = False, send: Any = "") -> MaskCanvas:
    """Add a canvas to the page being built.

    With ``boxes`` it has a tool to draw a box round a face, with ``send`` a button of that label for :func:`connect`.
    """
    element = f'<mask-canvas name="{name}"{" boxes" if boxes else ""}></mask-canvas>'
    # Markdown, since gr.HTML needs 'unsafe-eval'. Nothing of a visitor's goes into it but what _order() has escaped.
    gr.Markdown(element, sanitize_html=False, elem_id=f"{name}-mask", elem_classes="mask-canvas")
    hidden: dict[str, Any] = {"visible": "hidden"}
    return MaskCanvas(
        value=gr.Textbox("", lines=1, max_lines=1, show_label=False, elem_id=f"{name}-mask-value", **hidden),
        box=gr.Textbox("", lines=1, max_lines=1, show_label=False, elem_id=f"{name}-mask-box", **hidden),
        orders=gr.Markdown("", sanitize_html=False, elem_id=f"{name}-mask-orders", **hidden),
        load=gr.UploadButton(T("mask_load"), file_types=["image"], elem_id=f"{name}-mask-load", **hidden),
        send=gr.Button(send, visible=bool(send), size="sm", elem_id=f"{name}-mask-send"),
        sent=gr.State(),
    )


def connect(here: MaskedTab, there: MaskedTab, tabs: gr.Tabs) -> None:
    """Let the canvas ``here`` send the picture given, with the mask drawn on it, to the tab ``there``."""

    @guarded
    def send(*, source: Source | None, drawn: str, request: gr.Request) -> dict[str, Any]:
        source = results.given(source)
        # A file of its own: Gradio tells nothing when a component is given what it has already.
        return {
            "picture": owned(source.path, new_folder(request)), "tabs": gr.update(selected=there.id),
            "sent": read(drawn, *_reduced(source.height, source.width)),
        }  # fmt: skip

    here.canvas.send.click(
        **by_name(
            send, {"source": here.source, "drawn": here.canvas.value},
            {"picture": there.picture, "sent": there.canvas.sent, "tabs": tabs},
        ),
        **QUICK,
    )  # fmt: skip


def head() -> str:
    """The script for the page's head, with its style and its words in both languages."""
    here = Path(__file__)
    style = here.with_suffix(".css").read_text(encoding="utf-8")
    script = here.with_suffix(".js").read_text(encoding="utf-8")
    labels = {language: _labels(language) for language in ("en", "zh")}
    # Within a script no text may look like its end.
    texts = (json.dumps(text, ensure_ascii=False).replace("</", "<\\/") for text in (style, labels))
    return f"<script>{script.rstrip()}({', '.join(texts)});</script>"


def _labels(language: str) -> dict[str, str]:
    """What the script says, by its own names; {values} stay for it to fill in."""
    return {
        "tools": say("mask_tools", language), "brush": say("mask_brush", language),
        "eraser": say("mask_eraser", language), "move": say("mask_move", language), "box": say("mask_box", language),
        "size": say("mask_size", language), "undo": say("mask_undo", language), "redo": say("mask_redo", language),
        "clear": say("mask_clear", language), "invert": say("mask_invert", language),
        "closer": say("mask_closer", language), "farther": say("mask_farther", language),
        "whole": say("mask_whole", language), "load": say("mask_load", language), "save": say("mask_save", language),
        "faces": say("mask_faces", language), "canvas": say("mask_canvas", language),
        "empty": say("mask_empty", language), "keys": say("mask_keys", language), "hint": say("mask_hint", language),
        "opened": say("mask_opened", language), "loaded": say("mask_loaded", language),
        "drawn": say("mask_drawn", language), "boxed": say("mask_boxed", language),
        "covered_none": say("mask_covered_none", language),
        "covered": say("mask_covered", language, percent="{percent}"),
        "undone": say("mask_undone", language, percent="{percent}"),
        "redone": say("mask_redone", language, percent="{percent}"),
        "cleared": say("mask_cleared", language), "inverted": say("mask_inverted", language, percent="{percent}"),
        "zoomed": say("mask_zoomed", language, percent="{percent}"),
        "face": say("mask_face", language, number="{number}"),
        "face_masked": say("mask_face_masked", language, number="{number}"),
        "cursor_masked": say("mask_cursor_masked", language, x="{x}", y="{y}"),
        "cursor_free": say("mask_cursor_free", language, x="{x}", y="{y}"),
    }  # fmt: skip


# To the browser


def show(name: str, picture: Picture | None, source: str, request: gr.Request, sent: Mask | None = None) -> str:
    """The order for canvas ``name`` to start anew over ``picture`` (None: over nothing); ``source`` is its file's name.

    ``sent`` is the mask that came with it from another tab. The handler sets ``value`` to "" and ``sent`` to None.
    """
    if picture is None:
        return _order(name, image="")
    file = preview(picture, new_folder(request), SIDE, ".jpg")
    mask = {} if sent is None else {"mask": _address(_written(sent, request))}
    return _order(name, image=_address(file), stem=re.sub(r"[^\w.-]+", "_", Path(source).stem)[:80], **mask)


def show_faces(name: str, outlines: Mapping[int, Outline]) -> str:
    """The order that puts the outlines of numbered faces over the picture, each of which a click then masks."""
    faces = [
        {"number": number, "outline": [[round(float(x), 5), round(float(y), 5)] for x, y in outline]}
        for number, outline in outlines.items()
    ]
    return _order(name, faces=json.dumps(faces))


def load(name: str, file: str, height: int, width: int, request: gr.Request) -> str:
    """The order to put a mask file in the place of what is drawn on a picture of this size; undo brings that back.

    Raises ImageError when it can't be read or is of another shape than the picture.
    """
    return show_mask(name, masks.read(file, *_reduced(height, width)), request)


@guarded
def load_mask(*, file: str | None, source: Source | None, request: gr.Request) -> dict[str, Any]:
    """A mask file was chosen: lay it on the canvas of the tab whose picture is given."""
    source = results.given(source if file else None)
    return {"orders": load(source.tab, file or "", source.height, source.width, request)}


def show_mask(name: str, mask: Mask, request: gr.Request) -> str:
    """As :func:`load`, for a mask that is at hand, as large as the picture or its preview."""
    return _order(name, mask=_address(_written(mask, request)))


def _reduced(height: int, width: int) -> tuple[int, int]:
    """Height and width of the preview of a picture of this size."""
    factor = min(1.0, SIDE / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _written(mask: Mask, request: gr.Request) -> Path:
    """A file with the mask as the canvas takes one: white, as opaque as it masks."""
    alpha = np.rint(np.clip(masks.resized(mask, *_reduced(*mask.shape)), 0, 1) * 255).astype(np.uint8)
    file = new_folder(request) / f"mask-{uuid.uuid4().hex[:12]}.png"
    Image.fromarray(np.dstack([np.full_like(alpha, 255), alpha]), "LA").save(file)
    return file


def _order(name: str, **values: str) -> str:
    number = uuid.uuid4().hex[:12]  # the browser obeys each order once
    attributes = {"for": name, "number": number, **values}
    text = " ".join(f'{key}="{html.escape(value)}"' for key, value in attributes.items())
    return f"<mask-order {text}></mask-order>"


def _address(file: Path) -> str:
    # Files in a visitor's folder lie in Gradio's cache folder, which its server shows under this address.
    return "gradio_api/file=" + quote(file.as_posix())


# From the browser


def read(value: str | None, height: int, width: int) -> Mask | None:
    """The mask drawn on a canvas over a picture of this size; None where nothing is drawn.

    Raises ImageError for what the canvas can't have sent.
    """
    if not value:
        return None
    if len(value) > LONGEST_ANSWER or not value.startswith("data:image/png;base64,"):
        raise ImageError(messages.MASK_SENT_DAMAGED)
    return masks.from_png(value, height, width)


def read_box(value: str | None, height: int, width: int) -> tuple[float, float, float, float]:
    """The box drawn by hand, (left, top, right, bottom) in pixels of the picture."""
    try:
        box = json.loads(value or "")
        left, top, right, bottom = (float(number) for number in box)
    except (ValueError, TypeError, RecursionError) as error:
        raise ImageError(messages.BOX_SENT_DAMAGED) from error
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ImageError(messages.BOX_SENT_DAMAGED)
    return left * width, top * height, right * width, bottom * height
