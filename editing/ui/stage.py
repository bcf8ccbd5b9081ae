"""The stage: the one picture area of a tab. Original, result, mask, outlines of faces, several results, drawn tiles.

The browser's part is stage.js; the page's head carries it (:func:`head`), since Gradio's own ways to attach scripts
would need 'unsafe-eval' in the content security policy. :func:`build` adds a stage to a page: what the visitor sees,
and hidden components through which the two sides speak.

To the browser: a hidden Markdown takes what the functions below give, one *order* each. Orders that events may give at
the same moment go through different components, or the later would take the place of the earlier unseen: ``orders`` for
what is given (picture, faces, mask), ``shown`` for what is made (result, tiles, several, an error), ``notes`` for the
badge of what is stale. An order changes what it names, and nothing else:

=========  ============================================================================================================
picture    another picture, or None: everything of the last one goes. :func:`show`, :func:`show_clip`
faces      [{number, outline, keep, dials}], over the picture, with a card each. :func:`show_faces`
mask       a mask to load; undo brings back what was drawn. :func:`load`, :func:`show_mask`
result     what a run made, in place, without a change of the view; ``region`` for a patch of it. :func:`show_result`,
           :func:`show_clip_result`
several    up to four pictures beside each other; [] ends it. :func:`show_several`
tiles      a grid of pictures, [] takes it away; ``tile``: one of them in a better file. :func:`show_tiles`
stale      the badge's words, "" for none. :func:`show_stale`
error      words in place of a result, "" for none. :func:`show_error`
look       "paint", "compare" or "result". :func:`show_look`
=========  ============================================================================================================

From the browser, as change events of hidden text boxes: ``value``, the mask as a PNG, white on black, "" for none, for
:func:`read`; ``box``, a face drawn by hand, for :func:`read_box`; ``event``, all else, for :func:`read_event`. And as
upload events: ``open`` (files that were dropped, pasted or chosen) and ``load`` (a mask).

How far a job is comes by itself, from jobs.js. Name ``status`` in the ``show_progress_on`` of an event: what that
raises stands on the stage then, in the toast's words.

Pictures are files that the server shows; a small one to move about, and the whole one where every pixel is looked at.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import cv2
import gradio as gr
import numpy as np
from PIL import Image

from editing import messages
from editing.errors import ImageError
from editing.pictures import masks
from editing.pictures.masks import Mask
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture, read_picture
from editing.settings import whole_number
from editing.ui.gradio_hacks import STATUS, AnyUploadButton
from editing.ui.handlers import duration, lay, new_folder, preview
from editing.ui.shown import FACES, FIRST_LOOKS
from editing.ui.translations import TEXTS, T

SHOWN_BY_BROWSERS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF")
SIDE = 1536  # the mask's longest side in pixels, until it is resized to the picture
SHOWN_SIDE = 2048  # and that of the small picture
SHOWN_PIXELS = 4_500_000  # files of up to so many are their own small picture
LONGEST_ANSWER = 12_000_000  # characters; a drawn mask takes some ten thousand, one of pure noise five million
MOST_SEVERAL, MOST_MARKED = 4, 8
Outline = Sequence[tuple[float, float]]  # points as fractions of the picture's width and height

# For the page's style: the element is as high as what holds it.
PAGE_CSS = """
.stage-block, .stage-block > [data-testid="markdown-wrapper"], .stage-block .prose, .stage-block .md, .stage-block p {
  height: 100%; display: block; margin: 0; max-width: none;
}
.stage-block { padding: 0 !important; overflow: hidden !important; border: 0 !important; min-height: 0; }
atelier-stage { display: block; height: 100%; }
"""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The components of one stage."""

    name: str
    place: gr.Column  # what the visitor sees, for tabs that show other things, too
    value: gr.Textbox
    orders: gr.Markdown
    shown: gr.Markdown
    notes: gr.Markdown
    status: gr.Markdown
    box: gr.Textbox
    event: gr.Textbox
    open: gr.UploadButton
    load: gr.UploadButton
    sent: gr.State  # the mask that comes with the next picture from another tab, for show(); else None


@dataclass(frozen=True, kw_only=True)
class Dial:
    """A slider on a face's card."""

    key: str  # by which :func:`read_event` gives its value
    label: str
    low: float
    high: float
    step: float
    value: float


