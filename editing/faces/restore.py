"""Networks for aligned faces: those that restore them, ours and others', and the parser that tells a face from hair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from editing import messages, runtime
from editing.costs import measured_cost
from editing.errors import EditingError, WeightError
from editing.faces.align import SIDE, outline
from editing.faces.loans import Loan
from editing.networks.finisher import Finisher, FinisherConfig
from editing.networks.repairer import Repairer, RepairerConfig, lent, mirrored
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats
from editing.runtime import Backend
from editing.weights.catalogue import Weight
from editing.weights.files import digest, path_of
from editing.weights.find import find_weight
from editing.weights.load import config_of, fit, load_network, load_state, without_numbers

Call = Callable[[nn.Module, Tensor, float], Tensor]  # a network, (1, 3, side, side) in [-1, 1], fidelity -> the same

FINISHER = "finisher"  # what makes a face of 512 pixels of the repairer's 256
# ParseNet's classes that are no face: background, ear rings, necklace, neck, clothes, hair, hat (as facexlib has it).
_NO_FACE = (0, 14, 16, 17, 18)


@dataclass(frozen=True, kw_only=True, eq=False)
class Restorer:
    """A loaded network for aligned faces.

    ``run`` takes (1, 3, side, side) RGB and (1, 1, side, side), 1 = fill, both float32 in [0, 1], and returns the clean
    and the faithful result, float32 of the first shape. ``fills`` is whether it minds the second; then what the other
    side of the face shows is filled before it.
    """

    name: str
    sha256: str
    licence: str
    backend: Backend
    side: int
    fills: bool
    run: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    finish: Callable[[Tensor], Tensor] | None = None  # makes (1, 3, 512, 512) of a clean result of a smaller side
    weights: tuple[Weight, ...] = ()  # that take part

    def __call__(
        self, aligned: Floats, hole: Mask, *, loan: Loan | None = None, fine: bool = True
    ) -> tuple[Floats, Floats]:
        """(512, 512, 3) and (512, 512) in [0, 1] -> the clean and the faithful face, (512, 512, 3) in [0, 1].

        ``loan`` fills a part of the hole beforehand. Not ``fine``: without the detail that only 512 pixels can hold,
        which takes most of the time.
        """
        small = resized(aligned, self.side)
        picture, mask = self._tensor(small), self._tensor(resized(hole[..., None], self.side))
        with torch.inference_mode():
            if self.fills:
                picture, mask = mirrored(picture, mask)
            if self.fills and loan is not None:
                part = self._tensor(resized(loan.part[..., None], self.side))
                picture, mask = lent(picture, mask, self._tensor(resized(loan.face, self.side)), part)
            results = self.run(picture, mask)
        if not all(bool(torch.isfinite(result).all()) for result in results):
            raise EditingError(messages.MODEL_NOT_NUMBERS, model=self.name)
        clean, faithful = (_array(result, SIDE) for result in results)
        # What is too fine for the network's size is no news to it: the faithful result keeps that of the input.
        detail = (aligned - resized(small, SIDE)) * (1 - hole[..., None])
        if self.finish is not None and fine:
            with torch.inference_mode():
                finished = self.finish(results[0].clamp(0, 1))
            if not bool(torch.isfinite(finished).all()):
                raise EditingError(messages.MODEL_NOT_NUMBERS, model=self.name)
            plain, clean = clean, _array(finished, SIDE)
            detail = detail + hole[..., None] * (clean - plain)
        return clean, np.clip(faithful + detail, 0, 1)

    def _tensor(self, array: Floats) -> Tensor:
        """(side, side, C) -> (1, C, side, side)."""
        return torch.from_numpy(array).permute(2, 0, 1)[None].to(self.backend.device)

    def seconds(self, *, wait: bool = True) -> float:
        """What a face takes on this machine; measured at the first call. ``wait`` is that of :func:`measured_cost`."""
        cost = measured_cost(self.sha256, self.backend, self._blank, side=self.side, wait=wait)
        return cost.seconds * self.side**2

    def _blank(self, side: int) -> None:
        self(np.full((SIDE, SIDE, 3), 0.5, np.float32), np.zeros((SIDE, SIDE), np.float32))


def _array(result: Tensor, side: int) -> Floats:
    """(1, 3, n, n) -> (side, side, 3) in [0, 1]."""
    return resized(result[0].float().clamp(0, 1).permute(1, 2, 0).cpu().numpy(), side)


def resized(array: Floats, side: int) -> Floats:
    """A square (n, n, C) as (side, side, C): means where it gets smaller, else bicubic."""
    how = cv2.INTER_AREA if side < len(array) else cv2.INTER_CUBIC
    resized = array if side == len(array) else cv2.resize(array, (side, side), interpolation=how)
    return np.asarray(resized, np.float32).reshape(side, side, -1)


def load_restorer(model: str = "repairer", precision: str = "auto") -> Restorer:
    """The network called ``model``, loaded once and shared.

    Raises WeightError for an unknown, missing or damaged weight, OptionError for an unknown precision.
    """
    weight = find_weight(model, "restore")
    backend, sha256 = runtime.choose_backend(precision), digest(weight)
    return runtime.cached_network(f"{weight.name} {sha256}", backend, lambda: _build(weight, sha256, backend))


def _build(weight: Weight, sha256: str, backend: Backend) -> Restorer:
    config = config_of(weight)
    if isinstance(config, RepairerConfig):
        return _ours(weight, sha256, backend, config)
    network, call = _theirs(weight)
    backend = Backend(backend.device, "fp32")  # codebooks and modulated convolutions lose too much in bf16
    network.eval().requires_grad_(False).to(backend.device)  # GFPGAN can't be channels-last

    both = type(network).__name__ == "CodeFormer"  # the others know no fidelity: the input itself is the other end

    def run(picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        scaled = picture * 2 - 1
        clean = (call(network, scaled, 0.0) + 1) / 2
        return clean, (call(network, scaled, 1.0) + 1) / 2 if both else picture

    return Restorer(
        name=weight.name, sha256=sha256, licence=weight.licence, backend=backend, side=SIDE, fills=False, run=run,
        weights=(weight,),
    )  # fmt: skip


def _ours(weight: Weight, sha256: str, backend: Backend, config: RepairerConfig) -> Restorer:
    with without_numbers():
        network = Repairer(config)
    fit(network, load_state(weight), weight.name)
    backend.place(network)

    def run(picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        faithful, clean = network.both(picture, mask)
        return clean, faithful

    finish: Callable[[Tensor], Tensor] | None = None
    weights: tuple[Weight, ...] = (weight,)
    better = find_weight(FINISHER, "finish")
    if (
        path_of(better)
        and (made := config_of(better))
        and isinstance(made, FinisherConfig)
        and made.size == config.size
    ):
        finish, weights = _finisher(better, made, backend), (weight, better)
    return Restorer(
        name=weight.name, sha256=sha256, licence=weight.licence, backend=backend, side=network.config.size, fills=True,
        run=run, finish=finish, weights=weights,
    )  # fmt: skip


def _finisher(weight: Weight, config: FinisherConfig, backend: Backend) -> Callable[[Tensor], Tensor]:
    with without_numbers():
        network = Finisher(config)
    fit(network, load_state(weight), weight.name)
    return backend.place(network)


def _theirs(weight: Weight) -> tuple[nn.Module, Call]:
    """A network that others trained, and how it is called with pictures in [-1, 1] and a fidelity.

    spandrel's own call gives GFPGAN and CodeFormer [0, 1] and clips what comes out, which washes faces out: they were
    trained with [-1, 1], and so are called directly.
    """
    network: nn.Module
    if weight.name == "restoreformer":
        network = _restoreformer_plus_plus(load_state(weight), weight.name)
    else:
        network = load_network(weight).model
    calls: dict[str, Call] = {
        "GFPGANv1Clean": lambda network, picture, fidelity: network(picture, randomize_noise=False)[0],
        "RestoreFormer": lambda network, picture, fidelity: network(picture)[0],
        "CodeFormer": lambda network, picture, fidelity: network(picture, weight=fidelity)[0],
    }
    call = calls.get(type(network).__name__)
    if call is None:
        raise WeightError(messages.NO_RESTORER, name=weight.name, kind=type(network).__name__)
    return network, call


def _restoreformer_plus_plus(state: dict[str, Tensor], name: str, **sizes: Any) -> nn.Module:
    """RestoreFormer++ (Wang et al. 2023): RestoreFormer with half the heads, and attention at 32x32 in its decoder.

    spandrel knows RestoreFormer alone, so its decoder is exchanged here. The official file is a training's checkpoint:
    of its state the generator ("vqvae.") is taken.
    """
    from spandrel.architectures.RestoreFormer import RestoreFormer  # type: ignore[import-untyped]
    from spandrel.architectures.RestoreFormer.__arch import restoreformer_arch  # type: ignore[import-untyped]

    sizes = {"ch": 64, "out_ch": 3, "ch_mult": (1, 2, 2, 4, 4, 8), "z_channels": 256} | sizes
    network: nn.Module = RestoreFormer(**sizes, double_z=False, head_size=4)
    network.decoder = restoreformer_arch.MultiHeadDecoderTransformer(
        **sizes, num_res_blocks=2, attn_resolutions=(16, 32), dropout=0.0, in_channels=3, resolution=512,
        enable_mid=True, head_size=4,
    )  # fmt: skip

    def also_finer(module: nn.Module, arguments: Any, seen: dict[str, Tensor]) -> dict[str, Tensor]:
        """Each attention of the decoder looks at what the encoder saw at its size."""
        return {f"{name}_atten": maps for name, maps in seen.items() if name.startswith("block_")} | seen

    network.get_submodule("encoder").register_forward_hook(also_finer)
    own = {key.removeprefix("vqvae."): value for key, value in state.items() if key.startswith("vqvae.")} or state
    fit(network, own, name)
    return network.eval().requires_grad_(False)


def finished(face: Floats, network: Restorer, side: int) -> Floats:
    """A whole aligned face (n, n, 1 or 3) in [0, 1], as a generator draws it, at ``side`` of 256 or 512 pixels.

    It is repaired as a small photograph would be, the whole frame with hair and background, and finished at 512.
    """
    rgb = np.repeat(face, 3, axis=2) if face.shape[2] == 1 else face
    clean, _ = network(resized(rgb, SIDE), np.zeros((SIDE, SIDE), np.float32))
    if face.shape[2] == 1:
        clean = clean.mean(2, keepdims=True)
    return np.clip(resized(clean, side), 0, 1)


def load_parser() -> Callable[[Floats], Mask] | None:
    """What tells a face from hair and background in an aligned face, where ParseNet has been fetched; else None.

    It takes (512, 512, 3) in [0, 1] and returns (512, 512), as :func:`outline` does. Raises WeightError when the file
    is damaged.
    """
    weight = find_weight("parsenet", "parse")
    if path_of(weight) is None:
        return None
    backend, sha256 = Backend(runtime.choose_backend("fp32").device, "fp32"), digest(weight)

    def build() -> torch.nn.Module:
        from facexlib.parsing.parsenet import ParseNet  # type: ignore[import-untyped]

        network = ParseNet(in_size=SIDE, out_size=SIDE, parsing_ch=19)
        fit(network, load_state(weight), weight.name)
        return backend.place(network)

    network = runtime.cached_network(f"{weight.name} {sha256}", backend, build)

    def parse(aligned: Floats) -> Mask:
        tensor = torch.from_numpy(aligned).permute(2, 0, 1)[None].to(backend.device) * 2 - 1
        with torch.inference_mode():
            kinds = network(tensor)[0].argmax(1)[0].cpu().numpy()
        return parsed_outline(kinds)

    return parse


def parsed_outline(kinds: npt.NDArray[Any]) -> Mask:
    """(512, 512) classes of ParseNet -> how much of each pixel is put back, soft at the edges, 0 at the border."""
    face = (~np.isin(kinds, _NO_FACE)).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(face, (0, 0), 15), np.float32)
    return soft * np.minimum(1, 2 * outline())  # no neck on the frame's border may be cut off there
