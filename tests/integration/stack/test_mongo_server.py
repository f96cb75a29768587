"""What the stores rely on in the embedded database: atomic changes, a bounded file, loopback."""

import datetime
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient, ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from parley_cli.stack.servers import Program, find, server
from parley_cli.stack.stack import Stack

Client = MongoClient[dict[str, object]]


@pytest.fixture
def client(mongo_server: Stack) -> Iterator[Client]:
    with Client(mongo_server.plan.mongo_uri) as client:
        client.drop_database("server")
        yield client


@pytest.fixture
def jar() -> Program:
    program = find(server("mongo"))
    assert program is not None
    if not program.built:
        pytest.skip("mongod on PATH is used instead of the embedded server")
    return program


def test_a_current_driver_accepts_it(client: Client) -> None:
    assert client.admin.command("isMaster")["maxWireVersion"] >= 17
    assert client.server_info()["versionArray"][0] >= 6


def test_concurrent_increments_all_count(client: Client) -> None:
    counters = client["server"]["counters"]
    counters.insert_one({"_id": "c", "n": 0})
    with ThreadPoolExecutor(16) as pool:
        changes = [
            pool.submit(counters.update_one, {"_id": "c"}, {"$inc": {"n": 1}}) for _ in range(400)
        ]
        assert sum(change.result().modified_count for change in changes) == 400
    assert counters.find_one({"_id": "c"}) == {"_id": "c", "n": 400}


def test_one_of_many_claims_wins(client: Client) -> None:
    jobs = client["server"]["jobs"]
    for job in range(20):
        jobs.insert_one({"_id": job, "owner": None})

        def claim(owner: int, job: int = job) -> bool:
            mine = jobs.find_one_and_update(
                {"_id": job, "owner": None},
                {"$set": {"owner": owner}},
                return_document=ReturnDocument.AFTER,
            )
            return mine is not None and mine["owner"] == owner

        with ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(claim, range(16))) == 1


def test_one_of_many_inserts_of_an_id_wins(client: Client) -> None:
    events = client["server"]["events"]

    def insert(id_: str) -> bool:
        try:
            events.insert_one({"_id": id_})
        except DuplicateKeyError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        for number in range(20):
            assert sum(pool.map(insert, [f"e{number}"] * 16)) == 1
    assert events.count_documents({}) == 20


def test_conditional_appends_of_rivals_keep_every_segment_once(client: Client) -> None:
    chunks = client["server"]["chunks"]
    chunks.insert_one({"_id": "c", "count": 0, "segments": []})

    def append(writer: int) -> list[str]:
        mine = []
        for number in range(20):
            name = f"{writer}-{number}"
            while True:
                found = chunks.find_one({"_id": "c"}, {"count": 1})
                assert found is not None
                done = chunks.update_one(
                    {"_id": "c", "count": found["count"]},
                    {"$push": {"segments": name}, "$inc": {"count": 1}},
                )
                if done.modified_count:
                    mine.append(name)
                    break
        return mine

    with ThreadPoolExecutor(8) as pool:
        written = [name for names in pool.map(append, range(8)) for name in names]
    chunk = chunks.find_one({"_id": "c"})
    assert chunk is not None
    assert chunk["count"] == 160
    segments = chunk["segments"]
    assert isinstance(segments, list)
    assert sorted(written) == sorted(str(name) for name in segments)
    for writer in range(8):
        own = [n for n in segments if str(n).startswith(f"{writer}-")]
        assert own == [f"{writer}-{number}" for number in range(20)]


def test_a_condition_beside_the_id_is_checked(client: Client) -> None:
    things = client["server"]["things"]
    things.insert_many([{"_id": f"t{n}", "state": "open", "n": n} for n in range(5)])
    conditions: list[tuple[dict[str, object], list[str]]] = [
        ({"_id": "t1", "state": "open"}, ["t1"]),
        ({"_id": "t1", "state": "shut"}, []),
        ({"_id": "t1", "absent": None}, ["t1"]),
        ({"_id": "other", "absent": None}, []),
        ({"_id": "t1", "$or": [{"state": "shut"}, {"n": {"$gt": 0}}]}, ["t1"]),
        ({"_id": {"$in": ["t1", "t3", "t4"]}, "n": {"$lt": 4}}, ["t1", "t3"]),
        ({"_id": {"$ne": "t1"}, "n": {"$lt": 3}}, ["t0", "t2"]),
        ({"_id": {"$gt": "t3"}, "state": "open"}, ["t4"]),
    ]
    for condition, expected in conditions:
        assert sorted(str(t["_id"]) for t in things.find(condition)) == expected
        assert things.update_many(condition, {"$inc": {"seen": 1}}).matched_count == len(expected)
        assert things.count_documents(condition) == len(expected)


def test_a_conditional_write_costs_no_scan(client: Client) -> None:
    things = client["server"]["many"]
    things.insert_many([{"_id": f"t{n}", "state": "open"} for n in range(20_000)])

    def median_s(condition: dict[str, object]) -> float:
        times = []
        for number in range(40):
            begin = time.perf_counter()
            things.update_one(condition, {"$set": {"n": number}})
            times.append(time.perf_counter() - begin)
        return sorted(times)[20]

    # A scan of so many takes some ten times as long as a write by id.
    assert median_s({"_id": "t9", "state": "open"}) < 4 * median_s({"_id": "t9"})