@dataclass(frozen=True, kw_only=True)
class FaceMark:
    """A face on the stage."""

    outline: Outline
    keep: bool = True  # taken, or left as it is
    dials: tuple[Dial, ...] = ()


def build(
    name: str, *, opens: bool = True, brush: bool = False, boxes: bool = False, points: bool = False,
    several: bool = False, clips_of: str = "",
) -> Stage:  # fmt: skip
    """Add a stage to the page being built, as high as what holds it; at first it shows what :mod:`shown` has for it.

    It takes files if it ``opens`` any, more than one with ``several``; it can be painted on with ``brush``, with
    ``boxes`` has a tool to draw a box round a face, and with ``points`` tells of clicks. With ``clips_of`` it is the
    one for the clips of that tab, and out of sight at first.
    """
    flags = [word for word, wanted in (("brush", brush), ("boxes", boxes), ("points", points)) if wanted]
    most = whole_number("ATELIER_MAX_FILE_MB", 200)
    flags += [f'open="{most}"'] if opens else []
    flags += [f'tab="{clips_of}"'] if clips_of else []
    flags += [f"first={_quoted(json.dumps(first))}"] if (first := _first_look(name)) else []
    element = f'<atelier-stage name="{name}" {" ".join(flags)}></atelier-stage>'
    # Markdown, since gr.HTML needs 'unsafe-eval'. Nothing of a visitor's goes into it but what _order() has escaped.
    with gr.Column(visible=not clips_of) as place:
        gr.Markdown(element, sanitize_html=False, elem_id=f"{name}-board", elem_classes="stage-block")
    # Not in that column: what is hidden in a column that comes into sight again is so no more.
    hidden: dict[str, Any] = {"visible": "hidden"}
    text: dict[str, Any] = {"lines": 1, "max_lines": 1, "show_label": False, **hidden}
    speech: dict[str, Any] = {"sanitize_html": False, **hidden}
    return Stage(
        name=name, place=place,
        value=gr.Textbox("", elem_id=f"{name}-mask-value", **text),
        box=gr.Textbox("", elem_id=f"{name}-mask-box", **text),
        event=gr.Textbox("", elem_id=f"{name}-stage-event", **text),
        orders=gr.Markdown("", elem_id=f"{name}-stage-orders", **speech),
        shown=gr.Markdown("", elem_id=f"{name}-stage-shown", **speech),
        notes=gr.Markdown("", elem_id=f"{name}-stage-notes", **speech),
        status=gr.Markdown("", elem_id=f"{name}-stage-status", **hidden),
        open=AnyUploadButton(
            T("stage_open"), file_count="multiple" if several else "single", elem_id=f"{name}-stage-open", **hidden
        ),
        load=AnyUploadButton(T("mask_load"), file_types=["image"], elem_id=f"{name}-mask-load", **hidden),
        sent=gr.State(),
    )  # fmt: skip


def _first_look(name: str) -> dict[str, Any]:
    """What a tab's stage shows before anything is given: twelve faces, or a picture before and after."""
    look = FIRST_LOOKS.get(name)
    if name == "generate" and all(file.exists() for file in FACES.values()):
        about = dict(zip(("en", "zh"), TEXTS["stage_nobody"], strict=True))
        return {
            "tiles": [{"url": address(file), "caption": str(seed)} for seed, file in FACES.items()],
            "caption": about,
        }
    if look is None or not (look.before.exists() and look.after.exists()):
        return {}
    caption = {"en": look.about.en, "zh": look.about.zh}
    return {"before": address(look.before), "after": address(look.after), "caption": caption}


def head() -> str:
    """The script for the page's head, with its style and its words in both languages."""
    here = Path(__file__)
    style = here.with_suffix(".css").read_text(encoding="utf-8")
    script = here.with_suffix(".js").read_text(encoding="utf-8")
    labels = {language: words(language) for language in ("en", "zh")}
    # Within a script no text may look like its end.
    texts = (json.dumps(text, ensure_ascii=False).replace("</", "<\\/") for text in (style, labels, STATUS))
    return f"<script>{script.rstrip()}({', '.join(texts)});</script>"


