from dcgan_lightning.config.nested import MISSING, flatten, look_up


def test_flatten() -> None:
    assert dict(flatten({"a": {"b": 1, "c": [2]}, "d": {}})) == {"a.b": 1, "a.c": [2], "d": {}}


def test_look_up() -> None:
    values = {"a": {"b": None, "c": {"d": 1}}}
    assert look_up(values, "a.c.d") == 1
    assert look_up(values, "a.b") is None
    assert look_up(values, "a.b.c") is MISSING
    assert look_up(values, "a.x") is MISSING
    assert look_up({}, "a") is MISSING
