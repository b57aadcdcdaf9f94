import pytest
import torch
from torch import nn

from dcgan_lightning.kernels import choose
from dcgan_lightning.networks import Discriminator, Generator

HAS_MKL = torch.backends.mkl.is_available()


def frequency(
    count: int, inputs: int, outputs: int, stride: int, setting: choose.FastPaths = "auto", side: int = 7
) -> bool:
    images, weight = torch.empty(count, inputs, side, side), torch.empty(outputs, inputs, 5, 5)
    return choose.use_frequency(setting, images, weight, stride, side)


@pytest.mark.skipif(not HAS_MKL, reason="the fast paths were measured with MKL")
@pytest.mark.parametrize(
    ("count", "inputs", "outputs", "stride", "expected"),
    [
        (256, 256, 128, 1, True),
        (16, 128, 64, 1, True),
        (15, 128, 64, 1, False),
        (256, 64, 128, 2, True),
        (64, 64, 32, 2, True),
        (63, 64, 128, 2, False),
        (256, 32, 32, 1, False),
        (256, 256, 256, 3, False),
    ],
)
def test_auto_takes_the_frequency_domain_where_it_wins(count, inputs, outputs, stride, expected) -> None:
    assert frequency(count, inputs, outputs, stride) is expected


@pytest.mark.skipif(not HAS_MKL, reason="the fast paths were measured with MKL")
def test_auto_leaves_larger_images_than_the_notebooks_to_pytorch() -> None:
    assert frequency(256, 256, 128, 1, side=8)
    assert frequency(256, 64, 128, 2, side=14)
    assert not frequency(256, 64, 128, 2, side=16)
    assert frequency(256, 64, 128, 2, True, side=32)


def test_settings_decide_without_a_look_at_the_sizes() -> None:
    assert frequency(1, 2, 3, 1, True)
    assert not frequency(256, 256, 128, 1, False)
    images = torch.empty(2, 1, 28, 28)
    assert choose.use_patches(True, images, 1)
    assert not choose.use_patches(True, images, 2)  # those have the frequency domain
    assert not choose.use_patches(False, images, 1)
    for use in (choose.use_dropout, choose.use_products):
        assert use(True, images)
        assert not use(False, images)
        assert use("auto", images) is HAS_MKL


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A CPU with AVX-512 and oneDNN."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    return monkeypatch


def test_wide_cpus_take_onednn(wide: pytest.MonkeyPatch) -> None:
    images = torch.empty(256, 1, 28, 28)
    assert choose.use_onednn(images)
    assert not choose.use_onednn(images.double())
    assert not choose.use_onednn(images.to("meta"))
    assert choose.use_direct(True, images, 1)
    assert choose.use_direct("auto", images, 1) is HAS_MKL
    assert not choose.use_direct(True, images, 2)
    assert not choose.use_direct(True, images.double(), 1)
    assert not choose.use_direct(False, images, 1)


def test_other_cpus_do_not(wide: pytest.MonkeyPatch) -> None:
    images = torch.empty(256, 1, 28, 28)
    wide.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not choose.use_onednn(images)
    assert not choose.use_direct(True, images, 1)
    wide.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    wide.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not choose.use_onednn(images)
    assert not choose.use_direct(True, images, 1)


def test_other_precisions_take_pytorchs_operations() -> None:
    images = torch.empty(256, 1, 28, 28)
    assert choose.use_patches(True, images, 1)
    assert not choose.use_patches(True, images.bfloat16(), 1)
    assert not choose.use_products(True, images.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        assert not choose.use_patches(True, images, 1)
        assert not frequency(256, 256, 128, 1, True)


def test_auto_leaves_other_devices_to_pytorch() -> None:
    images = torch.empty(256, 1, 28, 28, device="meta")
    assert not choose.use_patches("auto", images, 1)
    assert not choose.use_dropout("auto", images)


def test_no_mkl_no_fast_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert not frequency(256, 256, 128, 1)
    assert not choose.use_dropout("auto", torch.empty(1))


def test_what_is_exported_is_pytorchs_own() -> None:
    generator = Generator(8, (8, 6, 4), fast_paths=True).eval()
    z = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    exported = torch.export.export(generator, (z,))
    operations = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert sum("conv" in name for name in operations) == 1  # aten.conv_transpose2d
    assert not any("bmm" in name or "unfold" in name for name in operations)
    torch.testing.assert_close(exported.module()(z), generator(z), rtol=0, atol=1e-6)


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_names_of_weights_do_not_depend_on_it(network: type[nn.Module]) -> None:
    plain, fast = network(fast_paths=False), network(fast_paths=True)
    assert [(name, value.shape) for name, value in plain.state_dict().items()] == [
        (name, value.shape) for name, value in fast.state_dict().items()
    ]
