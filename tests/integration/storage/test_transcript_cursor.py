"""Pages of a live room: whatever is appended between them, each segment comes once."""

from hypothesis import HealthCheck, given, settings, strategies as st

from parley.domain.segment import Version
from parley.storage import Stores
from parley.transcripts import Choice, Filter, read_page
from parley.transcripts.cursor import decode, encode
from parley.transcripts.reader import tracks_of
from parley_cli.stack.stack import Stack
from tests.integration.storage.transcript_rooms import Meeting, utterance
from tests.stack_fixtures.servers import settings_of

PEOPLE = ("ann", "ben", "cid")

# What happens between two pages: somebody says something (a gap and a number of segments), somebody
# is transcribed for good, somebody new joins.
says = st.tuples(
    st.just("says"), st.sampled_from(PEOPLE), st.integers(0, 5_000), st.integers(1, 90)
)
transcribed = st.tuples(st.just("transcribed"), st.sampled_from(PEOPLE), st.just(0), st.just(0))
page = st.tuples(st.just("page"), st.just(""), st.just(0), st.integers(1, 60))
steps = st.lists(st.one_of(says, says, page, page, transcribed), min_size=3, max_size=14)


class Reader:
    """Somebody who reads page after page with nothing but the cursor."""

    def __init__(self, stores: Stores, meeting: Meeting, choice: Choice) -> None:
        self._stores, self._meeting, self._choice = stores, meeting, choice
        self._cursor: str | None = None
        self.seen: list[str] = []
        self.times: list[int] = []

    async def read(self, limit: int) -> bool:
        room = await self._stores.rooms.get(self._meeting.sid)
        found = await read_page(
            self._stores,
            await tracks_of(self._stores, room),
            choice=self._choice,
            wanted=Filter(),
            after=decode(self._cursor, "q") if self._cursor else {},
            limit=limit,
        )
        assert len(found.segments) <= limit
        assert [s.start_ms for s in found.segments] == sorted(s.start_ms for s in found.segments)
        self.seen += [segment.id for segment in found.segments]
        self.times += [segment.start_ms for segment in found.segments]
        self._cursor = encode(found.positions, "q")
        return found.more


async def play(stores: Stores, script: list[tuple[str, str, int, int]], choice: Choice) -> None:
    meeting = await Meeting.of(stores, *PEOPLE)
    reader = Reader(stores, meeting, choice)
    clock = dict.fromkeys(PEOPLE, 1_000)
    final: set[str] = set()
    for action, who, gap, count in script:
        if action == "page":
            await reader.read(count)
        elif action == "says" and who not in final:
            starts = [clock[who] + gap + n * 700 for n in range(count)]
            clock[who] = starts[-1]
            await meeting.speakers[who].says(*starts)
        elif action == "transcribed" and who not in final:
            final.add(who)
            speaker = meeting.speakers[who]
            await speaker.is_transcribed(
                [
                    utterance(speaker.track_sid, n, s.start_ms, version=Version.FINAL)
                    for n, s in enumerate(speaker.said)
                ]
            )
    while await reader.read(40):
        pass
    assert len(set(reader.seen)) == len(reader.seen), "repeated"
    seen = set(reader.seen)
    for speaker in meeting.speakers.values():
        numbers = range(len(speaker.said))
        live = {f"{speaker.track_sid}.live.{n}" for n in numbers}
        whole_final = {f"{speaker.track_sid}.final.{n}" for n in numbers}
        mine = {id_ for id_ in seen if id_.startswith(speaker.track_sid)}
        # A track is read in one version from its first to its last segment.
        assert mine in (live, whole_final), "skipped"
        if speaker.identity not in final or choice is Choice.LIVE:
            assert mine == live


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(script=steps, choice=st.sampled_from([Choice.LIVE, Choice.BEST]))
async def test_appends_between_pages_never_repeat_or_skip(
    mongo_server: Stack, script: list[tuple[str, str, int, int]], choice: Choice
) -> None:
    found = settings_of(mongo_server, mongo_database="cursor")
    stores = Stores.from_settings(found)
    try:
        await play(stores, script, choice)
    finally:
        stores.close()