# The script's name for a text -> that of translations.py.
_WORDS = {
    "tools": "mask_tools", "brush": "mask_brush", "eraser": "mask_eraser", "move": "mask_move", "box": "mask_box",
    "size": "mask_size", "undo": "mask_undo", "redo": "mask_redo", "clear": "mask_clear", "invert": "mask_invert",
    "closer": "mask_closer", "farther": "mask_farther", "load": "mask_load", "save": "mask_save",
    "faces": "mask_faces", "face": "mask_face", "face_masked": "mask_face_masked", "opened": "mask_opened",
    "loaded": "mask_loaded", "drawn": "mask_drawn", "boxed": "mask_boxed", "covered": "mask_covered",
    "covered_none": "mask_covered_none", "undone": "mask_undone", "redone": "mask_redone", "cleared": "mask_cleared",
    "inverted": "mask_inverted", "zoomed": "mask_zoomed", "cursor_masked": "mask_cursor_masked",
    "cursor_free": "mask_cursor_free",
    "views": "stage_views", "compare": "stage_compare", "result": "stage_result", "picture": "stage_picture",
    "paint": "stage_paint", "back": "stage_back", "grid": "stage_grid", "peek": "stage_peek", "whole": "stage_whole",
    "actual": "stage_actual", "open": "stage_open", "begin": "stage_begin", "begin_clip": "stage_begin_clip",
    "player": "stage_player", "play": "stage_play", "seek": "stage_seek", "sound": "stage_sound",
    "how": "stage_how", "drop": "stage_drop",
    "divider": "stage_divider", "divided": "stage_divided", "before": "stage_before", "after": "stage_after",
    "faces_found": "stage_faces_found", "face_name": "stage_face_name", "face_kept": "stage_face_kept",
    "face_left": "stage_face_left", "face_take": "stage_face_take", "canvas": "stage_canvas", "keys": "stage_keys",
    "hint": "stage_hint", "working": "stage_working", "opening": "stage_opening", "failed": "stage_failed",
    "too_large": "stage_too_large", "dismiss": "stage_dismiss", "tiles": "stage_tiles", "tile": "stage_tile",
    "mark": "stage_mark", "marked": "stage_marked", "marked_most": "stage_marked_most", "beside": "stage_beside",
    "arrived": "stage_arrived",
}  # fmt: skip


def words(language: str) -> dict[str, str]:
    """What the script says, by its own names; {values} stay for it to fill in."""
    return {name: TEXTS[key][language == "zh"] for name, key in _WORDS.items()}


# To the browser


def show(name: str, picture: Picture | None, source: str, request: gr.Request, sent: Mask | None = None) -> str:
    """The order for stage ``name`` to start anew with ``picture`` (None: with nothing); ``source`` is its file.

    ``sent`` is the mask that came with it from another tab. The handler sets ``value`` to "" and ``sent`` to None.
    """
    if picture is None:
        return _order(name, picture=None)
    height, width = reduced(picture.height, picture.width)
    shown = _pictured(picture, source, new_folder(request)) | {
        "mask": [width, height], "stem": re.sub(r"[^\w.-]+", "_", Path(source).stem)[:80]
    }  # fmt: skip
    mask = {} if sent is None else {"mask": address(_written(name, sent, request))}
    return _order(name, picture=shown, **mask)


def show_result(
    name: str, picture: Picture | None, file: str | Path = "", *,
    region: tuple[float, float, float, float] | None = None, spent: bool = False,
) -> str:  # fmt: skip
    """The order to put a result, saved in ``file``, in the place of the one before; None takes it away.

    ``region`` is the part of the picture that it shows, (left, top, right, bottom) as fractions. With ``spent`` the
    mask has done its work and goes; undo brings it back.
    """
    if picture is None:
        return _order(name, result=None)
    part = {"region": [round(side, 6) for side in region]} if region else {}
    return _order(name, result=_pictured(picture, file, Path(file).parent) | part, spent=spent)


def show_clip(name: str, file: str | Path | None, still: str | Path, size: tuple[int, int], *, sound: bool) -> str:
    """The order to start anew with a clip, width and height of its frames in ``size``; with nothing for None.

    ``still``, its first frame, stands in its place where the browser can't play it.
    """
    shown = None if file is None else _moving(file, size, sound) | {"still": address(still)}
    return _order(name, picture=shown)


