"""Tests the reading of a template, whose text is parsed once."""

from pathlib import Path

from local.template import read_template


def test_each_reading_returns_what_the_file_contains_now(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("Resources: {Table: {Type: first}}")
    read_template(path)["Resources"]["Table"]["Type"] = "changed by a caller"
    assert read_template(path) == {"Resources": {"Table": {"Type": "first"}}}
    path.write_text("Resources: {Table: {Type: second}}")
    assert read_template(path) == {"Resources": {"Table": {"Type": "second"}}}
