"""How Lightning runs several processes as one training."""

import os
from datetime import timedelta
from typing import Any, TypeVar

import torch
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import distributed as dist

from dcgan_lightning.core.children import Children
from dcgan_lightning.core.meetings import PATIENCE, announce_failure, connect, meet

T = TypeVar("T")


class ManualDDPStrategy(DDPStrategy):
    """Lightning's processes and process group, without PyTorch's DistributedDataParallel around the system.

    DDP sums gradients while one backward pass runs and expects all weights in it; this system takes two
    backward passes from one forward pass, each for one network, and averages all gradients itself, once
    (see `DCGAN.training_step`). All processes start from the same weights: they follow from the seed.

    The processes wait for each other as in `core.meetings`. A collective operation that one of
    them never reaches fails after `PATIENCE`.
    """

    _children: Children | None = None

    def configure_ddp(self) -> None:
        """Leave the system as it is."""

    def setup_distributed(self) -> None:
        """Join the other processes, unless an earlier training of this process has."""
        if not dist.is_initialized():
            self.set_world_ranks()
            environment = self.cluster_environment
            assert environment is not None
            address, port = environment.main_address, environment.main_port
            os.environ |= {"MASTER_ADDR": address, "MASTER_PORT": str(port)}
            self._children = Children(getattr(self.launcher, "procs", []), self.global_rank + 1)
            if self.root_device.type == "cuda":
                self._children.guard(PATIENCE.total_seconds())
            dist.init_process_group(
                self._get_process_group_backend(),
                store=connect(address, port, self.global_rank, self.world_size, self._children),
                rank=self.global_rank,
                world_size=self.world_size,
                timeout=self._patience(),
                device_id=None if self.root_device.type == "cpu" else self.root_device,
            )
        super().setup_distributed()  # finds the process group

    def end_children(self) -> None:
        """End the processes that this one has started: without it they would wait for it."""
        if self._children is not None:
            self._children.kill()

    def _patience(self) -> timedelta:
        """Return how long a collective operation waits for all processes; compilation takes them minutes."""
        compiles = getattr(self.lightning_module, "compile_mode", None) is not None
        return timedelta(minutes=10) if compiles else PATIENCE

    def barrier(self, name: str | None = None, *args: Any, **kwargs: Any) -> None:
        """Wait for all processes."""
        meet(name or "barrier")

    def broadcast(self, obj: T, src: int = 0) -> T:
        """Return what process ``src`` gives."""
        meet("broadcast")
        return super().broadcast(obj, src)

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:
        """Return whether all processes, or any of them, decide so."""
        return not meet("decision", not decision) if all else meet("decision", decision)

    def all_gather(self, tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return the tensors of all processes."""
        meet("all_gather")
        return super().all_gather(tensor, *args, **kwargs)

    def reduce(self, tensor: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the sum or mean over all processes."""
        meet("reduce")
        return super().reduce(tensor, *args, **kwargs)

    def on_exception(self, exception: BaseException) -> None:
        """Tell the others, unless all of them end together."""
        if not isinstance(exception, SIGTERMException):
            announce_failure()
        super().on_exception(exception)
