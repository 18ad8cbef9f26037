"""AWS's own validator, which has the schema of every resource, finds nothing but what is explained here."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from cloudformation_validate import CompositeEngine  # type: ignore[import-untyped]  # ships no types

from tests.template.translated import Template, translate

ADVICE = {"INFO", "DEBUG"}
EXPLAINED = {
    # "Exactly one of ...": it does not see that each of the two cases of the condition has exactly one.
    ("F3014", "AWS::CloudFront::Distribution"),
    # SAM keeps the versions of layers when they are replaced, and `make remove` deletes them.
    ("W3011", "AWS::Lambda::LayerVersion"),
}


@pytest.fixture(scope="module")
def plain(template: Template) -> Template:
    return translate(template)


@pytest.fixture(scope="module")
def validator() -> Any:
    """Returns the validator. It compiles its rules, which takes a second."""
    return CompositeEngine()


def findings(validator: Any, template: Template, folder: Path) -> set[tuple[str, str]]:
    """Returns each rule that the template breaks, with the type of the resource."""
    file = folder / "template.json"
    file.write_text(json.dumps(template))
    return {
        (finding.rule_id, finding.entity.resource_type if finding.entity else "")
        for finding in validator.validate_template(str(file)).diagnostics
        if finding.severity.name not in ADVICE
    }


def test_the_translated_template_has_no_faults_but_the_explained_ones(
    validator: Any, plain: Template, tmp_path: Path
) -> None:
    assert findings(validator, plain, tmp_path) == EXPLAINED


def test_the_validator_finds_a_value_that_aws_refuses(
    validator: Any, plain: Template, tmp_path: Path
) -> None:
    wrong = deepcopy(plain)
    wrong["Resources"]["CachedImagesTable"]["Properties"]["BillingMode"] = "SOMETIMES"
    broken = findings(validator, wrong, tmp_path) - EXPLAINED
    assert {resource_type for _, resource_type in broken} == {"AWS::DynamoDB::Table"}
