import torch

from dcgan_lightning.core.randomness import reseed_default_generators, stream_generator, stream_seed


def test_streams_differ_and_repeat() -> None:
    seeds = {
        stream_seed(0, "init"),
        stream_seed(1, "init"),
        stream_seed(0, "order"),
        stream_seed(0, "iteration"),
        stream_seed(0, "iteration", 1),
        stream_seed(0, "iteration", 1, rank=1),
    }
    assert len(seeds) == 6
    assert stream_seed(0, "iteration", 1) in seeds
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_the_numbers_never_change() -> None:
    # A change here would make every checkpoint go on differently.
    assert stream_seed(0, "iteration", 5) == stream_seed(0, "iteration") + 5
    assert stream_seed(0, "init") == 4_122_601_434
    assert stream_seed(7, "order", 3) == 839_550_186


def test_no_two_iterations_of_a_long_run_share_a_seed() -> None:
    assert len({stream_seed(0, "iteration", index) for index in range(50_000)}) == 50_000


def test_indices_wrap_around() -> None:
    assert 0 <= stream_seed(0, "order", 2**32 - 1) < 2**32


def test_default_generator_follows_the_seed() -> None:
    expected = torch.randn(3, generator=stream_generator(0, "iteration", 4))
    reseed_default_generators(stream_seed(0, "iteration", 4), torch.device("cpu"))
    assert torch.equal(torch.randn(3), expected)
