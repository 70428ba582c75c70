"""The checks of texts on text that no one here wrote: all docstrings of the standard library. To read them takes longer than a unit test may."""

import pytest

from dirty.rows import docstrings, record_of
from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks import mender, personal_data, secrets
from tunewright_trainer.prepare.checks.hidden_characters import find


def test_hidden_characters_cries_wolf_on_no_docstring() -> None:
    assert [name for name, text in docstrings() if list(find(record_of({"prompt": "x", "completion": text})))] == []


def test_secrets_cries_wolf_on_one_docstring() -> None:
    assert [name for name, text in docstrings() if secrets.spans(text)] == ["request"]


def test_personal_data_cries_wolf_on_few_docstrings() -> None:
    alarms = [name for name, text in docstrings() if personal_data.spans(text)]
    # Nearly all of them are addresses that authors have left there.
    assert len(alarms) <= 15


@pytest.mark.parametrize("name", [CheckName.PERSONAL_DATA, CheckName.SECRETS, CheckName.HIDDEN_CHARACTERS])
def test_a_fix_leaves_documentation_as_it_is(name: CheckName) -> None:
    mend = mender(name)
    assert mend is not None
    records = [record_of({"prompt": "x", "completion": text}) for _, text in docstrings()[:2000]]
    assert sum(mend(record)[1] > 0 for record in records) <= 15
