"""From a webhook to a summary, through API Gateway, S3, EventBridge, SQS and the functions."""

import json

import httpx
import pytest

from tests.deploy.conftest import Cloud, until
from tests.integration.webhook.signed import event, sign, speaker

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module", autouse=True)
def poisoned(cloud: Cloud) -> str:
    """A room whose recording can't be used: its three attempts go on while other tests run."""
    room = cloud.open_room("poison")
    cloud.publish(room, "TR_bad", "eve")
    cloud.finalize(room)
    assert cloud.get(f"/rooms/{room}")["status"] == "final_room"
    # No manifest comes with it, which no number of attempts can mend.
    cloud.put(f"recordings/{room}/TR_bad.ogg", b"OggS")
    return room


def test_a_signed_webhook_is_stored_and_an_altered_one_is_not(cloud: Cloud) -> None:
    room = cloud.open_room("webhooks")
    cloud.publish(room, "TR_zoe", "zoë")
    (track,) = cloud.get(f"/rooms/{room}/tracks")["tracks"]
    assert (track["sid"], track["identity"]) == ("TR_zoe", "zoë")
    signed = sign(event("participant_joined", room, participant=speaker("mallory")), cloud.settings)
    bent = type(signed)(signed.body.replace(b"mallory", b"malloru"), signed.headers)
    assert cloud.webhook(bent).status_code == 401
    unsigned = type(signed)(signed.body, {"Content-Type": "application/webhook+json"})
    assert cloud.webhook(unsigned).status_code == 401
    assert cloud.get(f"/rooms/{room}")["participants"] == []
    assert cloud.webhook(signed).status_code == 200
    assert cloud.get(f"/rooms/{room}")["participants"] == ["mallory"]


def test_a_recording_becomes_a_transcript_and_its_room_a_summary(
    cloud: Cloud, ogg: tuple[bytes, int]
) -> None:
    body, samples = ogg
    room = cloud.open_room("meeting")
    cloud.publish(room, "TR_ann", "ann")
    cloud.put_manifest(room, "TR_ann", samples, len(body))
    cloud.put(f"recordings/{room}/TR_ann.ogg", body)

    def transcribed() -> bool:
        (track,) = cloud.get(f"/rooms/{room}/tracks")["tracks"]
        assert track["status"] not in ("failed", "empty"), track["error"]
        return bool(track["status"] == "transcribed")

    until(transcribed)
    segments = cloud.get(f"/rooms/{room}/transcript?version=final")["segments"]
    assert segments
    assert all(s["identity"] == "ann" and s["text"].strip() for s in segments)
    cloud.finalize(room)
    until(lambda: cloud.get(f"/rooms/{room}")["summary"]["status"] == "done")
    assert cloud.get(f"/rooms/{room}")["status"] == "completed"
    timeline = cloud.read(f"timelines/{room}.json")
    assert [s["id"] for s in timeline["segments"]] == [s["id"] for s in segments]
    summary = cloud.read(f"summaries/{room}.json")
    assert (summary["_id"], summary["engine"]) == (room, "extractive")
    # Nothing that was said is in the log of a function that handled it.
    words = max((s["text"] for s in segments), key=len)
    for function in ("whisper-job", "summarize", "webhook"):
        log = cloud.log_of(function)
        assert log
        assert words not in log


def test_a_presigned_url_gives_the_recording_to_anybody(
    cloud: Cloud, ogg: tuple[bytes, int]
) -> None:
    body, samples = ogg
    room = cloud.open_room("listening")
    cloud.publish(room, "TR_bob", "bob")
    cloud.put_manifest(room, "TR_bob", samples, len(body))
    cloud.put(f"recordings/{room}/TR_bob.ogg", body)
    until(lambda: cloud.call("GET", f"/rooms/{room}/recordings/TR_bob").status_code == 200)
    url = cloud.get(f"/rooms/{room}/recordings/TR_bob")["url"]
    answer = httpx.get(url, timeout=30, trust_env=False)
    assert (answer.status_code, answer.content) == (200, body)


def test_a_poisoned_recording_is_a_dead_letter_and_the_room_still_completes(
    cloud: Cloud, poisoned: str
) -> None:
    room = poisoned
    until(lambda: cloud.get(f"/rooms/{room}")["status"] == "completed")
    (track,) = cloud.get(f"/rooms/{room}/tracks")["tracks"]
    assert track["status"] == "failed"
    assert track["attempts"] == 3
    assert "manifest" in track["error"]
    queue = cloud.deployed.outputs["TranscribeDeadLettersUrl"]
    (letter,) = until(
        lambda: (
            cloud.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")
        )
    )
    assert json.loads(letter["Body"])["detail"]["object"]["key"] == f"recordings/{room}/TR_bad.ogg"
    missing = cloud.read(f"timelines/{room}.json")["missing"]
    assert [m["track_sid"] for m in missing] == ["TR_bad"]


def test_audio_that_is_none_fails_its_track_at_the_first_look(cloud: Cloud) -> None:
    room = cloud.open_room("noise")
    cloud.publish(room, "TR_junk", "joe")
    cloud.put_manifest(room, "TR_junk", 48_000, 4)
    cloud.put(f"recordings/{room}/TR_junk.ogg", b"junk")
    cloud.finalize(room)
    until(lambda: cloud.get(f"/rooms/{room}")["status"] == "completed")
    (track,) = cloud.get(f"/rooms/{room}/tracks")["tracks"]
    assert (track["status"], track["attempts"]) == ("failed", 1)


def test_speech_is_made_once_and_read_by_its_url(cloud: Cloud) -> None:
    request = {"text": "The report is ready.", "language": "en"}
    first = cloud.call("POST", "/speech", request)
    assert first.status_code == 201, first.text
    sound = httpx.get(first.json()["url"], timeout=30, trust_env=False)
    assert sound.status_code == 200
    assert sound.content.startswith(b"OggS")
    again = cloud.call("POST", "/speech", request)
    assert again.status_code == 200
    assert again.json()["key"] == first.json()["key"]


def test_the_reconciler_runs_and_finds_nothing_amiss(cloud: Cloud) -> None:
    answer = cloud.client("lambda").invoke(FunctionName="parley-reconcile", Payload=b"{}")
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    assert said["failed"] == 0
    assert said["rooms"] >= 1
