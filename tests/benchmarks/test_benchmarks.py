"""The benchmarks' arithmetic, and that each contender runs. No timing decides a test."""

import contextlib
import dataclasses
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import around
import bench_contender
import bench_cuda
import bench_first_look
import bench_flops
import bench_neighbours
import bench_peers
import bench_record
import bench_torch
import folders
import growth
import ingredients
import layers
import load
import numpy as np
import port_scores
import pytest
import quality
import rounding
import scaling
import torch
from bench_process import HERE, ROOT, Clock, Figures, Setup, run_process, setup_from
from bench_statistics import describe, markdown_table, paired_ratios, spread
from bench_torch import plain_networks, trainable
from torch.utils.flop_counter import FlopCounterMode

from dcgan_lightning.evaluation import RealImages
from dcgan_lightning.networks import Discriminator, Generator
from dcgan_lightning.systems import DCGAN

TINY = 1 / 32
TRAINING = ("ours", "ours-plain", "lightning", "torch-alternating", "torch-simultaneous")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a folder with 64 made-up images and their labels, as torchvision lays out Fashion-MNIST."""
    folder = tmp_path_factory.mktemp("images")
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 28, 28), np.uint8)
    for part in ("train", "t10k"):
        for name, content in (("images-idx3", pixels), ("labels-idx1", np.zeros(64, np.uint8))):
            header = np.array([0x800 + content.ndim, *content.shape], ">i4").tobytes()
            (raw / f"{part}-{name}-ubyte").write_bytes(header + content.tobytes())
    return str(folder)


def tiny(root: str) -> Setup:
    return Setup(iterations=2, warmup=1, batch_size=8, width=TINY, root=root, overrides=("threads=1",))


def check(figures: Figures, setup: Setup) -> None:
    """Make sure that a contender told all it should, and trained the networks of this project."""
    assert len(figures["seconds"]) == setup.iterations
    numbers = [*figures["seconds"], figures["seconds_to_first_iteration"], figures["peak_memory_mb"]]
    assert all(math.isfinite(number) and number > 0 for number in numbers)
    ours = Generator(100, setup.generator_channels), Discriminator(setup.discriminator_channels)
    assert tuple(figures["parameters"]) == trainable(*ours)
    assert {"python", "torch"} <= figures["versions"].keys()


@pytest.mark.parametrize("name", TRAINING)
@pytest.mark.filterwarnings("ignore::UserWarning")  # of Lightning, about workers and logging intervals
def test_a_contender_trains(name: str, root: str) -> None:
    figures = bench_contender.CONTENDERS[name](tiny(root))
    check(figures, tiny(root))
    if name.startswith("ours"):
        assert figures["shares"].keys() == {"callbacks", "data", "logging", "callbacks_of_an_epoch"}
        assert all(0 < share < 1 for share in figures["shares"].values())


@pytest.mark.parametrize("name", ["ours-first-look", "lightning-first-look", "torch-first-look"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_contender_of_first_look_trains(name: str, root: str) -> None:
    figures = bench_contender.CONTENDERS[name](tiny(root))
    assert len(figures["seconds"]) == 2
    assert figures["parameters"] == [379_396, 129_761]


def test_first_look_has_ratios_of_the_same_round(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = {"ours-first-look": (0.01, 0.02), "torch-first-look": (0.03, 0.04)}
    measured = {
        name: {number: {"seconds": [value]} for number, value in enumerate(values)}
        for name, values in seconds.items()
    }
    monkeypatch.setattr(bench_first_look, "environment", lambda: ("", "", ""))
    monkeypatch.setattr(bench_first_look, "measure", lambda names, setups, rounds: [measured])
    bench_first_look.main([])
    assert "| 35.0 (30.0 to 40.0) | 2.50 (2.00 to 3.00) |" in capsys.readouterr().out


@pytest.mark.parametrize("name", bench_neighbours.BATCH_SIZES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_neighbours_and_their_loops_train_the_same_networks(name: str, root: str) -> None:
    setup = dataclasses.replace(tiny(root), batch_size=4, threads=1, processor_time=True)
    # Of the made-up images none is a sneaker.
    overrides = ("threads=1", "data=synthetic_domains", "data.count=64", "data.batch_size=4")
    own = setup if name != "cyclegan" else dataclasses.replace(setup, root=None, overrides=overrides)
    ours = bench_contender.CONTENDERS[f"ours-{name}"](own)
    loop = bench_contender.CONTENDERS[f"torch-{name}"](setup)
    assert ours["parameters"] == loop["parameters"]
    assert len(ours["seconds"]) == len(loop["seconds"]) == 2
    rounds = {"ours": {1: {"seconds": [0.02, 0.03, 0.04]}}, "loop": {1: {"seconds": [0.01, 0.02, 0.5]}}}
    assert bench_neighbours.row(name, *rounds.values()) == [name, "30.0", "20.0", "1.500"]


def test_cases_on_a_card() -> None:
    cases = [case for case in bench_cuda.CASES if case[1] == "ours"]
    assert bench_cuda.label(cases[0]) == "ours"
    lowest = "ours model.compile_mode=reduce-overhead trainer.precision=bf16-mixed"
    assert bench_cuda.label(cases[-1]) == lowest
    assert [bench_cuda.is_compiled(cases[number]) for number in (0, -1)] == [False, True]
    for case in bench_cuda.CASES:
        assert case[1] in bench_contender.CONTENDERS
    rounds = [{"seconds": [0.002, 0.004], "seconds_to_first_iteration": 5.0, "card_memory_mb": 99.6}]
    row = bench_cuda.table([{"batch_size": 16, "label": "ours", "rounds": rounds}]).splitlines()[-1]
    expected = ["16", "ours", "3.00", "3.00 to 3.00", "5.0", "100"]
    assert [cell.strip() for cell in row.strip("|").split("|")] == expected


def test_contenders_on_a_card_compute_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    setups: list[Setup] = []
    monkeypatch.setattr(bench_cuda, "run_process", lambda *_, setup, **__: setups.append(setup))
    arithmetic: dict[str, set[bool]] = {}
    for case in bench_cuda.CASES:
        bench_cuda.measure(case, Setup(device="cuda"))
        assert ("tf32=true" in case[2]) is setups[-1].tf32
        arithmetic.setdefault(case[1], set()).add(setups[-1].tf32)
        if not case[1].startswith("ours"):
            assert not setups[-1].overrides
    assert all(kinds == {False, True} for kinds in arithmetic.values())
    for tf32 in (True, False):
        chosen: list[bool] = []
        monkeypatch.setattr(bench_torch, "set_tf32", chosen.append)
        bench_torch.start_clock(Setup(device="cuda", tf32=tf32))
        assert chosen == [tf32]


def test_a_process_of_its_own(root: str) -> None:
    setup = tiny(root)
    check(run_process(sys.executable, "bench_contender.py", "torch-simultaneous", setup=setup), setup)
    with pytest.raises(RuntimeError, match="exit code 2"):
        run_process(sys.executable, "none.py", setup=setup)


def test_rivals_need_the_images() -> None:
    with pytest.raises(ValueError, match="needs the folder of the images"):
        bench_contender.CONTENDERS["torch-alternating"](Setup(width=TINY))


def test_matrix_products() -> None:
    assert bench_torch.matrix_products(Setup(), side=32, repetitions=3)["gflop_per_second"] > 0


def test_plain_networks_have_the_notebooks_sizes() -> None:
    networks = plain_networks(Setup())
    assert trainable(*networks) == (2_305_472, 212_865)
    generator, discriminator = plain_networks(Setup(width=TINY))
    images = generator(torch.randn(2, 100))
    assert images.shape == (2, 1, 28, 28)
    assert discriminator(images).shape == (2,)


def test_operations_of_a_small_network() -> None:
    # 3 noise values; channels 2, 1, 1: a dense layer of 98, convolutions at 7, 7 and 14 pixels a side.
    dense, convolutions = 2 * 3 * 98, [2 * 49 * 25 * 2, 2 * 49 * 25, 2 * 196 * 25]
    generator = bench_flops.generator_passes((2, 1, 1), latent_dim=3)
    assert generator.forward == dense + sum(convolutions) == 588 + 4_900 + 2_450 + 9_800
    assert generator.training == 3 * generator.forward - dense
    # channels 1, 3: convolutions at 14 and 7 pixels a side, a dense layer of 147
    judge = bench_flops.discriminator_passes((1, 3))
    assert judge.forward == 9_800 + 7_350 + 294
    assert judge.training == 3 * judge.forward - 9_800
    assert judge.all_inputs == judge.forward


def test_operations_of_the_notebook() -> None:
    counts = bench_flops.operations(Setup())
    assert counts["ours"] / 1e9 == pytest.approx(111, rel=0.01)
    assert counts["simultaneous"] / 1e9 == pytest.approx(115.6, rel=0.001)
    assert counts["ours"] < counts["simultaneous"] < counts["alternating"] < counts["lightning"]
    assert bench_flops.operations(Setup(batch_size=512))["ours"] == 2 * counts["ours"]


def test_operations_agree_with_pytorchs_own_count() -> None:
    generator, discriminator = plain_networks(Setup(batch_size=4))
    images = torch.randn(4, 1, 28, 28)
    with FlopCounterMode(display=False) as counter:
        fake = generator(torch.randn(4, 100))
        seen = fake.detach().requires_grad_()
        logits = discriminator(torch.cat([images, seen]))
        logits.sum().backward()
        fake.backward(seen.grad)
    # PyTorch cannot leave out the real images' part of the gradient of the discriminator's input.
    first = bench_flops.discriminator_passes((64, 128)).first_input
    assert counter.get_total_flops() == bench_flops.operations(Setup(batch_size=4))["ours"] + 4 * first


def test_spread_and_ratios() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "smallest": 1.0, "largest": 3.0}
    assert spread(iter([1.23456, 1.23444]), 2) == {"median": 1.23, "smallest": 1.23, "largest": 1.23}
    # the third round of one and the fourth of the other have no partner
    assert paired_ratios({1: 2.0, 2: 6.0, 3: 1.0}, {2: 3.0, 1: 1.0, 4: 9.0}) == [2.0, 2.0]


def test_tables() -> None:
    table = markdown_table(
        ["a", "b"], [["x", describe(spread([1000.0, 2000.0, 3000.0]), 1)], ["y", describe(None, 1)]]
    )
    assert table == "| a | b |\n| --- | ---: |\n| x | 2,000.0 (1,000.0 to 3,000.0) |\n| y |  |"
    assert describe(spread([1.5]), 1) == "1.5"
    with pytest.raises(ValueError, match="2 cells"):
        markdown_table(["a", "b"], [["x"]])


def test_clock_waits_for_the_device_once_a_block() -> None:
    waits: list[float] = []
    times = iter(float(number) for number in range(100))
    clock = Clock(2, lambda: waits.append(0.0), block=3, now=lambda: next(times))
    for _ in range(2 + 2 * 3 + 1):
        clock.tick()
    assert len(waits) == 1 + 3  # the first iteration, the end of the warm-up and of each block
    assert clock.seconds() == [1.0, 1.0]


def test_clock_leaves_the_warmup_out() -> None:
    times = iter([10.0, 11.0, 13.0, 16.0])
    clock = Clock(warmup=2, now=lambda: next(times))
    for _ in range(4):
        clock.tick()
    assert clock.seconds() == [2.0, 3.0]
    assert clock.seconds_to_first_iteration >= 0


def test_setup_as_json() -> None:
    assert setup_from([]) == Setup()
    assert setup_from([json.dumps({"iterations": 5, "overrides": ["a=b"]})]) == Setup(5, overrides=("a=b",))


def made_up(seconds: float, **more: Any) -> Figures:
    shares = {"callbacks": 0.01, "data": 0.02, "logging": 0.03, "callbacks_of_an_epoch": 0.04}
    fixed = {"seconds_to_first_iteration": 6.0, "peak_memory_mb": 800.0, "parameters": [7, 3]}
    return {"seconds": [seconds, seconds / 2, seconds * 2], "shares": shares, **fixed, **more}


def test_what_is_kept_and_printed() -> None:
    setup = Setup(batch_size=100)
    ours = {1: made_up(1.0), 2: made_up(2.0)}
    keras = {1: made_up(2.0), 2: made_up(6.0)}
    contenders = {
        name: bench_record.summarize(name, rounds, ours, setup)
        for name, rounds in (("ours", ours), ("keras", keras))
    }
    bench_record.check_parameters(contenders)
    assert contenders["keras"]["ratio_to_ours"] == {"median": 2.5, "smallest": 2.0, "largest": 3.0}
    assert contenders["ours"]["images_per_second"]["largest"] == 100.0
    assert "ratio_to_ours" not in contenders["ours"]

    rates = {1: {"gflop_per_second": 10.0}, 2: {"gflop_per_second": 20.0}}
    floor = bench_record.floor(rates, ours, setup)
    seconds = bench_flops.operations(setup)["ours"] / 1e10
    assert floor["ours_to_that"]["smallest"] == pytest.approx(1 / seconds, abs=0.001)
    sizes = bench_record.summarize_batches({64: {"ours": ours, "ours-plain": keras}})
    assert sizes["64"]["ratio"]["median"] == 2.5
    imports = {"seconds_of_imports": spread([4.0]), "peak_memory_mb": spread([500.0])}
    content = {
        "contenders": contenders,
        "matrix_products": floor,
        "imports": imports,
        "batch_sizes": sizes,
    }
    text = bench_record.tables(content)
    assert "| keras | 4.000 (2.000 to 6.000) |" in text
    assert "2.50 (2.00 to 3.00)" in text
    assert bench_record.tables({name: {} for name in content}) == ""

    contenders["keras"]["parameters"] = [7, 4]
    with pytest.raises(ValueError, match="networks differ"):
        bench_record.check_parameters(contenders)


def test_growth(tmp_path: Path) -> None:
    setups = growth.plan((128, 256), (0.5, 1.0), Setup(1, 2))
    assert len(setups) == 3
    axes = growth.epochs({setup: [0.5, 1.0, 2.0] for setup in setups}, (256, 60_000))
    assert axes["data"]["256"] == {"median": 1.0, "smallest": 0.5, "largest": 2.0}
    assert list(axes["batch_size"]) == ["128", "256"]
    assert axes["batch_size"]["128"]["median"] == 469.0
    assert list(axes["width"]) == ["0.5", "1"]
    content = dict.fromkeys(growth.WAYS, axes | {"whole_epochs": {"512": spread([2.0])}})
    growth.draw(content, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 10_000
    assert "| 60000 | 235.0 (117.5 to 470.0) |" in growth.tables(content)


@pytest.mark.parametrize("kind", ["conv", "transposed"])
@pytest.mark.parametrize("stride", [1, 2])
def test_all_ways_of_a_layer_agree(kind: str, stride: int) -> None:
    own, kernels = layers.convolutions(kind, 2, (3, 4), stride, small_side=7)
    expected = own[0][0](own[0][1])
    for way, images, _ in [*own[1:], *kernels.values()]:
        torch.testing.assert_close(way(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", layers.PARTS.values(), ids=layers.PARTS)
def test_layers_are_timed(rows: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "CHANNELS", ((2, 3),))
    for row in rows((2,), 1):
        assert min(*row.forward, *row.both) > 0
        assert len(row.cells()) == 8


def test_growth_with_processes_is_worked_out_from_bytes_and_seconds() -> None:
    generator, discriminator = scaling.gradient_bytes()
    assert generator == 4 * sum(weights.numel() for weights in Generator().parameters())
    assert discriminator == 4 * sum(weights.numel() for weights in Discriminator().parameters())
    assert scaling.exchange_seconds(2, 10_000_000, 1e9) == pytest.approx(0.01)
    assert scaling.exchange_seconds(4, 10_000_000, 1e9) == pytest.approx(0.015)
    # 0.1 s shared by two, and 0.01 s for the exchange.
    assert scaling.speedup(2, 0.1, 10_000_000, 1e9) == pytest.approx(0.1 / 0.06)
    assert scaling.speedup(1, 0.1, 10_000_000, 1e9) == pytest.approx(1)
    assert "| 1 Gbit/s | 1.7 |" in scaling.expected_table(1.0, 12_000_000)
    table = scaling.measured_table({"one": [2.0, 1.0, 3.0], "two": [1.0]})
    assert "| one | 2.00 (1.00 to 3.00) | 128 | 1.00 |" in table
    assert "| two | 1.00 | 256 | 2.00 |" in table


def test_lengths_of_a_rung() -> None:
    assert ingredients.length(333, 256) == (2, 166)
    assert ingredients.length(15_000, 16) == (4, 3750)
    assert ingredients.length(15_001, 16) == (5, 3000)
    assert ingredients.length(1, 16) == (1, 1)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_rung_is_trained_and_scored() -> None:
    data = ("data=synthetic", "data.count=2048", "data.batch_size=16")
    result = ingredients.run_job(list(ingredients.RUNGS)[-1], 1, 5, data, count=150)
    assert result["iterations"] == 5
    assert result["trained"].keys() >= {"frechet_distance", "recall"}
    assert result["averaged"]["frechet_distance"] > 0
    rows = ingredients.table([result]).splitlines()
    assert [row.split("|")[1].strip() for row in rows[2:]] == [result["rung"], ingredients.AVERAGE]
    diverged = [{"rung": ingredients.CONTROL, "seed": 0, "diverged": "x"}]
    assert "diverged" in ingredients.table(diverged)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_port_is_scored_beside_keras(tmp_path: Path) -> None:
    narrow = ("model.generator_channels=[4,4,4]", "model.discriminator_channels=[4,4]")
    port_scores.train_port(
        tmp_path, 3, "data=synthetic", "data.count=64", *narrow, "trainer.max_epochs=2", "data.batch_size=32"
    )
    port_scores.sample_port(tmp_path, 3, (1, 2), count=150)
    images = np.load(tmp_path / "port_seed_3_epoch_1.npz")["images"]
    assert images.shape == (150, 1, 28, 28)
    assert images.dtype == np.uint8
    for epoch in (1, 2):
        np.savez_compressed(tmp_path / f"keras_seed_3_epoch_{epoch}.npz", images=255 - images)
    real = RealImages(torch.from_numpy(np.random.default_rng(0).integers(0, 256, (150, 1, 28, 28), np.uint8)))
    scores = port_scores.score_samples(tmp_path, (3,), (1, 2), real)
    assert scores["keras"][1] == scores["keras"][2] != scores["port"][1] != scores["port"][2]


def test_ranges_of_scores() -> None:
    def of(*values: float) -> dict[int, list[dict[str, float]]]:
        return {1: [dict.fromkeys(port_scores.SCORES, value) for value in values]}

    rows = port_scores.table({"keras": of(30.0, 50.0), "port": of(45.0, 60.0)}).splitlines()[2:]
    assert rows[0] == "| 1 | frechet_distance | 40.0 (30.0 to 50.0) | 52.5 (45.0 to 60.0) | yes |"
    assert port_scores.table({"keras": of(1.0, 2.0), "port": of(2.1, 3.0)}).count("| no |") == 5


def test_a_busy_machine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The time relative to the better of one thread and all, round by round."""

    def measured(threads: int, iterations: int, *recipe: str, variables: Mapping[str, str]) -> float:
        assert (iterations, recipe) == (4, ("seed=1",))
        return {1: 2.0, 3: 1.0}[threads] * (1.5 if "OMP_WAIT_POLICY" in variables else 1.0)

    monkeypatch.setattr(load, "measure", measured)
    monkeypatch.setattr(load, "available_cores", lambda: 3)
    load.main(["--others", "1", "--rounds", "2", "--iterations", "4", "--recipe", "seed=1"])
    rows = capsys.readouterr().out.splitlines()[-4:]
    assert [row.split("|")[3].strip() for row in rows] == ["2.00", "1.00", "1.00", "1.50"]
    assert rows[0] == f"| {load.ONE} | 2.000 | 2.00 | 2.000 | 2.00 |"


