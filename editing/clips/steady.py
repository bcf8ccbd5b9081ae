"""Less flicker in a clip: each pixel is averaged over the frames in which it shows the same thing.

A recursive mean, as in temporal noise reduction (Dubois and Sabri 1984, "Noise reduction in image sequences using
motion-compensated temporal filtering", without the compensation): where nothing moves, n frames are averaged and noise
falls to 1 / sqrt(n); where something moves, the mean begins anew with the newest frame, so that nothing ghosts. It is
done to the *input*, before any network, which then invents the same detail again and again, and at a sixteenth of the
pixels. Measured at strength 0.5 (mean absolute difference of consecutive frames; Gaussian noise of 4 and 8 of 255): a
still clip's flicker after ``anime-fast`` falls from 2.2 and 4.2 to 0.3 and 0.5, a panned one's result stays within
0.4 dB. What compressing each frame by itself does to texture is calmed little (3.5 to 2.8, 4.9 to 4.8).

Whether something moved is asked of the difference between the newest frame and the mean, in three ways:

- its energy in a window of about 5 pixels, against what the noise of this clip explains. The noise is measured at each
  frame as the 10th percentile of 16x16 blocks, of two things of which the smaller counts: the difference of consecutive
  frames, which also grows with motion, and the second derivative within the frame (Immerkaer 1996, "Fast noise variance
  estimation"), which also grows with texture;
- its mean in that window, which finds slow and faint changes long before they show in the energy;
- and where these two see motion: whether moving the mean by one pixel to any side makes the difference larger. If it
  does, strongly and to all sides, what changed is the compression of a still texture, which the noise model doesn't
  know, and it is averaged after all, unless the brightness of the whole neighbourhood moved (a fade).
"""

from __future__ import annotations

from collections import deque
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from editing.options import ClipOptions, spec_of, value_of
from editing.pictures.picture import Floats, Pixels

LONGEST = 16  # frames averaged at most, at strength 1
_WINDOW = 1.5  # sigma in pixels of the window in which differences are judged
_TEXTURE_WINDOW = 2.5  # the same where texture is matched
_NEIGHBOURHOOD = 8.0  # the same for a fade
_BLOCK = 16
_NOISE_MEMORY = 8  # frames; the median of so many noise levels counts
# From where to where the answer goes from "still" to "moved".
_ENERGY = (1.3, 1.9)  # times the noise's
_SHIFT = (3.0, 5.0)  # times the deviation of the noise's mean in a window
_FADE = (0.7, 1.4)  # of 255
_MATCH = (0.05, 0.15)  # energy of the difference, as a share of that one pixel off
_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6  # answers noise with its own deviation
_LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)


def check(strength: float) -> None:
    """Raise OptionError unless ``strength`` is in [0, 1]."""
    value_of(spec_of(ClipOptions, "steady"), strength)


