"""The environment that the template gives its functions, with made-up names for what AWS would name."""

from typing import Any

from local.template import parameter_values


def made_settings(template: dict[str, Any], function: str | None = None) -> dict[str, str]:
    """Literals as written, parameters by their defaults, everything else `made`; with a function's own."""
    defaults = parameter_values(template, {})
    variables = dict(template["Globals"]["Function"]["Environment"]["Variables"])
    if function:
        variables |= template["Resources"][function]["Properties"].get("Environment", {}).get("Variables", {})
    return {name: _made(value, defaults) for name, value in variables.items()}


def _made(value: Any, defaults: dict[str, str]) -> str:
    if isinstance(value, dict):
        return defaults.get(value.get("Ref", ""), "made")
    return str(value)
