from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from recorded_fit import recorded_fit
from torch import Tensor, nn

from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.systems import SNGAN
from dcgan_lightning.systems.compilation import compile_networks

SIZES: dict[str, Any] = {
    "classes": 2,
    "latent_dim": 6,
    "generator_channels": [8, 4],
    "discriminator_channels": [4, 6, 8],
}


class SmallNetwork(nn.Module):
    """Not one of PyTorch's own modules, which older compilers leave as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(3, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.dense(inputs)
        return outputs


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[object]]]:
    """The sizes of all inputs of each graph that is compiled; nothing is generated from it."""
    found: list[list[object]] = []
    compile_graph = torch.compile

    def record(graph: torch.fx.GraphModule, inputs: list[Any]) -> Any:
        found.append([tuple(part.shape) if isinstance(part, Tensor) else part for part in inputs])
        return graph.forward

    def compile_recorded(*arguments: Any, mode: str, **options: Any) -> Any:
        return compile_graph(*arguments, backend=record, **options)

    monkeypatch.setattr(torch, "compile", compile_recorded)
    yield found
    torch.compiler.reset()


def test_code_does_not_depend_on_the_sizes_that_came_first(graphs: list[list[object]]) -> None:
    """As in a resumed run, which begins with a batch where the unbroken one began with a sample grid."""
    compiled = []
    for sizes in ((4, 8, 6), (8, 6, 4)):
        network = SmallNetwork()
        compile_networks([network], "default")
        for size in sizes:
            with inference(network):
                network(torch.zeros(size, 3))
        compiled.append(sorted(map(str, graphs)))
        graphs.clear()
    assert compiled[0] == compiled[1]
    assert len(compiled[0]) == 3


def test_every_training_of_a_process_is_compiled(graphs: list[list[object]], tmp_path: Path) -> None:
    """The compiler has a limit of versions, above which it leaves a network as it is."""
    compiled = []
    for number in range(3):
        with torch._dynamo.config.patch(recompile_limit=2):  # type: ignore[attr-defined]
            system = SNGAN(**SIZES, compile_mode="default")
            recorded_fit(system, SyntheticDataModule(8, count=20), tmp_path / str(number))
        compiled.append(list(graphs))
        graphs.clear()
    assert compiled[0] == compiled[1] == compiled[2]
    assert len(compiled[0]) == 4  # two networks, two sizes
