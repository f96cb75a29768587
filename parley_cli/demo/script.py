"""The demo's meeting as a screenplay: who says what, who joins late, leaves, returns or mutes.

Every word is in the vocabulary of `models/mini-en`. Times are relative, as a line's length
depends on the voice that speaks it: `gap_ms` counts from the end of all lines before, so a
negative one begins while somebody still speaks.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """One participant: identity and display name in the room, and a voice for each engine.

    None of the four Kokoro voices was used in the training of `models/mini-en`.
    """

    identity: str
    name: str
    kokoro_voice: str
    espeak_voice: str


@dataclass(frozen=True)
class Join:
    """The participant enters and publishes a microphone track."""

    identity: str
    gap_ms: int = 0


@dataclass(frozen=True)
class Leave:
    """The participant leaves the room."""

    identity: str
    gap_ms: int = 0


@dataclass(frozen=True)
class Mute:
    """The participant mutes the track."""

    identity: str
    gap_ms: int = 0


@dataclass(frozen=True)
class Unmute:
    """The participant opens the track again."""

    identity: str
    gap_ms: int = 0


@dataclass(frozen=True)
class Say:
    """The participant says a line of one or more sentences."""

    identity: str
    text: str
    gap_ms: int = 400


@dataclass(frozen=True)
class Action:
    """An action item that a good summary finds: whose it is, words of it, and its deadline."""

    identity: str
    about: str
    due: str | None


Event = Join | Leave | Mute | Unmute | Say


@dataclass(frozen=True)
class Script:
    """A whole meeting: the cast, the events in order, and what should come of it.

    Attributes:
        tail_ms: how long the room stays after the last line.
    """

    cast: tuple[Actor, ...]
    events: tuple[Event, ...]
    actions: tuple[Action, ...]
    tail_ms: int = 1500


MEETING = Script(
    cast=(
        Actor("alice", "Alice", "af_sarah", "en-us+f3"),
        Actor("bob", "Bob", "am_eric", "en-us"),
        Actor("carol", "Carol", "bf_lily", "en-gb+f2"),
        Actor("david", "David", "bm_lewis", "en-us+m3"),
    ),
    events=(
        Join("alice"),
        Join("bob", 150),
        Join("carol", 300),
        Say(
            "alice",
            "Good morning everyone. Let us start the meeting. The first topic is the mobile app.",
            gap_ms=2500,
        ),
        Say(
            "bob",
            "Good morning. Yesterday we finished the payment bug. Today the tests are running.",
        ),
        Join("david", -2500),  # late
        Say(
            "carol",
            "The customer is happy with the design. We have a call with the customer on Tuesday.",
        ),
        Say("david", "Hello everyone. The client asked for the report.", gap_ms=600),
        Say("david", "I will send the report to the client by Friday.", gap_ms=900),
        Say("alice", "We agreed to release the mobile app on Monday."),
        Say("carol", "I agree with Alice. We should test the search page before the release."),
        Say("bob", "That is a good idea. I agree with Alice.", gap_ms=-2600),  # over Carol
        Say("carol", "Bob, can you fix the login problem by Thursday?", gap_ms=600),
        Say("bob", "Sure, I can do that by Thursday."),
        Leave("bob", 700),
        Mute("carol", 300),
        Say("alice", "David, please review the contract this afternoon.", gap_ms=900),
        Join("bob", 200),  # back, on a new track
        Say("david", "Okay, I can do that this afternoon."),
        Unmute("carol", 100),
        Say("alice", "Who will prepare the slides?", gap_ms=500),
        Say("carol", "I will prepare the slides by Wednesday.", gap_ms=600),
        Say("bob", "I found the problem. It works now."),
        Say("david", "Thank you Bob. That is really useful."),
        Say("alice", "Great, thank you Bob.", gap_ms=-1500),  # over David
        Say("alice", "That is all for today. The next meeting is on Tuesday at ten.", gap_ms=700),
        Say("carol", "Thank you everyone. See you tomorrow."),
        Say("bob", "Thanks everyone.", gap_ms=-900),  # over Carol
        Say("david", "Goodbye everyone."),
    ),
    actions=(
        Action("david", "send the report", "Friday"),
        Action("bob", "fix the login problem", "Thursday"),
        Action("david", "review the contract", "this afternoon"),
        Action("carol", "prepare the slides", "Wednesday"),
    ),
)
