"""One contender in this process: ``python tests/benchmarks/bench_contender.py NAME ['{"iterations": 5}']``.

Prints its figures as JSON on the last line. Each contender imports only what it needs itself. Keras has a
script of its own, `bench_keras`.
"""

import json
import sys
import time

from bench_process import Figures, Setup, memory_mb, setup_from


def ours(setup: Setup) -> Figures:
    """This project as it is: ``train(cfg)`` with the usual configuration."""
    import bench_ours

    return bench_ours.run(setup)


def ours_plain(setup: Setup) -> Figures:
    """The same with ``model.fast_paths=false``: PyTorch's own operations, two backward passes."""
    import bench_ours

    return bench_ours.run(setup, fast_paths="false")


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


def ours_pix2pix(setup: Setup) -> Figures:
    """This project's ``experiment=pix2pix``."""
    import bench_ours

    return bench_ours.run_recipe(setup, "experiment=pix2pix")


def torch_pix2pix(setup: Setup) -> Figures:
    """The same in plain PyTorch (see `bench_neighbours.pix2pix`)."""
    import bench_neighbours

    return bench_neighbours.pix2pix(setup)


def ours_cyclegan(setup: Setup) -> Figures:
    """This project's ``experiment=cyclegan``."""
    import bench_ours

    return bench_ours.run_recipe(setup, "experiment=cyclegan")


def torch_cyclegan(setup: Setup) -> Figures:
    """The same in plain PyTorch (see `bench_neighbours.cyclegan`)."""
    import bench_neighbours

    return bench_neighbours.cyclegan(setup)


def ours_style(setup: Setup) -> Figures:
    """This project's ``experiment=style``."""
    import bench_ours

    return bench_ours.run_recipe(setup, "experiment=style")


def torch_style(setup: Setup) -> Figures:
    """The same in plain PyTorch (see `bench_neighbours.style`)."""
    import bench_neighbours

    return bench_neighbours.style(setup)


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


CONTENDERS = {
    function.__name__.replace("_", "-"): function
    for function in (
        ours,
        ours_plain,
        lightning,
        torch_alternating,
        torch_simultaneous,
        ours_first_look,
        lightning_first_look,
        torch_first_look,
        ours_pix2pix,
        torch_pix2pix,
        ours_cyclegan,
        torch_cyclegan,
        ours_style,
        torch_style,
        matrix_products,
        imports,
    )
}


if __name__ == "__main__":
    print(json.dumps(CONTENDERS[sys.argv[1]](setup_from(sys.argv[2:]))))
