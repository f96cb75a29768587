"""The espeak-ng library through ctypes: text to 16-bit samples. No program to install."""

import ctypes
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from parley.errors import SpeechError
from parley.voice.errors import EngineMissingError

# Constants and structures of espeak-ng's `speak_lib.h`, version 1.52.
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_UTF8 = 1
_RATE, _VOLUME = 1, 2
_OK = 0
_NORMAL_RATE = 175
"""Words a minute at speed 1 (`espeakRATE_NORMAL`)."""


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),  # a priority byte before each language, zero-terminated
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class EspeakVoice(NamedTuple):
    """One voice file of espeak-ng: the identifier to set it by, and its language (`en-us`)."""

    identifier: str
    language: str
    gender: int


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class EspeakLibrary:
    """The library holds one voice and one sentence for the whole process: calls take turns."""

    def __init__(self) -> None:
        """Load the library that the package `espeakng-loader` carries.

        Raises:
            EngineMissingError: the package is missing or doesn't load on this machine.
        """
        try:
            import espeakng_loader

            self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path().encode()
        except (ImportError, OSError, RuntimeError) as error:
            raise EngineMissingError(
                "espeak-ng's library can't be loaded: install the extra `voice`."
            ) from error
        self._lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._lib.espeak_ListVoices.argtypes = (ctypes.c_void_p,)
        self.rate: int = self._lib.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if self.rate <= 0:
            raise EngineMissingError("espeak-ng's voices can't be read: reinstall the extra.")
        self._lock = Lock()
        self._samples: list[NDArray[np.int16]] = []
        self._callback = _Callback(self._take)  # kept: the library calls it later
        self._lib.espeak_SetSynthCallback(self._callback)

    def voices(self) -> list[EspeakVoice]:
        """Every voice that the library lists."""
        with self._lock:
            listed = self._lib.espeak_ListVoices(None)
            found = []
            position = 0
            while listed[position]:
                voice = listed[position].contents
                language = voice.languages[1:].decode()
                found.append(EspeakVoice(voice.identifier.decode(), language, voice.gender))
                position += 1
            return found

    def speak(self, text: str, voice: str, speed: float) -> NDArray[np.int16]:
        """Speak a text in the calling thread.

        Args:
            text: plain text.
            voice: a voice's identifier, with `+VARIANT` where wanted.
            speed: pace; 1 is 175 words a minute.

        Returns:
            int16, shape (n,), at `rate` Hz.

        Raises:
            SpeechError: the library refused.
        """
        encoded = text.encode()
        with self._lock:
            self._samples.clear()
            self._expect_ok(self._lib.espeak_SetVoiceByName(voice.encode()), "the voice")
            self._lib.espeak_SetParameter(_RATE, round(_NORMAL_RATE * speed), 0)
            self._expect_ok(
                self._lib.espeak_Synth(
                    encoded, ctypes.c_size_t(len(encoded) + 1), 0, 0, 0, _UTF8, None, None
                ),
                "the text",
            )
            self._lib.espeak_Synchronize()
            return np.concatenate(self._samples) if self._samples else np.zeros(0, np.int16)

    def _take(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: int | None) -> int:
        if count > 0:  # the last call has none, and no samples
            self._samples.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    @staticmethod
    def _expect_ok(code: int, what: str) -> None:
        if code != _OK:
            raise SpeechError(f"espeak-ng didn't take {what} (error {code}).")
