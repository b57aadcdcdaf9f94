import pytest

from dcgan_lightning.core.lazy import importing


def test_a_name_is_imported_from_its_home() -> None:
    get = importing("here", {"format_duration": "core.durations"})
    from dcgan_lightning.core.durations import format_duration

    assert get("format_duration") is format_duration
    with pytest.raises(AttributeError, match="module 'here' has no attribute 'other'"):
        get("other")


@pytest.mark.parametrize("package", ["data", "evaluation"])
def test_every_home_has_its_name(package: str) -> None:
    module = __import__(f"dcgan_lightning.{package}", fromlist=["_HOMES"])
    for name in module._HOMES:
        assert getattr(module, name) is not None
