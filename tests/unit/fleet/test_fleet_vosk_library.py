"""What multiplies matrices for libvosk, and how it is made to find that."""

import ctypes
import os
from unittest.mock import Mock

import pytest

from agent_fleet import vosk_library
from agent_fleet.vosk_library import chosen
from parley.matrix_kernels import Kernels, could_use_blis, has_blis, kernels

AVX2 = "sse avx avx2 fma"
AVX512 = f"{AVX2} avx512f avx512dq avx512cd avx512bw avx512vl"


@pytest.mark.parametrize(
    ("cpuinfo", "alone", "with_blis"),
    [
        (f"processor\t: 0\nflags\t\t: fpu {AVX512} rdpid\n", Kernels.AVX512, Kernels.AVX512),
        (f"flags\t\t: {AVX512.replace('avx512vl', '')}\n", Kernels.OWN, Kernels.BLIS),
        (f"flags\t\t: fpu {AVX2}\n", Kernels.OWN, Kernels.BLIS),
        ("flags\t\t: fpu sse avx\n", Kernels.OWN, Kernels.OWN),
        (f"model name\t: {AVX512}\nflags\t\t: fpu\n", Kernels.OWN, Kernels.OWN),
        ("Features\t: fp asimd\n", Kernels.OWN, Kernels.OWN),
        ("", Kernels.OWN, Kernels.OWN),
    ],
)
def test_the_best_that_the_processor_and_the_machine_have(
    cpuinfo: str, alone: Kernels, with_blis: Kernels
) -> None:
    assert kernels(cpuinfo, lambda: False) == alone
    assert kernels(cpuinfo, lambda: True) == with_blis
    assert could_use_blis(cpuinfo) == (alone != with_blis)


def test_the_choice_holds_only_while_the_library_is_loaded() -> None:
    environment = {"HOME": "/"}
    with chosen(environment, Kernels.AVX512) as found:
        assert environment["OPENBLAS_CORETYPE"] == "SkylakeX"
    assert found is Kernels.AVX512
    assert environment == {"HOME": "/"}


def test_it_is_taken_back_when_the_library_cannot_be_loaded() -> None:
    environment: dict[str, str] = {}
    with pytest.raises(OSError, match="no library"), chosen(environment, Kernels.AVX512):
        raise OSError("no library")
    assert environment == {}


@pytest.mark.parametrize(
    ("asked", "found"), [("Haswell", Kernels.OWN), ("SKYLAKEX", Kernels.AVX512)]
)
@pytest.mark.parametrize("wanted", list(Kernels))
def test_whoever_runs_the_process_has_the_last_word(
    monkeypatch: pytest.MonkeyPatch, asked: str, found: Kernels, wanted: Kernels
) -> None:
    load = Mock()
    monkeypatch.setattr(ctypes, "CDLL", load)
    environment = {"OPENBLAS_CORETYPE": asked}
    with chosen(environment, wanted) as kernels_found:
        assert environment["OPENBLAS_CORETYPE"] == asked
    assert kernels_found is found
    assert environment == {"OPENBLAS_CORETYPE": asked}
    assert not load.called


def test_blis_is_loaded_for_the_whole_process(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Mock()
    monkeypatch.setattr(ctypes, "CDLL", load)
    with chosen({}, Kernels.BLIS):
        load.assert_called_once_with("libblis.so.4", mode=ctypes.RTLD_GLOBAL)


def test_a_machine_without_blis_is_seen_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", Mock(side_effect=OSError("no such file")))
    assert not has_blis()


def test_loading_it_leaves_nothing_in_the_environment() -> None:
    before = os.environ.get("OPENBLAS_CORETYPE")
    assert callable(vosk_library.vosk.KaldiRecognizer)
    assert os.environ.get("OPENBLAS_CORETYPE") == before
