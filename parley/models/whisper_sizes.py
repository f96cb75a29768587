"""The published CTranslate2 conversions of Whisper, pinned by revision and SHA-256."""

from parley.models.sources import File

_TOKENIZER_EN = File(
    "tokenizer.json",
    2_128_466,
    "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
)
_VOCABULARY_EN = File(
    "vocabulary.txt",
    422_309,
    "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
)
_PREPROCESSOR_V3 = File(
    "preprocessor_config.json",
    340,
    "7ccc62c6f2765af1f3b46c00c9b5894426835a05021c8b9c01eecb6dfb542711",
)
_VOCABULARY_V3 = File(
    "vocabulary.json",
    1_068_114,
    "c69260f2ab26d659b7c398f9a2b2b48ed0df16c3b47d7326782fd9cba71690c1",
)
_TOKENIZER_V3 = File(
    "tokenizer.json",
    2_480_617,
    "6d8cbd7cd0d8d5815e478dac67b85a26bbe77c1f5e0c6d76d1ce2abc0e5f21ca",
)

# size: (repository, revision, files)
SIZES: dict[str, tuple[str, str, tuple[File, ...]]] = {
    "tiny.en": (
        "Systran/faster-whisper-tiny.en",
        "0d3d19a32d3338f10357c0889762bd8d64bbdeba",
        (
            File(
                "config.json",
                2_317,
                "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            ),
            File(
                "model.bin",
                75_537_502,
                "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            ),
            _TOKENIZER_EN,
            _VOCABULARY_EN,
        ),
    ),
    "base.en": (
        "Systran/faster-whisper-base.en",
        "3d3d5dee26484f91867d81cb899cfcf72b96be6c",
        (
            File(
                "config.json",
                2_227,
                "f3bc3821e9fc76a27bae538e11ae5b677dcdd352b4600429ce7951d398569aeb",
            ),
            File(
                "model.bin",
                145_216_508,
                "2a166925539a16005f14ff328359f9b9adb9dc4fb631bb3b227526862e93e2ef",
            ),
            _TOKENIZER_EN,
            _VOCABULARY_EN,
        ),
    ),
    "small.en": (
        "Systran/faster-whisper-small.en",
        "d1d751a5f8271d482d14ca55d9e2deeebbae577f",
        (
            File(
                "config.json",
                2_657,
                "666a9605530ac1f61fa8177f3702b4dacec9966749e42610839fcc32661d5fae",
            ),
            File(
                "model.bin",
                483_545_366,
                "62b2a45b05ee59acb4a5341b33ee35e041395d378d418a18acfe4c9e768ee37a",
            ),
            _TOKENIZER_EN,
            _VOCABULARY_EN,
        ),
    ),
    "medium.en": (
        "Systran/faster-whisper-medium.en",
        "a29b04bd15381511a9af671baec01072039215e3",
        (
            File(
                "config.json",
                2_643,
                "4a1848ebabe7938d9797c15a2e8e4ce1d36e6fd4a43d096ae5955257c67c7962",
            ),
            File(
                "model.bin",
                1_527_904_330,
                "11b220779aea4c6f3ce9d2549c8a95ea869ed84066864b999531ef53e594fe5b",
            ),
            _TOKENIZER_EN,
            _VOCABULARY_EN,
        ),
    ),
    "large-v3": (
        "Systran/faster-whisper-large-v3",
        "edaa852ec7e145841d8ffdb056a99866b5f0a478",
        (
            File(
                "config.json",
                2_394,
                "a9306624f5ec14270a014b647e5c316b6e03a662c369758d1b90697a7b0655b9",
            ),
            File(
                "model.bin",
                3_087_284_237,
                "69f74147e3334731bc3a76048724833325d2ec74642fb52620eda87352e3d4f1",
            ),
            _PREPROCESSOR_V3,
            _TOKENIZER_V3,
            _VOCABULARY_V3,
        ),
    ),
}


def whisper_files(size: str) -> tuple[File, ...]:
    """The files of one size, e.g. `base.en`."""
    return SIZES[size][2]


def whisper_home(size: str) -> str:
    """The address that one size's files are published under."""
    repository, revision, _ = SIZES[size]
    return f"https://huggingface.co/{repository}/resolve/{revision}"
