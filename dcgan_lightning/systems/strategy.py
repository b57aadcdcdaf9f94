"""How Lightning runs several processes as one training."""

from pytorch_lightning.strategies import DDPStrategy


class ManualDDPStrategy(DDPStrategy):
    """Lightning's processes and process group, without PyTorch's DistributedDataParallel around the system.

    DDP sums gradients while one backward pass runs and expects all weights in it; this system takes two
    backward passes from one forward pass, each for one network, and averages all gradients itself, once
    (see `DCGAN.training_step`). All processes start from the same weights: they follow from the seed.
    """

    def configure_ddp(self) -> None:
        """Leave the system as it is."""