def test_the_other_processes_end_with_the_measurement() -> None:
    with contextlib.suppress(KeyboardInterrupt), load.busy(2) as processes:
        assert [process.poll() for process in processes] == [None, None]
        raise KeyboardInterrupt
    assert all(process.returncode for process in processes)


def test_images_are_kept_at_times_that_double() -> None:
    """The time that sampling takes does not count."""
    clock = [0.0]

    def sample() -> torch.Tensor:
        clock[0] += 1000
        return torch.zeros(1)

    watch = quality.Watch(1.2, now=lambda: clock[0])
    iterations = 1
    while watch(sample):
        clock[0] += 7.5
        iterations += 1
    assert [minutes for minutes, _ in watch.kept] == [0.25, 0.5, 1.0, 1.25]
    assert iterations == 11


@pytest.mark.parametrize("name", [*quality.PEERS, "first_look"])
@pytest.mark.filterwarnings("ignore")
def test_a_contender_keeps_images(
    name: str, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = ("experiment=first_look", "callbacks=averaged_generator", "data=synthetic", "data.count=64")
    monkeypatch.setitem(quality.OURS, "first_look", (*tiny, "model.generator_channels=[4,4]"))
    monkeypatch.setattr(quality, "COUNT", 150)
    monkeypatch.setattr(bench_peers, "COUNT", 150)
    quality.train_here(name, 1, 0.0, tmp_path, root)
    real = torch.randint(0, 256, (150, 1, 28, 28), dtype=torch.uint8)
    points = quality.curve(tmp_path, name, 1, lambda images: float((images != real).float().mean()))
    assert len(points) == 1
    assert points[0][0] >= 0
    assert points[0][1] > 0


def test_the_images_are_found_where_pytest_set_no_path() -> None:
    script = "import bench_cuda, quality, bench, os; print(os.listdir(bench.environment()[0]))"
    shown = subprocess.run(
        [sys.executable, "-c", script],
        cwd=HERE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines()[-1] == "['FashionMNIST']"


def test_rounding_is_measured() -> None:
    torch.manual_seed(0)
    system = DCGAN(latent_dim=8, generator_channels=(64, 32, 64), discriminator_channels=(32, 64))
    checkpoint = {"hyper_parameters": system.hparams, "state_dict": system.state_dict()}
    lines = rounding.differences(checkpoint, torch.rand(64, 1, 28, 28) * 2 - 1).splitlines()
    assert lines[0] == "| relative difference | auto | bfloat16 |"
    for name, line in zip(rounding.ROWS, lines[2:], strict=True):
        auto, rounded = (float(cell) for cell in line.strip("| ").split(" | ")[1:])
        assert line.startswith(f"| {name} | ")
        assert auto < 1e-3
        assert rounded < 0.1
        assert rounded > 10 * auto or not torch.backends.mkl.is_available()


def test_minutes_until_a_distance() -> None:
    fast, slow = [(1.0, 60.0), (2.0, 12.0), (4.0, 4.0)], [(1.0, 80.0), (3.0, 9.0), (4.0, 6.0)]
    assert quality.reached(fast, 10) == 4.0
    assert quality.reached(fast, 3) is None
    row = quality.table({"keras": [fast, slow]}).splitlines()[-1]
    assert row == (
        "| Keras, the notebook's code | 1 min | 2.5 min | 2.5 min | 3.5 min | not reached | 5.0 in 4 min |"
    )


def test_folders_are_prepared_and_read_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    folders.main(["--pictures", "70", "--rounds", "1", "--iterations", "0"])
    out = capsys.readouterr().out
    assert out.startswith("70 JPEGs, 0.00 GB, ")
    assert "| 70 pictures | per second | per second of CPU time |" in out
    for row in ("prepared", "found in the cache, verified", "memory", "memory map"):
        assert f"| {row} | " in out


def test_the_table_of_commands_compares_within_rounds() -> None:
    here = {"help": {1: around.Times(1.0, 2.0), 2: around.Times(3.0, 4.0)}}
    there = {"help": {1: around.Times(2.0, 9.0), 2: around.Times(4.0, 9.0)}}
    row = "| `train --help` | 2.00 (1.00 to 3.00) | 3.00 |"
    assert around.table(here).splitlines()[-1] == row
    assert around.table(here, there).splitlines()[-1] == f"{row} 3.00 (2.00 to 4.00) | 0.62 |"


def test_cpu_time_of_a_process() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    stat = f"7 (a) name) S {' '.join(map(str, range(10)))} {3 * ticks} {ticks // 2} 0"
    assert around.cpu_seconds(stat) == 3.5


def test_a_command_is_timed_or_says_its_last_words(tmp_path: Path) -> None:
    times = around.time_command(around.COMMANDS["refusal"])
    assert 0 < times.cpu < 60
    with pytest.raises(RuntimeError, match=r"exit code 1: .*modle"):
        around.time_command(around.COMMANDS["refusal"]._replace(exit_code=0))
    # A picture that is there before its command ends, and one that does not appear.
    package = tmp_path / "dcgan_lightning"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "draw.py").write_text("import time\nopen('a.png', 'w').close()\ntime.sleep(0.5)\n")
    assert around.time_command(around.Command("draw", (), "*.png"), tmp_path).wall > 0
    with pytest.raises(RuntimeError, match="draw: exit code 0"):
        around.time_command(around.Command("draw", (), "*.gif"), tmp_path)
