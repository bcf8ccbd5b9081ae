"""Clips to files: animated WebP by Pillow, MP4 (H.264) by PyAV, with the recipe inside.

A WebP keeps the recipe in EXIF, where ``images.read`` finds it; an MP4 in its comment, as {"atelier": ...}.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from editing.errors import ImageError, OptionError
from editing.pictures.picture import Pixels

WALK_SUFFIXES = (".webp", ".mp4")
FASTEST = 60  # frames a second
_IMAGE_HISTORY = 0x9213  # the recipe's place in EXIF, as in images.py


def write_walk(
    frames: Sequence[Pixels],
    path: str | Path,
    *,
    fps: float = 20,
    loop: bool = True,
    recipe: Mapping[str, Any] | None = None,
) -> None:
    """Encode frames (H, W, 1 or 3) uint8, all of one size, into ``path``, which appears complete or not at all.

    The suffix, .webp or .mp4, tells the format. A WebP of ``loop`` is played over and over, else once; an MP4 leaves
    that to the player. Both are lossy. Raises OptionError for another suffix or speed, ImageError where the clip can't
    be encoded or the file can't be written.
    """
    path = Path(path)
    check_walk(path, fps)
    if not frames or any(frame.shape != frames[0].shape or frame.dtype != np.uint8 for frame in frames):
        raise ValueError("frames must be uint8, at least one, and all of one shape")
    text = None if recipe is None else json.dumps({"atelier": recipe}, separators=(",", ":"), allow_nan=False)
    colour = [np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame for frame in frames]
    encode = _webp if path.suffix.lower() == ".webp" else _mp4
    data = encode(colour, fps, loop, text)
    part = path.with_name(f".{uuid.uuid4().hex}.part")  # the same folder, so that the rename can't cross a disk
    try:
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ImageError(
            f"{path.name!r} was not saved: {error.strerror or error}. Choose another folder, or free some space."
        ) from error


def check_walk(path: Path, fps: float) -> None:
    """Raise OptionError unless :func:`write_walk` knows the suffix and the speed; ask before making frames."""
    if path.suffix.lower() not in WALK_SUFFIXES:
        raise OptionError(f"{path.name!r} has no known suffix; clips are saved as {', '.join(WALK_SUFFIXES)}.")
    if not 1 <= fps <= FASTEST:  # also refuses NaN
        raise OptionError(f"{fps} frames a second were asked for; 1 to {FASTEST} are possible.")


def _webp(frames: Sequence[Pixels], fps: float, loop: bool, recipe: str | None) -> bytes:
    pictures = [Image.fromarray(frame) for frame in frames]
    # WebP counts whole milliseconds: each frame ends at the nearest, so that rounding does not add up.
    ends = [round(1000 * count / fps) for count in range(len(frames) + 1)]
    exif = Image.Exif()
    if recipe is not None:
        exif[_IMAGE_HISTORY] = recipe
    target = io.BytesIO()
    pictures[0].save(
        target, "WEBP", save_all=True, append_images=pictures[1:], loop=0 if loop else 1, quality=90, method=3,
        duration=np.diff(ends).tolist(), exif=exif.tobytes() if recipe is not None else b"",
    )  # fmt: skip
    return target.getvalue()


def _mp4(frames: Sequence[Pixels], fps: float, loop: bool, recipe: str | None) -> bytes:
    import av  # 0.2 s, and needed by nothing else

    target = io.BytesIO()
    try:
        with av.open(target, "w", format="mp4") as container:
            if recipe is not None:
                container.metadata["comment"] = recipe
            stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
            # Players want even sides and halved colour; a high quality makes up for what that takes.
            stream.height, stream.width = (side + side % 2 for side in frames[0].shape[:2])
            stream.pix_fmt = "yuv420p"
            stream.options = {"crf": "14", "preset": "medium"}
            for pixels in frames:
                odd = [(0, side % 2) for side in pixels.shape[:2]]
                frame = av.VideoFrame.from_ndarray(np.pad(pixels, [*odd, (0, 0)], "edge"), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    except (av.FFmpegError, ValueError) as error:  # ValueError: a PyAV built without H.264
        raise ImageError(f"The clip can't be saved as MP4 here ({error}). Save it as WebP.") from error
    return target.getvalue()
