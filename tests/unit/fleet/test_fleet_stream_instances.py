"""Which agent serves a stream's client, and where others send it."""

import pytest
from aiohttp.test_utils import make_mocked_request

from agent_fleet.stream_instances import StreamInstances

URLS = [f"http://127.0.0.1:80{n}" for n in range(20, 24)]
IDENTITIES = [f"caller-{n}" for n in range(200)]


def instance(own: str, urls: list[str] | None = None) -> StreamInstances:
    return StreamInstances(own, URLS if urls is None else urls)


def test_all_instances_agree_and_each_has_its_share() -> None:
    for identity in IDENTITIES:
        assert len({instance(url).instance_of(identity) for url in URLS}) == 1
    assert {instance(URLS[0]).instance_of(identity) for identity in IDENTITIES} == set(URLS)


def test_exactly_one_instance_keeps_a_client_and_the_others_send_it_there() -> None:
    for identity in IDENTITIES[:20]:
        path = f"/v1/stream?token=t&identity={identity}"
        sent = {url: instance(url).elsewhere(make_mocked_request("GET", path)) for url in URLS}
        [own] = [url for url, where in sent.items() if where is None]
        assert {where for where in sent.values() if where} == {f"{own}{path}"}


@pytest.mark.parametrize(
    ("own", "urls", "path"),
    [
        (URLS[0], URLS, "/v1/stream?token=t"),  # nobody says who it is
        (URLS[0], [], "/v1/stream?identity=caller-1"),  # this one is alone
        ("http://127.0.0.1:9000", URLS, "/v1/stream?identity=caller-1"),  # not one of them
    ],
)
def test_who_cannot_be_sent_anywhere_is_served(own: str, urls: list[str], path: str) -> None:
    assert instance(own, urls).elsewhere(make_mocked_request("GET", path)) is None
