"""Reads CloudFormation's YAML, with its short tags as their long forms."""

from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).resolve().parents[3] / "infra"


class _Loader(yaml.SafeLoader):
    """Safe YAML plus `!Ref`, `!Sub`, `!GetAtt` and the others."""


def _tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)


def load(name: str) -> dict[str, Any]:
    """A template of `infra/`."""
    loaded: dict[str, Any] = yaml.load((INFRA / name).read_text(), Loader=_Loader)
    return loaded


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The properties of the resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def statements(template: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every statement of every policy, with the logical id of what carries it."""
    found: list[tuple[str, dict[str, Any]]] = []

    def walk(owner: str, node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                walk(owner, item)
        elif isinstance(node, dict):
            if "Effect" in node and "Action" in node:
                found.append((owner, node))
            for item in node.values():
                walk(owner, item)

    for name, resource in template["Resources"].items():
        walk(name, resource)
    return found


def listed(value: Any) -> list[Any]:
    """A value that may stand alone or in a list, as a list."""
    return value if isinstance(value, list) else [value]
