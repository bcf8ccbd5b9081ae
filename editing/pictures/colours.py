"""Colours by number: ICC profiles for what a file says by codes alone, and HDR made SDR.

Codes are those of ITU-T H.273, as PNG's cICP, AVIF and HEIC have them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from editing.pictures.picture import BAND, Floats, Pixels

_D65 = (0.3127, 0.3290)
_SRGB = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
_BT2020 = (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
# x and y of white, red, green, blue.
_PRIMARIES: Mapping[int, tuple[float, ...]] = {1: _SRGB, 9: _BT2020, 11: (0.314, 0.351, *_P3), 12: (*_D65, *_P3)}
_LIKE_SRGB = (1, 2, 6, 13, 14, 15)  # transfers: as browsers do, television's camera curves are taken for sRGB's
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
PQ, HLG = 16, 18
_D50 = np.array([0.96422, 1.0, 0.82521])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
WHITE = 203.0  # candelas a square metre of a white sheet in HDR: ITU-R BT.2408
_BRIGHTEST = 10_000.0

Matrix = npt.NDArray[np.float64]


# ---- profiles --------------------------------------------------------------------------------------------------------


def is_hdr(code: tuple[int, int] | None) -> bool:
    """Whether primaries and transfer are those of HDR: PQ or HLG."""
    return code is not None and code[1] in (PQ, HLG)


def code_in(icc: bytes | None) -> tuple[int, int] | None:
    """The code in a profile's "cicp" tag (ICC.1:2022), which is what an HDR profile means; None without."""
    if icc is None:
        return None
    for at in range(132, min(132 + 12 * int.from_bytes(icc[128:132]), len(icc) - 11), 12):
        if icc[at : at + 4] == b"cicp":
            place = int.from_bytes(icc[at + 4 : at + 8])
            return (icc[place + 8], icc[place + 9]) if place + 10 <= len(icc) else None
    return None


def profile_of(code: tuple[int, int], *, gray: bool = False) -> bytes | None:
    """The profile that says in all formats what a code says in few; None where it is sRGB's or not known."""
    primaries, transfer = _PRIMARIES.get(code[0]), _GAMMAS.get(code[1])
    if primaries is None or (transfer is None and code[1] not in _LIKE_SRGB):
        return None
    return made_profile(primaries, transfer, gray=gray)


