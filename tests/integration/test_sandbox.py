"""Code that a model has written can do nothing but compute: a real process under real limits of the kernel."""

import pytest

from tunewright_trainer.rewards.sandbox import passes_tests

ESCAPES = [
    pytest.param("import socket\nsocket.socket()", id="a socket"),
    pytest.param("import os\nos.fork()", id="another process"),
    pytest.param("import os\nos.execv('/bin/true', ['true'])", id="another program"),
    pytest.param("open('/etc/passwd')", id="a file to read"),
    pytest.param("open('/tmp/x', 'w')", id="a file to write"),
    pytest.param("import os\nos.listdir('/')", id="a folder"),
    pytest.param("import os\nos.kill(os.getppid(), 9)", id="a signal to whoever started it"),
    pytest.param("import subprocess\nsubprocess.run(['true'])", id="a subprocess"),
    pytest.param("x = 'a' * 10**10", id="all memory"),
    pytest.param("raise SystemExit(0)", id="an end before the tests"),
    pytest.param("import os\nos._exit(0)", id="an end that looks like success"),
    pytest.param("print('passed')", id="words that look like success"),
]


@pytest.mark.parametrize("code", ESCAPES)
def test_code_cannot_reach_beyond_itself(code: str) -> None:
    """Each of these would be rewarded if it went through: the tests ask for nothing that it does not give."""
    harmless = "assert 1" if "print" not in code else "assert 0"
    assert passes_tests("x = 1", "assert x == 1")
    assert not passes_tests(code, harmless)


def test_code_that_never_ends_is_stopped() -> None:
    assert not passes_tests("while True: pass", "")


def test_tests_may_use_the_modules_of_mathematics() -> None:
    code = "import math, re, collections\ndef f(n): return collections.Counter(re.findall('a', 'a' * n))['a'] + math.floor(0.5)"
    assert passes_tests(code, "assert f(3) == 3")
