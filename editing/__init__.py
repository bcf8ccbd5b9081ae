"""Atelier: pictures made and mended with neural networks.

    from editing import Picture, upscale
    from editing.options import UpscaleOptions

    upscale(Picture.open("photo.jpg"), UpscaleOptions(scale=2)).save("photo-x2.png")

The names below are imported when they are asked for (PEP 562): torch takes two seconds, which --help need not wait.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from editing.pictures.picture import Picture as Picture
    from editing.pipelines.generate import generate as generate
    from editing.pipelines.repair import repair as repair
    from editing.pipelines.stylize import stylize as stylize
    from editing.pipelines.upscale import upscale as upscale

__version__ = "0.1.0"

__all__ = ["Picture", "__version__", "generate", "repair", "stylize", "upscale"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'editing' has no attribute {name!r}")
    module = "editing.pictures.picture" if name == "Picture" else f"editing.pipelines.{name}"
    globals()[name] = found = getattr(import_module(module), name)
    return found
