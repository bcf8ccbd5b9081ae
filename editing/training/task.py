"""What the tasks of all trainings share: a network with its average and its optimizer, set up and shipped alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Generic, TypeVar, cast

import torch
from torch import nn

from editing.networks.config import Config
from editing.training.loop import averaged_copy, pick_precision, write_weights
from editing.training.options import TrainOptions

Network = TypeVar("Network", bound=nn.Module)
Options = TypeVar("Options", bound=TrainOptions)


class PictureTask(Generic[Network, Options]):
    """A network that learns from pictures: the part of :class:`editing.training.loop.Task` that is always the same."""

    name: ClassVar[str]  # of the network, in checkpoints and as a file
    progress = 0.0

    def __init__(
        self,
        options: Options,
        device: torch.device,
        make: Callable[[], Network],
        rate: float,
        betas: tuple[float, float] = (0.9, 0.99),
    ) -> None:
        """``make`` gives the network, drawn from the options' seed; it learns by Adam, at first at ``rate``."""
        self.options, self.device = options, device
        self.dtype = pick_precision(options, device)
        torch.manual_seed(options.seed)
        self.network = placed(make(), device)
        self.networks: dict[str, nn.Module] = {self.name: self.network}
        self.averaged: dict[str, nn.Module] = {self.name: averaged_copy(self.network)} if options.ema else {}
        self.optimizers: dict[str, torch.optim.Optimizer] = {self.name: adam(self.network, rate, betas)}

    def amp(self) -> torch.autocast:
        """In it, networks compute in the precision asked for."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    @property
    def shown(self) -> Network:
        """The network to look at and to ship: the average where there is one."""
        return cast(Network, self.averaged.get(self.name, self.network))

    def export(self, path: Path) -> None:
        """Write the network for use, its numbers in fp16; raises TrainingError."""
        config = self.shown.config
        assert isinstance(config, Config)
        write_weights(path, self.shown.state_dict(), **config.metadata())


def placed(network: Network, device: torch.device) -> Network:
    """The network on the device, channels last in memory."""
    return cast(Network, network.to(device, memory_format=torch.channels_last))  # type: ignore[call-overload]


def adam(network: nn.Module, rate: float, betas: tuple[float, float]) -> torch.optim.Adam:
    """What teaches those of the network's parameters that are not frozen."""
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return torch.optim.Adam(learned, rate, betas, fused=learned[0].is_cuda)  # on a GPU one launch for all numbers
