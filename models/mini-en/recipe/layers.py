"""The shape of the acoustic network and of its input, for training, export and the recogniser alike."""

from dataclasses import dataclass

DIMENSION = 40
"""MFCC coefficients a frame, 100 frames a second."""

MFCC_CONF = (
    "--use-energy=false\n--num-mel-bins=40\n--num-ceps=40\n--low-freq=20\n--high-freq=-400\n"
    "--dither=0\n--sample-frequency=16000\n"
)
"""The same front end in Kaldi's words."""


@dataclass(frozen=True)
class Layer:
    """One layer: where it looks (in frames of its input) and how many input frames a step."""

    offsets: tuple[int, int, int]
    stride: int = 1


LAYERS = (
    Layer((-1, 0, 1)),
    Layer((-1, 0, 1), stride=3),
    Layer((-1, 0, 1)),
    Layer((-1, 0, 1)),
    Layer((-2, 0, 1)),
    Layer((-2, 0, 1)),
    Layer((-2, 0, 1)),
    Layer((-3, 0, 0)),
)
"""After the stride one step is 30 ms, so the last layers reach far back and little ahead."""

FIRST_SUM = 2
"""From this layer on, a layer's middle input is added to what it computes."""


def context() -> tuple[int, int]:
    """Feature frames needed before and after a frame that is classified."""
    left = right = 0
    step = 1
    for layer in LAYERS:
        left -= layer.offsets[0] * step
        right += layer.offsets[2] * step
        step *= layer.stride
    return left, right
