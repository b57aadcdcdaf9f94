"""One contender in this process: ``python tests/benchmarks/bench_contender.py NAME ['{"iterations": 5}']``.

Prints its figures as JSON on the last line. Each contender imports only what it needs itself. Keras has a
script of its own, `bench_keras`.
"""

import functools
import json
import sys
import time
from collections.abc import Callable

from bench_process import Figures, Setup, memory_mb, setup_from


def ours(setup: Setup) -> Figures:
    """This project as it is: ``train(cfg)`` with the usual configuration."""
    import bench_ours

    return bench_ours.run(setup)


def ours_plain(setup: Setup) -> Figures:
    """The same with ``model.fast_paths=false``: PyTorch's own operations, two backward passes."""
    import bench_ours

    return bench_ours.run(setup, fast_paths="false")


def ours_bfloat16(setup: Setup) -> Figures:
    """The same with ``model.fast_paths=bfloat16``."""
    import bench_ours

    return bench_ours.run(setup, fast_paths="bfloat16")


def lightning(setup: Setup) -> Figures:
    """The usual GAN in Lightning (see `bench_lightning`)."""
    import bench_lightning

    return bench_lightning.run(setup)


def torch_alternating(setup: Setup) -> Figures:
    """PyTorch's DCGAN tutorial (see `bench_torch.alternating`)."""
    import bench_torch

    return bench_torch.alternating(setup)


def torch_simultaneous(setup: Setup) -> Figures:
    """The notebook's order in plain PyTorch (see `bench_torch.simultaneous`)."""
    import bench_torch

    return bench_torch.simultaneous(setup)


def ours_first_look(setup: Setup) -> Figures:
    """This project's ``experiment=first_look``."""
    import bench_ours

    return bench_ours.run_recipe(setup, "experiment=first_look", "callbacks.scores=null")


def lightning_first_look(setup: Setup) -> Figures:
    """The same recipe as the usual GAN in Lightning (see `bench_first_look.lightning`)."""
    import bench_first_look

    return bench_first_look.lightning(setup)


def torch_first_look(setup: Setup) -> Figures:
    """The same recipe in plain PyTorch (see `bench_first_look.alternating`)."""
    import bench_first_look

    return bench_first_look.alternating(setup)


def our_translator(experiment: str, setup: Setup) -> Figures:
    """This project's ``experiment=pix2pix``, ``cyclegan`` or ``style``."""
    import bench_ours

    return bench_ours.run_recipe(setup, f"experiment={experiment}")


def plain_translator(experiment: str, setup: Setup) -> Figures:
    """The same in plain PyTorch (see `bench_neighbours`)."""
    import bench_neighbours

    return bench_neighbours.LOOPS[experiment](setup)


def matrix_products(setup: Setup) -> Figures:
    """The rate of matrix products at this moment (see `bench_torch.matrix_products`)."""
    import bench_torch

    return bench_torch.matrix_products(setup)


def imports(setup: Setup) -> Figures:
    """``import torch, pytorch_lightning`` and nothing else."""
    started = time.perf_counter()
    import pytorch_lightning  # noqa: F401
    import torch  # noqa: F401

    return {"seconds_of_imports": time.perf_counter() - started, "peak_memory_mb": memory_mb()}


CONTENDERS: dict[str, Callable[[Setup], Figures]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        ours,
        ours_plain,
        ours_bfloat16,
        lightning,
        torch_alternating,
        torch_simultaneous,
        ours_first_look,
        lightning_first_look,
        torch_first_look,
        matrix_products,
        imports,
    )
}
for _experiment in ("pix2pix", "cyclegan", "style"):
    CONTENDERS[f"ours-{_experiment}"] = functools.partial(our_translator, _experiment)
    CONTENDERS[f"torch-{_experiment}"] = functools.partial(plain_translator, _experiment)


if __name__ == "__main__":
    print(json.dumps(CONTENDERS[sys.argv[1]](setup_from(sys.argv[2:]))))
