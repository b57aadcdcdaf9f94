"""Small networks that have every layer the play page computes."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Translator(nn.Module):
    """A U-Net's and a ResNet's parts in one: skips, residual sums, norms, padding of all kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(1, 4, 4, stride=2, padding=1)
        self.norm = nn.InstanceNorm2d(4, affine=True)
        self.inner = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.reflected = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(6, 6, 3), nn.InstanceNorm2d(6))
        self.padded = nn.Sequential(nn.ReplicationPad2d((1, 1, 1, 1)), nn.Conv2d(6, 6, (3, 3)))
        self.up = nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1)
        self.batch_norm = nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, 1, 3, padding="same")
        self.register_buffer("offset", torch.tensor([0.1]).view(1, 1, 1))
        nn.init.uniform_(self.norm.weight, 0.5, 2.0)
        assert isinstance(self.batch_norm.running_mean, Tensor)
        nn.init.uniform_(self.batch_norm.running_mean)

    def forward(self, images: Tensor) -> Tensor:
        """Return images of the same size."""
        skip = self.norm(self.down(images))
        inner = F.leaky_relu_(self.inner(F.relu_(skip)), 0.2)  # the skip is changed in place
        inner = inner + self.reflected(inner)
        inner = inner + torch.sigmoid(self.padded(inner))
        both = self.batch_norm(torch.cat([F.dropout(self.up(inner), 0.5, self.training), skip], 1))
        large = F.interpolate(F.relu(both), scale_factor=2, mode="nearest")
        output: Tensor = torch.tanh(self.last(large) * 0.5 + self.offset)
        return output
