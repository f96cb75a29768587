"""Every setting of Parley: environment variables with the prefix `PARLEY_`, or an `.env` file."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from parley.domain.delivery import EventEndpoint
from parley.secrets import SecretsSource


class Settings(BaseSettings):
    """One class for all parts; each reads what it needs. `parley settings` prints them masked."""

    model_config = SettingsConfigDict(
        env_prefix="PARLEY_",
        env_file=".env",
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # it may be a secret
    )

    state_dir: Path = Field(
        Path(".parley"),
        description="Folder of all local state: databases, logs, spools. Deleting it is a reset.",
    )
    cache_dir: Path = Field(
        Path("~/.cache/parley"),
        description="Folder of what can be fetched or built again: servers, models, speech.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe log level that is written."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="One JSON object a line, or coloured lines for a person."
    )

    livekit_url: str = Field(
        "ws://127.0.0.1:7880", description="WebSocket URL of the LiveKit server."
    )
    livekit_api_key: str = Field("devkey", description="LiveKit API key (also signs webhooks).")
    livekit_api_secret: SecretStr = Field(SecretStr(""), description="LiveKit API secret.")
    agent_name: str = Field("parley", description="Name under which agents are dispatched.")

    mongo_uri: SecretStr = Field(
        SecretStr("mongodb://127.0.0.1:27017"), description="MongoDB connection string."
    )
    mongo_database: str = Field("parley", description="Name of the database.")
    mongo_timeout_ms: int = Field(
        5_000, description="How long one database call may wait for a server, in ms."
    )

    s3_endpoint_url: str | None = Field(
        None, description="Object store endpoint (MinIO, LocalStack); empty means AWS."
    )
    s3_access_key: str | None = Field(None, description="Access key; empty means AWS's own chain.")
    s3_secret_key: SecretStr | None = Field(None, description="Secret key for the access key.")
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_bucket: str = Field("parley", description="Bucket of recordings, timelines, summaries.")
    presign_seconds: int = Field(900, description="Life of a presigned URL, in seconds.")

    egress_s3_endpoint_url: str | None = Field(
        None, description="The object store as LiveKit's egress reaches it, if that is elsewhere."
    )
    egress_wait_s: float = Field(
        60.0,
        description="Seconds after a track's end in which egress may deliver its recording before "
        "the agent's is taken instead.",
    )

    api_url: str = Field("http://127.0.0.1:8000", description="Where the REST API is reached.")
    runner_url: str = Field(
        "http://127.0.0.1:8010", description="Where the local function runner is reached."
    )
    fleet_url: str = Field(
        "http://127.0.0.1:8020", description="Where the agent fleet's own HTTP port is reached."
    )

    public_url: str | None = Field(
        None, description="Where others reach the REST API, in outbound events; else `api_url`."
    )
    event_endpoints: list[EventEndpoint] = Field(
        default_factory=list,
        description="Who is told of completed rooms, final transcripts and summaries, as JSON "
        '[{"name": "crm", "url": "https://…", "secret": "whsec_…"}].',
    )
    event_allow_loopback: bool = Field(
        False,
        description="Let outbound events go to this machine, over plain HTTP too; "
        "for development only.",
    )

    auth_key: SecretStr = Field(
        SecretStr(""), description="Local signing key of API tokens (HS256); `parley up` makes one."
    )
    auth_jwks_url: str | None = Field(
        None, description="JWKS URL whose keys sign API tokens (RS256/ES256) instead of the local."
    )
    auth_issuer: str = Field("parley", description="Required `iss` of API tokens.")
    auth_audience: str = Field("parley-api", description="Required `aud` of API tokens.")

    webhook_max_age_s: int = Field(
        300, description="Oldest webhook accepted, in seconds after it was signed."
    )
    finalize_grace_s: float = Field(
        2.0, description="Seconds between `room_finished` and the room being finalised."
    )
    empty_room_minutes: float = Field(
        5.0, description="Minutes after which an empty active room is finalised by the reconciler."
    )
    recording_wait_s: float = Field(
        600.0, description="Seconds after a track's end in which its recording may still arrive."
    )
    requeue_after_s: float = Field(
        300.0, description="Seconds after which a recording nobody works on is queued again."
    )
    queue_url: str | None = Field(
        None, description="SQS queue of recordings to transcribe; empty means the local runner."
    )
    retention_days: int = Field(0, description="Days after which rooms are erased; 0 means never.")

    live_models: dict[str, Path] = Field(
        default_factory=dict,
        description='Vosk model folder per language, as JSON {"en": "/path"}; '
        "empty means the project's own small English one.",
    )
    default_language: str = Field("en", description="Language of a speaker who names none.")
    queue_frames: int = Field(500, description="Frames a speaker's queue holds before it drops.")
    max_speakers: int = Field(30, description="Speakers one agent process accepts.")
    standby_seconds: float = Field(
        45.0,
        description="Audio that a second agent in a room keeps of each speaker, to go on if the "
        "first dies, in seconds; 0 keeps none.",
    )
    agent_lost_seconds: float = Field(
        8.0, description="Seconds without an answer after which another agent is taken for dead."
    )
    part_wait_seconds: float = Field(
        60.0,
        description="How long a recording waits for the part of an agent that died, in seconds.",
    )
    stream_instances: list[str] = Field(
        default_factory=list,
        description="Addresses of all agents that serve /v1/stream, this one's PARLEY_FLEET_URL "
        "among them: a client that gives its `identity` always comes to the same one.",
    )
    otlp_endpoint: str | None = Field(
        None,
        description="OTLP/HTTP collector that gets a span for each live segment, e.g. "
        "http://127.0.0.1:4318; none: no traces. No transcript text is in them.",
    )
    frame_ms: int = Field(
        120, description="Length of the audio frames taken from LiveKit, in ms (a multiple of 20)."
    )
    short_frame_speakers: int = Field(
        16,
        description="While the audio of up to so many speakers comes, frames are half as long: "
        "captions come 60 ms sooner, for a tenth more work. 0: never.",
    )
    subscriber: str = Field(
        "",
        description="The program that takes audio from LiveKit (infra/embedded/subscriber); empty: "
        "`parley-subscriber` where that is on PATH, else `sdk`: the SDK's audio, which costs more.",
    )
    routed_audio: bool = Field(
        True, description="Take the SDK's audio past its queues, where its version allows that."
    )
    record_audio: bool = Field(True, description="Record tracks; off only to measure its cost.")
    speech_gate: bool = Field(
        True, description="Keep silence from the recogniser; off only to measure its worth."
    )
    joining: list[tuple[int, int]] = Field(
        default_factory=lambda: [(2, 4), (4, 2)],
        description="How many waiting frames one recogniser call may take, as JSON "
        "[[speakers up to, frames], ...]; with more speakers than listed it is 1.",
    )
    gate_rms: float = Field(
        100.0, description="Loudness (RMS of int16 samples) below which audio is never speech."
    )
    gate_preroll_ms: int = Field(
        425,
        description="Audio before the first speech that the recogniser hears too, in ms; with a "
        "frame it should end where the network can take a step: 185 ms and whole steps of 60.",
    )
    gate_hangover_ms: int = Field(
        420, description="Silence after which an utterance is ended, in ms."
    )
    recogniser_nice: int = Field(
        5,
        ge=0,
        le=19,
        description="By how much recognisers give way. Where the agent has its cores to itself 18: "
        "on full ones captions are then late, and no audio is lost.",
    )
    max_talkers: int = Field(
        20, description="Speakers talking at once with which an agent takes no further ones."
    )
    max_lag_ms: int = Field(
        2_000, description="Lateness of captions with which an agent takes no further speakers."
    )
    breaker_failures: int = Field(
        5, description="Failures in a row after which a speaker's captions are paused."
    )
    breaker_cool_seconds: float = Field(
        30.0, description="How long they are paused before they are tried again, in seconds."
    )
    watchdog_seconds: float = Field(
        10.0, description="A recogniser call that takes longer is taken for hanging, in seconds."
    )
    stuck_seconds: float = Field(
        30.0,
        ge=0,
        description="An agent process that stands still for so many seconds ends itself, and its "
        "rooms are taken up anew; 0 lets it stand.",
    )
    drain_seconds: float = Field(
        0.0, description="How long running rooms may go on after SIGTERM, in seconds."
    )
    idle_seconds: float = Field(
        300.0, description="Seconds without audio after which a speaker's pipeline is closed."
    )

    whisper_model: str = Field(
        "tiny.en",
        description="Whisper model of the final transcript: a size (`tiny.en` is in a package, "
        "others are fetched) or a CTranslate2 folder.",
    )
    whisper_device: str = Field("auto", description="Device of the final transcriber.")
    whisper_compute_type: str = Field("int8", description="Compute type of the transcriber.")
    whisper_threads: int = Field(0, description="Threads per transcription; 0 means all cores.")
    job_attempts: int = Field(3, description="Attempts a job gets before it is a dead letter.")
    retry_seconds: float = Field(
        30.0, description="Seconds until a failed job is tried again; four times as long each time."
    )
    lease_seconds: int = Field(
        960, description="Seconds a transcription may hold its track before another takes over."
    )

    summary_engine: Literal["auto", "extractive", "gemini"] = Field(
        "auto", description="`auto` is Gemini when a key is there, else extractive."
    )
    gemini_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("PARLEY_GEMINI_API_KEY", "GEMINI_API_KEY"),
        description="Gemini API key; `GEMINI_API_KEY` without the prefix is read too.",
    )
    gemini_models: list[str] = Field(
        default_factory=lambda: ["gemini-3.5-flash-lite", "gemini-2.5-flash"],
        description="Gemini models in the order in which they are tried.",
    )
    gemini_base_url: str | None = Field(None, description="Another endpoint of the Gemini API.")
    gemini_timeout_s: float = Field(120.0, description="Longest wait for one answer, in seconds.")
    summary_part_minutes: float = Field(
        60.0, description="Longest part of a meeting that one request to a model gets, in minutes."
    )
    summary_part_tokens: int = Field(
        60_000, description="Most tokens of transcript that one request to a model gets."
    )
    summary_room_tokens: int = Field(
        1_000_000, description="Most tokens of input that one room's summary may take in all."
    )

    assistant_names: list[str] = Field(
        default_factory=lambda: ["parley", "parlay", "parly", "barley"],
        description="What the assistant is called, its name first, then what recognisers make of "
        'it, as JSON ["parley", ...].',
    )
    answer_engine: Literal["auto", "extractive", "gemini"] = Field(
        "auto", description="`auto` is Gemini when a key is there, else extractive."
    )
    answer_minutes: float = Field(
        15.0, description="How much of the room the assistant remembers for an answer, in minutes."
    )
    answer_timeout_s: float = Field(
        6.0, description="Wait for a model's first sentence, and for each next one, in seconds."
    )
    answer_room_tokens: int = Field(
        500_000, description="Most tokens, in and out, that one room's answers may take in all."
    )

    voice_engine: Literal["auto", "kokoro-onnx", "kokoro", "espeak"] = Field(
        "auto", description="`auto` is Kokoro when its model is there, else espeak-ng."
    )
    voice: str = Field("af_heart", description="Voice of the assistant.")
    kokoro_dir: Path | None = Field(None, description="Folder with Kokoro's model and voices.")
    voice_threads: int = Field(1, description="Threads that one sentence's speech may use.")
    voice_workers: int = Field(1, description="Sentences that are made into speech at once.")
    voice_nice: int = Field(
        5, description="By how much the speech engine's process gives way to the captions."
    )
    voice_preload: bool = Field(
        False, description="Load the speech engine when the agent starts, not when it first speaks."
    )
    voice_timeout_s: float = Field(
        60.0, description="Longest time that the speech of one sentence may take, in seconds."
    )
    voice_queue: int = Field(20, description="Requests to speak that may wait in one room.")
    interruption: Literal["off", "duck", "stop"] = Field(
        "stop",
        description="What a participant who begins to speak does to the assistant's voice: "
        "nothing, lower it, or end it.",
    )
    interruption_ms: int = Field(
        200, description="Speech shorter than this (a cough, an echo) interrupts nothing, in ms."
    )

    @field_validator("event_endpoints")
    @classmethod
    def _names_differ(cls, endpoints: list[EventEndpoint]) -> list[EventEndpoint]:
        if len({endpoint.name for endpoint in endpoints}) < len(endpoints):
            raise ValueError("two endpoints have the same name")
        return endpoints

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, `.env`, and the secrets that AWS keeps."""
        secrets = SecretsSource(settings_cls, os.environ.get("PARLEY_SECRETS", ""))
        return init_settings, env_settings, dotenv_settings, file_secret_settings, secrets

    @property
    def cache(self) -> Path:
        """The cache folder with `~` resolved."""
        return self.cache_dir.expanduser()


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
