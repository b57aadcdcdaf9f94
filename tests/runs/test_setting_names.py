from dcgan_lightning.runs.setting_names import describe, format_value


def test_settings_as_text() -> None:
    values = {"model.seed": 1, "data.seed": 2, "data._target_": "dcgan_lightning.data.SyntheticDataModule"}
    assert describe(values) == "model.seed=1 data.seed=2 data=synthetic"
    shown = [format_value(value) for value in (1e-4, 5e-4, [128, 64], [0.5, 0.999], True, None, 1, 0, "a.b")]
    assert shown == ["0.0001", "0.0005", "[128,64]", "[0.5,0.999]", "true", "null", "1", "0", "a.b"]
