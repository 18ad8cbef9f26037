"""The template as it is written, and as SAM translates it."""

from typing import Any

import pytest

from local.template import parameter_values, read_template
from tests.template.translated import Template, translate

Resources = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def template() -> Template:
    return read_template()


@pytest.fixture(scope="session")
def resources(template: Template) -> Resources:
    written: Resources = template["Resources"]
    return written


@pytest.fixture(scope="session")
def defaults(template: Template) -> dict[str, str]:
    return parameter_values(template, {})


@pytest.fixture(scope="session")
def translated(template: Template) -> Resources:
    resources: Resources = translate(template)["Resources"]
    return resources