def show_clip_result(name: str, file: str | Path | None, size: tuple[int, int], *, sound: bool) -> str:
    """The order to play a result in the place of the one before, in step with the clip; None takes it away."""
    return _order(name, result=None if file is None else _moving(file, size, sound))


def _moving(file: str | Path, size: tuple[int, int], sound: bool) -> dict[str, Any]:
    picture = Path(file).suffix.lower() in (".gif", ".webp", ".png", ".apng", ".avif")
    return {"url": address(file), "video": not picture, "width": size[0], "height": size[1], "sound": sound}


def show_several(name: str, shown: Sequence[tuple[str | Path, str, float | None]], request: gr.Request) -> str:
    """The order to show up to four pictures beside each other: of each its file, its name, and the seconds it took.

    Raises ImageError for a file that is no picture.
    """
    several = []
    for file, title, seconds in shown[:MOST_SEVERAL]:
        took = {} if seconds is None else {"seconds": duration(seconds)}
        several.append(_pictured(read_picture(file), file, new_folder(request)) | {"name": title, **took})
    return _order(name, several=several)


def show_tiles(
    name: str, tiles: Sequence[tuple[str | Path, str]], *, of: str = "", keep: bool = False, alone: bool = False
) -> str:
    """The order to show a grid: of each tile its file, which browsers can show, and its caption. [] takes it away.

    Orders with the same ``of`` are one grid that grows: once it has been left, they don't bring it back. With ``keep``
    the tiles are others in the same places: what is open or marked stays so. ``alone``: there is no picture behind.
    """
    listed = [{"url": address(file), "caption": caption} for file, caption in tiles]
    return _order(name, **({"picture": None} if alone else {}), tiles=listed, of=of, keep=keep)


def show_file(name: str, file: str | Path) -> str:
    """The order to show a file as it is, moving ones too, and no grid."""
    return _order(name, tiles=[], picture={"url": address(file)})


def show_tile(name: str, index: int, file: str | Path) -> str:
    """The order to show tile ``index`` (from 0) from another file: a larger one, say."""
    return _order(name, tile={"index": index, "url": address(file)})


def show_stale(name: str, text: str) -> str:
    """The order for the badge on a result that no longer fits its settings: its words, or "" for none."""
    return _order(name, stale=text)


def show_error(name: str, text: str) -> str:
    """The order for words in the place of a result that did not come; "" takes them away."""
    return _order(name, error=text)


def show_look(name: str, look: Literal["paint", "compare", "result"]) -> str:
    """The order to look at the picture in another way."""
    return _order(name, look=look)


def show_faces(name: str, faces: Mapping[int, FaceMark | Outline]) -> str:
    """The order that puts numbered faces over the picture; a click opens a face's card, or in the brush masks it."""
    marks = {number: face if isinstance(face, FaceMark) else FaceMark(outline=face) for number, face in faces.items()}
    return _order(
        name,
        faces=[
            {
                "number": number, "outline": [[round(float(x), 5), round(float(y), 5)] for x, y in mark.outline],
                "keep": mark.keep, "dials": [asdict(dial) for dial in mark.dials],
            }
            for number, mark in marks.items()
        ],
    )  # fmt: skip


def load(name: str, file: str, height: int, width: int, request: gr.Request) -> str:
    """The order to put a mask file in the place of what is drawn on a picture of this size; undo brings that back.

    Raises ImageError when it can't be read or is of another shape than the picture.
    """
    return show_mask(name, masks.read(file, height, width), request)


def show_mask(name: str, mask: Mask, request: gr.Request) -> str:
    """As :func:`load`, for a mask that is at hand, as large as the picture or smaller."""
    return _order(name, mask=address(_written(name, mask, request)))


