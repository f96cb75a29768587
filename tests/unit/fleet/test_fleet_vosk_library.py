"""Which matrix kernels libvosk is loaded with."""

import os

import pytest

from agent_fleet import vosk_library
from agent_fleet.vosk_library import chosen, kernels

ALL = "avx avx2 fma avx512f avx512dq avx512cd avx512bw avx512vl"


@pytest.mark.parametrize(
    ("cpuinfo", "wanted"),
    [
        (f"processor\t: 0\nflags\t\t: fpu sse {ALL} rdpid\n", "SkylakeX"),
        (f"flags\t\t: fpu sse {ALL.replace('avx512vl', '')}\n", None),
        ("flags\t\t: fpu sse avx avx2 fma\n", None),
        (f"model name\t: {ALL}\nflags\t\t: fpu\n", None),
        ("Features\t: fp asimd\n", None),
        ("", None),
    ],
)
def test_avx_512_kernels_are_asked_for_only_where_the_processor_has_all_of_it(
    cpuinfo: str, wanted: str | None
) -> None:
    assert kernels(cpuinfo) == wanted


def test_the_choice_holds_only_while_the_library_is_loaded() -> None:
    environment = {"HOME": "/"}
    with chosen(environment, "SkylakeX"):
        assert environment["OPENBLAS_CORETYPE"] == "SkylakeX"
    assert environment == {"HOME": "/"}


def test_it_is_taken_back_when_the_library_cannot_be_loaded() -> None:
    environment: dict[str, str] = {}
    with pytest.raises(OSError, match="no library"), chosen(environment, "SkylakeX"):
        raise OSError("no library")
    assert environment == {}


def test_whoever_runs_the_process_has_the_last_word() -> None:
    environment = {"OPENBLAS_CORETYPE": "Haswell"}
    with chosen(environment, "SkylakeX"):
        assert environment["OPENBLAS_CORETYPE"] == "Haswell"
    assert environment == {"OPENBLAS_CORETYPE": "Haswell"}


def test_loading_it_leaves_nothing_in_the_environment() -> None:
    before = os.environ.get("OPENBLAS_CORETYPE")
    assert callable(vosk_library.vosk.KaldiRecognizer)
    assert os.environ.get("OPENBLAS_CORETYPE") == before
