import time

import pytest

from export.serving.timing import milliseconds


def test_a_call_is_made_once_with_what_is_given_and_timed():
    calls = []

    def call(seconds, more=0.0):
        calls.append((seconds, more))
        time.sleep(seconds + more)

    assert 50 <= milliseconds(call, 0.02, more=0.03) < 5000
    assert calls == [(0.02, 0.03)]


def test_a_failure_is_not_timed():
    with pytest.raises(ZeroDivisionError):
        milliseconds(lambda: 1 / 0)