def test_the_file_stays_small_under_many_changes_and_closes_compact(
    jar: Program, tmp_path: Path
) -> None:
    file = tmp_path / "db" / "test.mv.db"
    with running(jar, file) as (process, uri), Client(uri) as client:
        documents = client["growth"]["documents"]
        documents.insert_many([{"_id": n, "n": 0, "text": "x" * 500} for n in range(200)])
        with ThreadPoolExecutor(4) as pool:
            changes = pool.map(
                lambda n: documents.update_one({"_id": n % 200}, {"$inc": {"n": 1}}), range(2000)
            )
            assert sum(change.modified_count for change in changes) == 2000
        at_work = file.stat().st_size
        # Each of 2,000 commits appends at least 4 KB; what is live is far less than 1 MB.
        assert at_work < 40 * 2**20
        deadline = time.monotonic() + 30
        while file.stat().st_size > 4 * 2**20:
            assert time.monotonic() < deadline, f"still {file.stat().st_size} bytes"
            documents.update_one({"_id": 0}, {"$inc": {"n": 1}})
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    assert file.stat().st_size < 2 * 2**20
    with running(jar, file) as (_, uri), Client(uri) as client:
        assert client["growth"]["documents"].count_documents({}) == 200


def test_documents_come_back_from_the_file_as_they_were(jar: Program, tmp_path: Path) -> None:
    file = tmp_path / "db" / "test.mv.db"
    document: dict[str, object] = {
        "_id": "d",
        "numbers": [1, -1, 2**40, 1.5, True, None],
        "text": "é 語 \U0001f600",
        "nested": {"empty": {}, "list": [[], {"deep": [1, {"x": "y"}]}]},
        "at": datetime.datetime(2026, 1, 2, 3, 4, 5, 6_000),
        "bytes": b"\x00\xff",
        "long": "x" * 100_000,
    }
    with running(jar, file) as (process, uri), MongoClient[dict[str, object]](uri) as client:
        client["types"]["documents"].insert_one(document)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    with running(jar, file) as (_, uri), MongoClient[dict[str, object]](uri) as client:
        assert client["types"]["documents"].find_one({"_id": "d"}) == document


def test_it_refuses_to_listen_anywhere_but_on_loopback(jar: Program, tmp_path: Path) -> None:
    file = str(tmp_path / "x.db")
    ended = subprocess.run(
        ["java", "-jar", str(jar.path), "--file", file, "--host", "0.0.0.0", "--port", "0"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert "loopback only" in ended.stderr
    assert "\tat " not in ended.stderr


def test_every_socket_of_it_is_on_loopback(mongo_server: Stack) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(mongo_server.pid("mongo")).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


@pytest.mark.parametrize("what", ["taken port", "file that is no database", "open elsewhere"])
def test_what_keeps_it_from_starting_is_one_sentence(
    jar: Program, tmp_path: Path, what: str
) -> None:
    file = tmp_path / "test.mv.db"
    with running(jar, tmp_path / "first.db") as (_, uri):
        port = "0"
        if what == "taken port":
            port = uri.rsplit(":", 1)[1]
        elif what == "open elsewhere":
            file = tmp_path / "first.db"
        else:
            file.write_bytes(b"this is no database" * 1000)
        ended = subprocess.run(
            ["java", "-jar", str(jar.path), "--file", str(file), "--port", port],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    if what == "taken port":
        assert "taken" in ended.stderr
    else:
        assert "cannot be opened" in ended.stderr


def test_a_write_that_does_not_fit_on_the_disk_is_not_acknowledged(
    jar: Program, tmp_path: Path
) -> None:
    file = tmp_path / "test.mv.db"
    limit = "ulimit -f 1024; exec"  # blocks of 512 or 1024 bytes, by shell
    with running(jar, file, shell=limit) as (process, uri):
        written = write_until_refused(uri, 1000)
        assert process.wait(10) == 3
        assert process.stderr is not None
        said = process.stderr.read().strip().splitlines()
        assert len(said) == 1
        assert said[0].startswith("The database file cannot be written: ")
    assert written > 10
    with running(jar, file) as (_, uri), Client(uri) as client:
        # The one that was refused may be there; those before it are.
        assert client["full"]["d"].count_documents({}) in (written, written + 1)


def write_until_refused(uri: str, most: int) -> int:
    """Insert 4 KB documents until one fails; returns how many were acknowledged."""
    with Client(uri, serverSelectionTimeoutMS=500, retryWrites=False) as client:
        for number in range(most):
            try:
                client["full"]["d"].insert_one({"_id": number, "noise": os.urandom(4096)})
            except PyMongoError:
                return number
    pytest.fail("nothing was refused")


class running:
    """The jar as a process of its own: `with running(jar, file) as (process, uri)`."""

    def __init__(self, jar: Program, file: Path, *, shell: str = "exec") -> None:
        java = ["java", "-Xmx256m", "-jar", str(jar.path), "--file", str(file), "--port", "0"]
        self.command = ["sh", "-c", f'{shell} "$@"', "sh", *java]

    def __enter__(self) -> tuple["subprocess.Popen[str]", str]:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(self.command, stdout=pipe, stderr=pipe, text=True)
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        found = re.fullmatch(r"ready (mongodb://127\.0\.0\.1:\d+)\n", ready)
        assert found, ready
        return self.process, found[1]

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
