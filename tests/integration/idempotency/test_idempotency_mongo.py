"""Powertools' idempotency over the real database: once, whatever happens to the first call."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyItemAlreadyExistsError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from parley.clock import wall_clock_ms
from parley.errors import StorageUnavailableError
from parley.idempotency import MongoPersistence
from parley.storage.database import Database
from parley_cli.stack.stack import Stack
from tests.stack_fixtures.servers import settings_of


class Context:
    """The part of Lambda's context that idempotency reads."""

    function_name = "f"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@pytest.fixture
def connect(mongo_server: Stack) -> Callable[[], Database]:
    settings = settings_of(mongo_server, mongo_database=f"t{uuid.uuid4().hex[:12]}")
    return lambda: Database.from_settings(settings)


@pytest.fixture
def layer(connect: Callable[[], Database]) -> Iterator[MongoPersistence]:
    layer = MongoPersistence(connect)
    yield layer
    layer.close()


def counted(layer: MongoPersistence, work: Callable[[dict[str, Any]], Any]) -> Any:
    """A handler that is idempotent by its event's id."""
    config = IdempotencyConfig(event_key_jmespath="id")

    @idempotent(persistence_store=layer, config=config)
    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        return work(event)

    return handler


def test_a_repeat_returns_the_first_result_without_running_again(layer: MongoPersistence) -> None:
    calls: list[str] = []

    def work(event: dict[str, Any]) -> dict[str, int]:
        calls.append(event["id"])
        return {"n": len(calls)}

    handler = counted(layer, work)
    assert handler({"id": "a"}, Context()) == {"n": 1}
    assert handler({"id": "a", "other": 1}, Context()) == {"n": 1}
    assert handler({"id": "b"}, Context()) == {"n": 2}
    assert calls == ["a", "b"]


def test_of_many_at_once_one_runs(layer: MongoPersistence) -> None:
    runs, entered, go_on = [], threading.Event(), threading.Event()

    def work(event: dict[str, Any]) -> str:
        runs.append(event["id"])
        entered.set()
        assert go_on.wait(20)
        return "done"

    handler = counted(layer, work)
    with ThreadPoolExecutor(9) as pool:
        calls = [pool.submit(handler, {"id": "a"}, Context()) for _ in range(9)]
        assert entered.wait(20)
        deadline = time.monotonic() + 20
        while sum(call.done() for call in calls) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        go_on.set()
        errors = [call.exception() for call in calls]
    assert runs == ["a"]
    assert [type(e) for e in errors if e] == [IdempotencyAlreadyInProgressError] * 8


def test_a_failed_call_may_be_repeated(layer: MongoPersistence) -> None:
    outcomes: list[Any] = [ValueError("no"), "yes"]

    def work(event: dict[str, Any]) -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    handler = counted(layer, work)
    with pytest.raises(ValueError, match="no"):
        handler({"id": "a"}, Context())
    assert handler({"id": "a"}, Context()) == "yes"


def record(key: str, *, expires_in_s: int, deadline_in_ms: int | None) -> DataRecord:
    now_ms = wall_clock_ms()
    return DataRecord(
        idempotency_key=key,
        status="INPROGRESS",
        expiry_timestamp=now_ms // 1000 + expires_in_s,
        in_progress_expiry_timestamp=None if deadline_in_ms is None else now_ms + deadline_in_ms,
    )


@pytest.mark.parametrize(
    ("expires_in_s", "deadline_in_ms"),
    [(3600, -1), (-1, None), (-1, 60_000)],
    ids=["its invocation's time is up", "expired", "expired with a deadline"],
)
def test_what_a_killed_invocation_left_is_taken_over_by_one(
    connect: Callable[[], Database], expires_in_s: int, deadline_in_ms: int | None
) -> None:
    killed, layers = MongoPersistence(connect), [MongoPersistence(connect) for _ in range(6)]
    try:
        killed._put_record(record("k", expires_in_s=expires_in_s, deadline_in_ms=deadline_in_ms))

        def take(layer: MongoPersistence) -> bool:
            try:
                layer._put_record(record("k", expires_in_s=3600, deadline_in_ms=60_000))
            except IdempotencyItemAlreadyExistsError:
                return False
            return True

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(take, layers)) == [False] * 5 + [True]
    finally:
        for layer in (killed, *layers):
            layer.close()


def test_a_claim_without_a_deadline_holds_until_it_expires(layer: MongoPersistence) -> None:
    layer._put_record(record("k", expires_in_s=3600, deadline_in_ms=None))
    with pytest.raises(IdempotencyItemAlreadyExistsError) as raised:
        layer._put_record(record("k", expires_in_s=3600, deadline_in_ms=60_000))
    assert raised.value.old_data_record is not None
    assert raised.value.old_data_record.status == "INPROGRESS"


def test_an_absent_database_is_our_own_retryable_error() -> None:
    uri = "mongodb://127.0.0.1:1"
    layer = MongoPersistence(lambda: Database(uri, "x", timeout_ms=200))
    try:
        with pytest.raises(StorageUnavailableError):
            layer._get_record("k")
    finally:
        layer.close()