class Steady:
    """The recursive mean of one clip; ``strength`` 0 averages nothing, 1 up to ``LONGEST`` frames."""

    def __init__(self, strength: float) -> None:
        check(strength)
        self.most = 1 + (LONGEST - 1) * strength
        self.last: Floats | None = None  # the newest frame as it came
        self.mean: Floats = np.empty(0, np.float32)
        self.count: Floats = np.empty(0, np.float32)  # frames in the mean, by pixel
        self.noise: deque[tuple[float, float, float]] = deque(maxlen=_NOISE_MEMORY)

    def add(self, pixels: Pixels) -> None:
        """Take the next frame, (H, W, 3) uint8 or uint16; all have one size and type."""
        new = _levels(pixels)
        if self.last is None:
            self.mean, self.count = new.copy(), np.ones(new.shape[:2], np.float32)
        else:
            self.noise.append(_noise(new, new - self.last))
            moved = self._moved(new)
            self.count = np.minimum(self.count * (1 - moved) + 1, self.most)
            self.mean += (new - self.mean) / self.count[..., None]
        self.last = new

    def current(self) -> npt.NDArray[np.uint16]:
        """What to show in the newest frame's place: (H, W, 3), its levels times 257."""
        return np.rint(self.mean * 257).astype(np.uint16)

    def _moved(self, new: Floats) -> Floats:
        """(H, W) in [0, 1]: 1 where the mean has to begin anew."""
        spatial, temporal, shift = np.median(np.array(self.noise), axis=0)
        # Motion and texture each make one of the two measures too large, never too small.
        share = min(1.0, 1.5 * spatial / max(temporal, 1e-6))
        energy_of_noise, energy_of_shift = max(temporal * share, 0.1), max(shift * share, 0.09)  # 8 bits are noise, too
        difference = new - self.mean
        spread = 1 + 1 / self.count  # the mean has noise of its own
        energy = _blurred(_squared(difference), _WINDOW) / (energy_of_noise * spread)
        shifted = _squared(_blurred(difference, _WINDOW)) / (energy_of_shift * spread)
        moved = np.maximum(_ramp(energy, *_ENERGY), _ramp(np.sqrt(shifted), *_SHIFT))
        if not moved.any():
            return moved
        faded = _ramp(np.sqrt(_squared(_blurred(difference, _NEIGHBOURHOOD))), *_FADE)
        return np.minimum(moved, np.maximum(1 - self._matched(new), faded))

    def _matched(self, new: Floats) -> Floats:
        """(H, W) in [0, 1]: 1 where the texture lies exactly where it lay."""
        here, before = (np.asarray(cv2.transform(frame, _LUMA), np.float32) for frame in (new, self.mean))
        height, width = here.shape
        padded = cv2.copyMakeBorder(before, 1, 1, 1, 1, cv2.BORDER_REPLICATE)

        def off(down: int, across: int) -> Floats:
            other = padded[1 + down : 1 + down + height, 1 + across : 1 + across + width]
            return _blurred((here - other) ** 2, _TEXTURE_WINDOW)

        exact = off(0, 0)
        sideways, upright = np.minimum(off(0, 1), off(0, -1)), np.minimum(off(1, 0), off(-1, 0))
        # An edge says nothing about motion along itself: one direction has to be sure, and the other not against.
        match = 1 - _ramp(exact / np.maximum(np.maximum(sideways, upright), np.float32(1e-3)), *_MATCH)
        return np.asarray(match * (np.minimum(sideways, upright) >= 0.8 * exact), np.float32)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """What it takes to go on in another process, by :meth:`restore`; empty before the first frame."""
        if self.last is None:
            return {}
        noise = np.array(self.noise, np.float64).reshape(-1, 3)
        return {
            "last": np.rint(self.last * 257).astype(np.uint16),
            "mean": self.mean,
            "count": self.count,
            "noise": noise,
        }

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` gave."""
        self.last, self.mean, self.count = _levels(state["last"]), state["mean"], state["count"]
        self.noise = deque((tuple(row) for row in state["noise"].tolist()), maxlen=_NOISE_MEMORY)


def _levels(pixels: Pixels) -> Floats:
    """Levels of 0 to 255, with fractions of those of 16 bits."""
    levels: Floats = pixels.astype(np.float32)
    return levels if pixels.dtype == np.uint8 else levels / np.float32(257)


def _noise(new: Floats, change: Floats) -> tuple[float, float, float]:
    """Energies of the noise: within the frame, between frames, and of its mean in a window; 0 where nothing changed."""
    curvature: Floats = np.asarray(cv2.filter2D(new, -1, _LAPLACIAN), np.float32)
    energies = [_block_energies(part) for part in (curvature, change, _blurred(change, _WINDOW))]
    changed = energies[1] > 0.02  # others were skipped by an encoder, or are a border: no noise to be learned there
    if not changed.any():
        return 0.0, 0.0, 0.0
    spatial, temporal, shift = (float(np.percentile(energy[changed], 10)) for energy in energies)
    return spatial, temporal / 2, shift / 2  # a difference has the noise of both


def _block_energies(array: Floats) -> Floats:
    """Mean squares of the 16x16 blocks of (H, W, 3), one after the other; of the whole where it is smaller."""
    rows, columns = (side // _BLOCK * _BLOCK or side for side in array.shape[:2])
    down, across = min(_BLOCK, rows), min(_BLOCK, columns)
    squares = _squared(array[:rows, :columns])
    blocks: Floats = squares.reshape(rows // down, down, columns // across, across).mean((1, 3))
    return blocks.ravel()


def _blurred(array: Floats, sigma: float) -> Floats:
    size = int(5 * sigma) | 1
    return np.asarray(cv2.GaussianBlur(array, (size, size), sigma, borderType=cv2.BORDER_REFLECT), np.float32)


def _squared(array: Floats) -> Floats:
    """(H, W): the mean of the channels' squares."""
    return np.asarray(cv2.transform(array * array, np.full((1, 3), 1 / 3, np.float32)), np.float32)


def _ramp(array: npt.NDArray[np.floating[Any]], start: float, stop: float) -> Floats:
    return np.asarray(np.clip((array - start) / (stop - start), 0, 1), np.float32)