def reduced(height: int, width: int) -> tuple[int, int]:
    """Height and width of the mask on a picture of this size."""
    factor = min(1.0, SIDE / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _pictured(picture: Picture, file: str | Path, folder: Path) -> dict[str, Any]:
    """What the browser shows of a picture: a small file, in ``folder`` if need be, and its own if it can show that."""
    size = {"width": picture.width, "height": picture.height}
    plain = probe_picture(file).format in SHOWN_BY_BROWSERS
    if plain and picture.width * picture.height <= SHOWN_PIXELS:
        return {"url": address(file), **size}
    opaque = picture.alpha is None
    small = preview(picture, folder, SHOWN_SIDE, ".jpg" if opaque else ".png")
    return {"url": address(small), **({"full": address(file)} if plain else {}), **size}


def _written(name: str, mask: Mask, request: gr.Request) -> Path:
    """A file with the mask as the stage takes one: white, as opaque as it masks.

    One with more pixels is kept as it is, too, for :func:`read`.
    """
    folder, small = new_folder(request), reduced(*mask.shape)
    if small != mask.shape:
        whole = folder / "mask-whole.png"
        levels = np.rint(np.clip(mask, 0, 1) * 255).astype(np.uint8)
        Image.fromarray(levels).save(whole, compress_level=1)
        lay(request, name, whole)
    alpha = np.rint(np.clip(masks.resized(mask, *small), 0, 1) * 255).astype(np.uint8)
    file = folder / f"mask-{uuid.uuid4().hex[:12]}.png"
    Image.fromarray(np.dstack([np.full_like(alpha, 255), alpha]), "LA").save(file)
    return file


def _order(name: str, **says: Any) -> str:
    number = uuid.uuid4().hex[:12]  # the browser obeys each order once
    # Quoted whole, so that neither HTML nor Markdown finds anything of its own in it.
    return f'<stage-order for="{name}" number="{number}" says={_quoted(json.dumps(says))}></stage-order>'


def _quoted(text: str) -> str:
    return f'"{quote(text, safe="")}"'


def address(file: str | Path) -> str:
    """Where the browser finds a file of a visitor's folder, or of one that ``launch(allowed_paths=...)`` names."""
    return "gradio_api/file=" + quote(Path(file).as_posix())


# From the browser


def read(value: str | None, height: int, width: int, whole: Path | None = None) -> Mask | None:
    """The mask drawn on a stage over a picture of this size; None where nothing is drawn.

    ``whole`` is the mask that was laid on the picture, as :func:`editing.ui.handlers.laid` has it: wherever the stage
    still shows it, every pixel is as its file says, and not as the stage's own coarser ones do. Raises ImageError for
    what the stage can't have sent.
    """
    if not value:
        return None
    if len(value) > LONGEST_ANSWER or not value.startswith("data:image/png;base64,"):
        raise ImageError(messages.MASK_SENT_DAMAGED)
    mask, small = masks.from_png(value, height, width), reduced(height, width)
    if whole is None or small == (height, width):
        return mask
    given = masks.resized(masks.of_picture(read_picture(whole), height, width), height, width)
    apart = np.abs(masks.from_png(value, *small) - masks.resized(given, *small)) > 1.5 / 255
    drawn = cv2.resize(apart.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return np.where(drawn, mask, given)


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


def read_event(value: str | None) -> dict[str, Any]:
    """What was done on the stage; {} for what it can't have sent. ``kind`` says which of these it is:

    "point" with ``x`` and ``y``, fractions of the picture; "face" with ``number``, ``keep`` and each dial's value by
    its key; "tile" with ``index``, opened; "marked" with ``indices``, in their order; "closed": several no more.
    """
    try:
        event = json.loads(value or "")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(event, dict):
        return {}

    def number(name: str) -> float | None:
        given = event.get(name)
        return float(given) if isinstance(given, (int, float)) and math.isfinite(given) else None

    def whole(given: object) -> bool:
        return isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 10**6

    kind = event.get("kind")
    if kind == "point":
        x, y = number("x"), number("y")
        return (
            {"kind": kind, "x": x, "y": y}
            if x is not None and y is not None and min(x, y) >= 0 and max(x, y) <= 1
            else {}
        )
    if kind == "face" and whole(event.get("number")) and isinstance(event.get("keep"), bool):
        dials = {name: number(name) for name in event if name not in ("kind", "number", "keep", "n")}
        return {"kind": kind, "number": event["number"], "keep": event["keep"]} | {
            name: found for name, found in dials.items() if found is not None
        }
    if kind == "tile" and whole(event.get("index")):
        return {"kind": kind, "index": event["index"]}
    if kind == "marked" and isinstance(event.get("indices"), list) and all(map(whole, event["indices"])):
        return {"kind": kind, "indices": event["indices"][:MOST_MARKED]}
    return {"kind": kind} if kind == "closed" else {}
