"""What the enlarger's and the repairer's results are judged by: frozen features, and a discriminator of every pixel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from editing.networks.unet_discriminator import UNetDiscriminator
from editing.training import losses
from editing.training.backbones import Lite0, imagenet_input
from editing.training.loop import learn
from editing.training.task import adam, placed


def new_judge(device: torch.device, rate: float) -> tuple[UNetDiscriminator, torch.optim.Optimizer]:
    """A discriminator that knows nothing yet, and what teaches it (Adam) at learning rate ``rate``."""
    judge = placed(UNetDiscriminator(), device)
    return judge, adam(judge, rate, (0.5, 0.99))


def frozen_maps(backbone: Lite0, pictures: Tensor, amp: torch.autocast) -> list[Tensor]:
    """The frozen features of pictures (N, 3, side, side) in [0, 1], fine to coarse."""
    with amp:
        maps: list[Tensor] = backbone(imagenet_input(pictures * 2 - 1, pictures.shape[-1]))
    return maps


def judged(
    judge: UNetDiscriminator, optimizer: torch.optim.Optimizer, made: Tensor, true: Tensor, rate: float,
    amp: torch.autocast, counted: Tensor | None = None,
) -> dict[str, Tensor]:  # fmt: skip
    """One step of the discriminator at learning rate ``rate``, then its word on ``made``, both (N, 3, H, W) in [0, 1].

    ``counted`` (N, 1, H, W) is how much its word on each pixel counts for what made it. Of the four values "loss_g" is
    what the generator has to lower; the discriminator is left out of its slopes.
    """
    with amp:
        real, fake = judge(torch.cat([true, made.detach()])).chunk(2)
    loss_d = losses.discriminator_loss("nonsaturating", real, fake)
    learn(optimizer, loss_d, rate)
    judge.requires_grad_(False)
    with amp:
        word = judge(made)
    # of the nonsaturating loss (Goodfellow et al. 2014), pixel by pixel
    loss_g = losses.generator_loss("nonsaturating", word) if counted is None else (counted * F.softplus(-word)).mean()
    judge.requires_grad_(True)
    return {"loss_d": loss_d, "real": real.mean(), "fake": fake.mean(), "loss_g": loss_g}
