"""Secret settings from AWS Secrets Manager, read once at a function's cold start.

`PARLEY_SECRETS` names secrets, separated by commas. Each holds a JSON object whose keys are names
of settings in small letters (`{"mongo_uri": "mongodb+srv://…"}`). An environment variable of the
same setting wins, so that a value can be overridden without touching the secret.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from parley.errors import SetupError

Fetch = Callable[[str], str]


def from_secrets_manager(name: str) -> str:
    """The text of a secret, by name or ARN; powertools keeps its client and caches the value.

    Raises:
        SetupError: the secret is not there, or this function's role may not read it.
    """
    from aws_lambda_powertools.utilities.parameters import get_secret
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        return str(get_secret(name))
    except GetParameterError as error:
        raise SetupError(
            f"the secret {name} cannot be read: create it, or let this function's role read it"
        ) from error


def secret_settings(names: Iterable[str], known: Iterable[str], fetch: Fetch) -> dict[str, Any]:
    """The settings in these secrets.

    Args:
        names: names or ARNs of secrets; of two that hold the same setting the later wins.
        known: names of the settings that exist.
        fetch: gives a secret's text.

    Returns:
        Values by setting's name. Empty values are left out: a secret can hold a place for later.

    Raises:
        SetupError: a secret cannot be read, is no JSON object, or holds an unknown setting. No
            message holds a value.
    """
    allowed = set(known)
    values: dict[str, Any] = {}
    for name in names:
        try:
            found = json.loads(fetch(name))
        except json.JSONDecodeError as error:
            raise SetupError(f"the secret {name} is not JSON") from error
        if not isinstance(found, dict):
            raise SetupError(f"the secret {name} is not a JSON object")
        if unknown := sorted(set(found) - allowed):
            raise SetupError(f"the secret {name} holds unknown settings: {', '.join(unknown)}")
        values |= {key: value for key, value in found.items() if value not in ("", None)}
    return values


class SecretsSource(PydanticBaseSettingsSource):
    """A settings source that reads secrets only where `PARLEY_SECRETS` names some."""

    def __init__(
        self, settings: type[BaseSettings], names: str, fetch: Fetch = from_secrets_manager
    ) -> None:
        """Read these comma-separated secrets with `fetch`."""
        super().__init__(settings)
        self._names = [name.strip() for name in names.split(",") if name.strip()]
        self._fetch = fetch

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Nothing: all values are given at once by the call."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The secret values by setting's name."""
        if not self._names:
            return {}
        return secret_settings(self._names, self.settings_cls.model_fields, self._fetch)
