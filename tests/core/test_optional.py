import logging

import pytest

from dcgan_lightning.core.optional import OptionalSteps


def test_each_kind_of_failure_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    optional = OptionalSteps()
    for error in (OSError("no\n  space"), ValueError("other"), KeyError()):
        with optional("the film was not written"):
            raise error
    with optional("the curves were not drawn"):
        raise KeyError
    assert [record.getMessage() for record in caplog.records] == [
        "the film was not written: no space; this is reported once",
        "the curves were not drawn: KeyError; this is reported once",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_request_to_stop_is_no_failure(error: type[BaseException]) -> None:
    with pytest.raises(error), OptionalSteps()("x"):
        raise error


def test_a_wrapped_function_still_returns_its_value() -> None:
    assert OptionalSteps()("x")(lambda value: value + 1)(2) == 3