def made_profile(primaries: tuple[float, ...] | None, gamma: float | None, *, gray: bool = False) -> bytes | None:
    """An ICC profile of primaries (None: sRGB's) and a gamma (None: sRGB's curve); None where it would be sRGB's.

    After ICC.1:2022: a matrix, adapted to D50 by Bradford's method, and a parametric curve for all channels.
    ``gray`` makes one for gray pictures. None, too, where the primaries don't span a plane.
    """
    primaries = primaries or _SRGB
    usual = bool(np.abs(np.subtract(primaries, _SRGB)).max() < 0.002)
    if (usual or gray) and (gamma is None or abs(gamma - 2.2) < 0.02):
        return None
    try:
        adapted, chad = _adapted(primaries)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(adapted).all() or np.abs(adapted).max() > 10:
        return None
    # Type 3 is sRGB's: (a x + b)^g above d, c x below.
    numbers = [gamma] if gamma is not None else [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]
    curve = b"para\0\0\0\0" + struct.pack(">HH", 0 if gamma is not None else 3, 0) + _fixed(numbers)
    tags = [(b"desc", _words("From the file's numbers")), (b"cprt", _words("No copyright"))]
    tags += [(b"wtpt", b"XYZ \0\0\0\0" + _fixed(_D50))]
    if gray:
        tags += [(b"kTRC", curve)]
    else:
        tags += [(b"chad", b"sf32\0\0\0\0" + _fixed(chad.ravel()))]
        tags += [(name, b"XYZ \0\0\0\0" + _fixed(adapted[:, i])) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))]
        tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, data = [], b""
    first = 132 + 12 * len(tags)
    for name, value in tags:
        table.append(struct.pack(">4sII", name, first + len(data), len(value)))
        data += value.ljust(-(-len(value) // 4) * 4, b"\0")
    body = struct.pack(">I", len(tags)) + b"".join(table) + data
    space = b"GRAY" if gray else b"RGB "
    head = struct.pack(">I4sI4s4s4s12s4s", 128 + len(body), b"\0" * 4, 0x04300000, b"mntr", space, b"XYZ ",
                       struct.pack(">6H", 2026, 1, 1, 0, 0, 0), b"acsp")  # fmt: skip
    return (head.ljust(68, b"\0") + _fixed(_D50)).ljust(128, b"\0") + body


def _fixed(values: npt.ArrayLike) -> bytes:
    """Numbers as ICC's s15Fixed16."""
    return np.rint(np.asarray(values, np.float64) * 65536).astype(">i4").tobytes()


def _words(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", len(encoded), 28) + encoded


def _to_xyz(primaries: tuple[float, ...]) -> tuple[Matrix, npt.NDArray[np.float64]]:
    """The matrix from linear RGB to XYZ, and the white."""
    x, y = np.array(primaries[::2]), np.array(primaries[1::2])
    if (y == 0).any():
        raise np.linalg.LinAlgError
    columns = np.stack([x / y, np.ones(4), (1 - x - y) / y])
    white = columns[:, 0]
    return columns[:, 1:] * np.linalg.solve(columns[:, 1:], white), white


def _adapted(primaries: tuple[float, ...]) -> tuple[Matrix, Matrix]:
    """The matrix to XYZ under D50, and the one that adapts the white."""
    matrix, white = _to_xyz(primaries)
    chad = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    return chad @ matrix, chad


# ---- HDR to SDR ------------------------------------------------------------------------------------------------------


def to_sdr(pixels: Pixels, code: tuple[int, int], brightest: float | None = None) -> Pixels:
    """(H, W, 1 or 3) PQ or HLG, uint8 or uint16, as sRGB of the same shape and type.

    Light is decoded by ITU-R BT.2100 (HLG for a display of 1000 candelas) and put into sRGB's primaries, where what
    lies outside is clipped; then the brightest channel is brought under white, which is :data:`WHITE`, by the curve of
    ITU-R BT.2390 (section 5.4.1), and the others with it, so that hues stay. The curve begins where it must for the
    brightest 0.01 % of this picture: what is not brighter than white comes out as it is. For one of a clip's frames,
    which have to be treated alike, ``brightest`` says it in candelas a square metre.
    """
    top = np.iinfo(pixels.dtype).max
    levels = np.arange(top + 1, dtype=np.float64) / top
    light = (_pq_light(levels) if code[1] == PQ else _hlg_scene(levels)).astype(np.float32)
    primaries = _PRIMARIES.get(code[0], _BT2020)
    matrix = (np.linalg.inv(_to_xyz(_SRGB)[0]) @ _to_xyz(primaries)[0]).astype(np.float32)
    luminance = _to_xyz(primaries)[0][1].astype(np.float32)

    def linear(rows: Pixels) -> Floats:
        """In sRGB's primaries, white 1."""
        bands: Floats = light[rows]
        if code[1] == HLG:  # the system gamma of BT.2100, for a display of 1000 candelas
            seen = bands @ luminance if bands.shape[2] == 3 else bands[..., 0]
            bands = bands * np.maximum(seen, 1e-6)[..., None] ** np.float32(0.2) * np.float32(1000 / WHITE)
        return np.maximum(bands @ matrix.T, 0) if bands.shape[2] == 3 else bands

    if brightest is None:
        counts = np.zeros(4096, np.int64)  # of the brightest channel, in PQ
        for y in range(0, len(pixels), BAND):
            codes = _pq_code(linear(pixels[y : y + BAND]).max(axis=2) * WHITE)
            counts += np.bincount(np.rint(codes * 4095).astype(np.int64).ravel(), minlength=4096)
        peak = float(np.searchsorted(np.cumsum(counts), counts.sum() * 0.9999)) / 4095
    else:
        peak = float(_pq_code(np.float64(brightest)))
    result = np.empty_like(pixels)
    for y in range(0, len(pixels), BAND):
        rows = linear(pixels[y : y + BAND])
        rows *= _dimmed(rows.max(axis=2), peak)[..., None]
        rows = np.clip(rows, 0, 1)
        curved = np.where(rows <= 0.0031308, rows * 12.92, 1.055 * rows ** np.float32(1 / 2.4) - 0.055)
        result[y : y + BAND] = np.rint(curved * top)
    return result


def _dimmed(brightest: Floats, peak: float) -> Floats:
    """What to multiply a pixel by, after its brightest channel (white 1) and the picture's peak in PQ."""
    white = float(_pq_code(np.float64(WHITE)))
    if peak <= white:
        return np.ones_like(brightest)
    most = white / peak
    knee = 1.5 * most - 0.5
    before = np.minimum(_pq_code(brightest * WHITE) / peak, 1)
    t = np.maximum(before - knee, 0) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    after = np.where(before < knee, before, spline)
    scale: Floats = np.ones_like(brightest)
    np.divide(_pq_light(after * peak), np.maximum(brightest, 1e-6), out=scale, where=before >= knee)
    return scale


_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128  # SMPTE ST 2084


def _pq_light(code: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """PQ's code 0 to 1 as light, white 1."""
    root = np.maximum(code, 0) ** (1 / _M2)
    light: npt.NDArray[np.floating] = np.maximum(root - _C1, 0) / (_C2 - _C3 * root)
    return light ** (1 / _M1) * (_BRIGHTEST / WHITE)


def _pq_code(candelas: npt.NDArray[np.floating] | np.floating) -> npt.NDArray[np.floating]:
    root = np.clip(np.asarray(candelas) / _BRIGHTEST, 0, 1) ** _M1
    return ((_C1 + _C2 * root) / (1 + _C3 * root)) ** _M2


def _hlg_scene(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """HLG's code 0 to 1 as the light of the scene, 0 to 1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
