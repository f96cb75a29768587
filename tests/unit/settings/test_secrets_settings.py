"""Secret settings: where they come from, what wins, and what is said when one is wrong."""

import json
from collections.abc import Callable

import pytest

from parley.errors import SetupError
from parley.secrets import SecretsSource, secret_settings
from parley.settings import Settings


def vault(**secrets: object) -> tuple[Callable[[str], str], list[str]]:
    """A stand-in for Secrets Manager that counts what is read."""
    reads: list[str] = []

    def fetch(name: str) -> str:
        reads.append(name)
        if name not in secrets:
            raise SetupError(f"the secret {name} cannot be read")
        value = secrets[name]
        return value if isinstance(value, str) else json.dumps(value)

    return fetch, reads


def test_values_of_all_secrets_are_merged_and_the_later_wins() -> None:
    fetch, reads = vault(a={"mongo_uri": "m1", "auth_key": "k"}, b={"mongo_uri": "m2"})
    assert secret_settings(["a", "b"], Settings.model_fields, fetch) == {
        "mongo_uri": "m2",
        "auth_key": "k",
    }
    assert reads == ["a", "b"]


def test_an_empty_value_is_no_value() -> None:
    fetch, _ = vault(a={"gemini_api_key": "", "auth_key": None, "livekit_api_key": "x"})
    assert secret_settings(["a"], Settings.model_fields, fetch) == {"livekit_api_key": "x"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hunter2", "is not JSON"),
        ('["hunter2"]', "is not a JSON object"),
        ('{"mongo_url": "hunter2"}', "unknown settings: mongo_url"),
    ],
)
def test_a_wrong_secret_is_named_but_not_shown(text: str, said: str) -> None:
    fetch, _ = vault(a=text)
    with pytest.raises(SetupError, match=said) as raised:
        secret_settings(["a"], Settings.model_fields, fetch)
    assert "hunter2" not in str(raised.value)


def test_no_secret_is_read_where_none_is_named() -> None:
    fetch, reads = vault()
    assert SecretsSource(Settings, " , ", fetch)() == {}
    assert reads == []


def test_settings_take_secrets_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch, reads = vault(one={"mongo_uri": "mongodb://secret", "livekit_api_secret": "s"})
    monkeypatch.setattr(SecretsSource.__init__, "__defaults__", (fetch,))
    monkeypatch.setenv("PARLEY_SECRETS", "one")
    monkeypatch.setenv("PARLEY_MONGO_URI", "mongodb://environment")
    settings = Settings(_env_file=None)
    assert settings.livekit_api_secret.get_secret_value() == "s"
    assert settings.mongo_uri.get_secret_value() == "mongodb://environment"
    assert "mongodb" not in repr(settings)
    assert reads == ["one"]


def test_a_secret_that_aws_refuses_is_a_setup_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_lambda_powertools.utilities import parameters
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    from parley.secrets import from_secrets_manager

    def refuse(name: str) -> str:
        raise GetParameterError("AccessDenied")

    monkeypatch.setattr(parameters, "get_secret", refuse)
    with pytest.raises(SetupError, match="parley/local/mongo cannot be read"):
        from_secrets_manager("parley/local/mongo")
