from pathlib import Path

import pytest

from regraft.errors import InputError
from regraft.studies._facts_file import read_facts, write_facts


def test_facts_come_back(tmp_path: Path) -> None:
    file = tmp_path / "study.json"
    assert read_facts(file, "") == {}
    write_facts(file, {"name": "Löwenzahn", "seconds": {"total": 1.5}})
    assert read_facts(file, "") == {"name": "Löwenzahn", "seconds": {"total": 1.5}}
    assert "Löwenzahn" in file.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="JSON"):
        write_facts(file, {"seconds": float("nan")})
    assert read_facts(file, "")["name"] == "Löwenzahn"


@pytest.mark.parametrize("content", ["", "{", "[1]", "3"])
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path, content: str) -> None:
    file = tmp_path / "study.json"
    file.write_text(content)
    with pytest.raises(InputError, match="damaged") as refusal:
        read_facts(file, "begin anew")
    assert refusal.value.hint == "begin anew"
