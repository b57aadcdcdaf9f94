import numpy as np
import pytest
import torch

from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.averaging import (
    STATISTICS_BATCH_SIZE,
    STATISTICS_BATCHES,
    MovingAverage,
    measure_statistics,
    statistics_inputs,
)

NORMS = ("batch_normalization", "batch_normalization_1", "batch_normalization_2")


def make_generator(seed: int = 0) -> Generator:
    return Generator(5, (8, 6, 4), generator=torch.Generator().manual_seed(seed))


def shake(network: torch.nn.Module, source: torch.Generator) -> None:
    with torch.no_grad():
        for weights in network.parameters():
            weights += torch.randn(weights.shape, generator=source, dtype=weights.dtype)


@pytest.mark.parametrize("decay", [0.999, 0.3])
def test_the_average_is_the_one_computed_by_hand(decay: float) -> None:
    live = make_generator().double()
    average = MovingAverage(live, decay)
    source = torch.Generator().manual_seed(2)
    expected: dict[str, np.ndarray] = {}
    kept = []
    for update in range(12):
        shake(live, source)
        average.update(live)
        share = min(decay, (1 + update) / (10 + update)) if update else 0.0
        kept.append(share)
        for name, weights in live.named_parameters():
            before = expected.get(name, 0.0)
            expected[name] = share * before + (1 - share) * weights.detach().numpy()
    assert average.updates == 12
    assert kept[:4] == pytest.approx([0, 2 / 11, 3 / 12, min(decay, 4 / 13)])
    assert kept[-1] == min(decay, 12 / 21)
    for name, weights in average.network.named_parameters():
        np.testing.assert_allclose(weights, expected[name], rtol=0, atol=1e-14)
        assert not torch.equal(weights, live.get_parameter(name))


def test_in_the_long_run_the_decay_is_kept() -> None:
    live = torch.nn.Linear(1, 1, bias=False)
    average = MovingAverage(live, 0.9)
    torch.nn.init.zeros_(live.weight)
    for _ in range(200):
        average.update(live)
    torch.nn.init.ones_(live.weight)
    average.update(live)
    assert average.network.weight.item() == pytest.approx(0.1)
    for _ in range(9):
        average.update(live)
    assert average.network.weight.item() == pytest.approx(1 - 0.9**10)


def test_the_first_update_copies_and_the_live_network_is_not_changed() -> None:
    live = make_generator()
    average = MovingAverage(live, 0.999)
    shake(live, torch.Generator().manual_seed(1))
    state = {name: value.clone() for name, value in live.state_dict().items()}
    average.update(live)
    for name, weights in average.network.named_parameters():
        assert torch.equal(weights, state[name]), name
    average.update(live)
    for name, value in live.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert all(weights.requires_grad for weights in live.parameters())


def test_an_update_never_waits_for_the_device() -> None:
    live = make_generator().to("meta")  # has no values: reading one is an error
    average = MovingAverage(live, 0.999)
    for _ in range(3):
        average.update(live)
    assert average.updates == 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_batch_gives_its_own_means_and_variances(dtype: torch.dtype) -> None:
    generator = make_generator().to(dtype)
    noise = torch.randn(16, 5, generator=torch.Generator().manual_seed(3)).to(dtype)
    measure_statistics(generator, [(noise,)])
    assert all(layer.training for layer in generator.modules())
    inputs: dict[str, np.ndarray] = {}
    for name in NORMS:
        layer = generator.layers.get_submodule(name)
        layer.register_forward_pre_hook(
            lambda _, arguments, name=name: inputs.update({name: arguments[0].detach().double().numpy()})
        )
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    with torch.no_grad():
        shown = generator.eval()(noise)
        for name in NORMS:
            layer = generator.layers.get_submodule(name)
            axes = tuple(axis for axis in range(inputs[name].ndim) if axis != 1)
            np.testing.assert_allclose(layer.running_mean, inputs[name].mean(axes), atol=tolerance)
            np.testing.assert_allclose(layer.running_var, inputs[name].var(axes), atol=tolerance)
        np.testing.assert_allclose(shown, generator.train()(noise), rtol=0, atol=tolerance)


def test_several_batches_give_the_means_over_them() -> None:
    batches = [torch.randn(8, 5, generator=torch.Generator().manual_seed(n)) for n in range(3)]
    single = []
    for batch in batches:
        generator = make_generator()
        measure_statistics(generator, [(batch,)])
        single.append([generator.layers.get_submodule(name) for name in NORMS])
    generator = make_generator()
    weights = {name: value.clone() for name, value in generator.named_parameters()}
    measure_statistics(generator, [(batch,) for batch in batches])
    for index, name in enumerate(NORMS):
        layer = generator.layers.get_submodule(name)
        for statistic in ("running_mean", "running_var"):
            expected = np.mean([getattr(layers[index], statistic).numpy() for layers in single], axis=0)
            np.testing.assert_allclose(getattr(layer, statistic), expected, rtol=1e-5, atol=1e-7)
        assert int(layer.num_batches_tracked) == 0
        assert not layer._forward_pre_hooks
    for name, value in generator.named_parameters():
        assert torch.equal(value, weights[name]), name


def test_it_does_not_matter_what_the_statistics_were() -> None:
    noise = list(statistics_inputs(5, 0, 0, torch.device("cpu")))[:2]
    fresh, used = make_generator(), make_generator()
    for _ in range(5):
        used(torch.randn(8, 5))
    measure_statistics(fresh, noise)
    measure_statistics(used, noise)
    for name in NORMS:
        for statistic in ("running_mean", "running_var"):
            assert torch.equal(
                getattr(fresh.layers.get_submodule(name), statistic),
                getattr(used.layers.get_submodule(name), statistic),
            )


def test_the_noise_follows_from_the_seed_alone() -> None:
    state = torch.get_rng_state()
    first = [noise for (noise,) in statistics_inputs(5, 0, 1, torch.device("cpu"))]
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(9)
    second = [noise for (noise,) in statistics_inputs(5, 0, 1, torch.device("cpu"))]
    assert [batch.shape for batch in first] == [(STATISTICS_BATCH_SIZE, 5)] * STATISTICS_BATCHES
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], next(iter(statistics_inputs(5, 0, 2, torch.device("cpu"))))[0])


def test_classes_take_turns_in_the_inputs() -> None:
    batches = list(statistics_inputs(5, 10, 1, torch.device("cpu")))
    labels = torch.cat([labels for _, labels in batches])
    assert labels.tolist() == [number % 10 for number in range(STATISTICS_BATCHES * STATISTICS_BATCH_SIZE)]
