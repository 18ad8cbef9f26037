"""Templates are read with the short forms of CloudFormation."""

from pathlib import Path

import pytest

from local.template import TemplateError, read_template


def test_short_forms_are_read_as_the_functions_that_they_stand_for(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("Outputs: {Name: !Ref Table, Arn: !GetAtt Table.Arn, All: !Sub ['${A}', {A: !Ref B}]}")
    assert read_template(path) == {
        "Outputs": {
            "Name": {"Ref": "Table"},
            "Arn": {"Fn::GetAtt": ["Table", "Arn"]},
            "All": {"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]},
        }
    }


def test_a_template_that_is_not_yaml_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("Outputs: {}\nResources: [}")
    with pytest.raises(TemplateError, match=r"^template.yaml is not valid YAML: .* line 2"):
        read_template(path)
