"""Write a trained network as Kaldi's `am/final.mdl`, with the `conf` beside it: `python -m recipe.export RUN [DIR]`.

The same checkpoint gives the same bytes. Normalisations fold into the affine weights, which are stored in Kaldi's
8-bit compressed matrix format.
"""

import argparse
import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipe.layers import DIMENSION, FIRST_SUM, LAYERS, MFCC_CONF, context
from recipe.phones import OUTPUTS
from recipe.places import MODEL
from recipe.topology import kaldi_phones

MODEL_CONF = """\
--min-active=20
--max-active={max_active}
--beam={beam}
--lattice-beam={lattice_beam}
--acoustic-scale={acoustic_scale}
--frame-subsampling-factor=3
--frames-per-chunk=3
--endpoint.silence-phones=1
--endpoint.rule2.min-trailing-silence=0.4
--endpoint.rule3.min-trailing-silence=0.75
--endpoint.rule4.min-trailing-silence=1.0
"""


BLANK_PENALTY = 1.0
"""Natural log taken off the blank's likelihood; chosen on `text/development.txt`."""


class KaldiWriter:
    """Kaldi's binary notation."""

    def __init__(self) -> None:
        """Begin a binary file."""
        self.data = bytearray(b"\0B")

    def token(self, name: str) -> None:
        """A word and a space."""
        self.data += name.encode() + b" "

    def integer(self, value: int) -> None:
        """A 32-bit integer with its size before it."""
        self.data += b"\x04" + struct.pack("<i", value)

    def real(self, value: float) -> None:
        """A 32-bit float with its size before it."""
        self.data += b"\x04" + struct.pack("<f", value)

    def double(self, value: float) -> None:
        """A 64-bit float with its size before it."""
        self.data += b"\x08" + struct.pack("<d", value)

    def integers(self, values: list[int]) -> None:
        """A vector of integers."""
        self.data += b"\x04" + struct.pack("<i", len(values)) + np.asarray(values, "<i4").tobytes()

    def vector(self, values: NDArray[np.float32]) -> None:
        """A float vector."""
        self.token("FV")
        self.integer(len(values))
        self.data += np.asarray(values, "<f4").tobytes()

    def matrix(self, values: NDArray[np.float32]) -> None:
        """A float matrix in Kaldi's 8-bit format `CM`: each column's quartiles, and a byte an element between them."""
        low, span = float(values.min()), float(np.ptp(values))
        order = np.sort(values, axis=0)
        rows = len(values)
        picked = order[[0, rows // 4, 3 * rows // 4, rows - 1]]
        marks = np.round((picked - low) / span * 65535).astype("<u2")
        marks = np.maximum.accumulate(marks, axis=0)
        p0, p25, p75, p100 = low + span * marks.astype(np.float64) / 65535
        steps = np.select(
            [values < p25, values < p75],
            [_between(values, p0, p25, 0, 64), _between(values, p25, p75, 64, 192)],
            _between(values, p75, p100, 192, 255),
        )
        self.token("CM")
        self.data += struct.pack("<ffii", low, span, *values.shape)
        self.data += marks.T.tobytes() + np.round(steps).astype(np.uint8).T.tobytes()


def _between(x: NDArray, low: NDArray, high: NDArray, first: int, last: int) -> NDArray:
    share = (x - low) / np.maximum(high - low, 1e-12)
    return first + np.clip(share, 0, 1) * (last - first)


def acoustic_model(params: dict, stats: dict, blank_penalty: float = BLANK_PENALTY) -> bytes:
    """The whole `final.mdl`."""
    out = KaldiWriter()
    _transition_model(out)
    layers = fold(params, stats)
    config, names = _config(layers)
    out.token("<Nnet3>")
    out.data += ("\n" + "\n".join(config) + "\n\n").encode()
    out.token("<NumComponents>")
    out.integer(2 * len(layers))
    for (weight, bias), (affine, activation) in zip(layers, names, strict=True):
        _affine(out, affine, weight, bias)
        _activation(out, activation, len(bias), last=activation.endswith("softmax"))
    out.token("</Nnet3>")
    left, right = context()
    for name, value in (("<LeftContext>", left), ("<RightContext>", right)):
        out.token(name)
        out.integer(value)
    out.token("<Priors>")
    # The recogniser subtracts the logarithm: the blank, which CTC overrates, is made less likely.
    out.vector(np.array([math.exp(blank_penalty)] + [1.0] * (OUTPUTS - 1), np.float32))
    return bytes(out.data)


def fold(params: dict, stats: dict) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Weight (outputs x inputs) and bias of each layer, with everything linear folded in."""
    folded = []
    for i in range(len(LAYERS)):
        weight = np.asarray(params[f"{i}.weight"], np.float64)
        gain = np.asarray(params[f"{i}.gain"], np.float64)
        scale = gain / np.sqrt(np.asarray(stats[f"{i}.var"], np.float64) + 1e-5)
        bias = np.asarray(params[f"{i}.bias"], np.float64)
        bias = bias - np.asarray(stats[f"{i}.mean"], np.float64) * scale
        weight = weight * scale
        if i == 0:
            shift = np.tile(np.asarray(stats["input.mean"], np.float64), 3)
            widen = np.tile(np.asarray(stats["input.scale"], np.float64), 3)
            weight = weight * widen[:, None]
            bias = bias - shift @ weight
        folded.append((weight.T.astype(np.float32), bias.astype(np.float32)))
    out = np.asarray(params["out.weight"], np.float32).T, np.asarray(params["out.bias"], np.float32)
    return [*folded, out]


def _transition_model(out: KaldiWriter) -> None:
    phones = kaldi_phones()
    out.token("<TransitionModel>")
    out.token("<Topology>")
    out.integers([p.number for p in phones])
    out.integers([-1, *[0] * len(phones)])
    out.integer(-1)  # states have a forward and a self-loop pdf
    out.integer(1)  # one topology for all phones
    out.integer(2)  # of two states
    out.integer(0)  # forward pdf class
    out.integer(1)  # self-loop pdf class
    out.integer(2)  # transitions: to itself, to the end
    for target in (0, 1):
        out.integer(target)
        out.real(0.5)
    for value in (-1, -1, 0):  # the end emits nothing and leads nowhere
        out.integer(value)
    out.token("</Topology>")
    out.token("<Tuples>")
    out.integer(len(phones))
    for phone in phones:
        for value in (phone.number, 0, phone.pdf, 0):
            out.integer(value)
    out.token("</Tuples>")
    out.token("<LogProbs>")
    out.vector(np.array([0.0] + [math.log(0.5)] * 2 * len(phones), np.float32))
    out.token("</LogProbs>")
    out.token("</TransitionModel>")


def _config(layers: list) -> tuple[list[str], list[tuple[str, str]]]:
    lines, names = [f"input-node name=input dim={DIMENSION}"], []
    below, step = "input", 1
    for i, layer in enumerate(LAYERS):
        # The offsets count input frames, and the layers above the stride go by three of them.
        points = [below if o == 0 else f"Offset({below}, {o * step})" for o in layer.offsets]
        lines.append(f"component-node name=l{i}.affine component=l{i}.affine input=Append({', '.join(points)})")
        summed = f"Sum(l{i}.affine, {below})" if i >= FIRST_SUM else f"l{i}.affine"
        lines.append(f"component-node name=l{i}.relu component=l{i}.relu input={summed}")
        names.append((f"l{i}.affine", f"l{i}.relu"))
        below, step = f"l{i}.relu", step * layer.stride
    lines.append(f"component-node name=out.affine component=out.affine input={below}")
    lines.append("component-node name=out.softmax component=out.softmax input=out.affine")
    lines.append("output-node name=output input=out.softmax objective=linear")
    return lines, [*names, ("out.affine", "out.softmax")]


def _affine(out: KaldiWriter, name: str, weight: NDArray, bias: NDArray) -> None:
    for token in ("<ComponentName>", name, "<FixedAffineComponent>", "<LinearParams>"):
        out.token(token)
    out.matrix(weight)
    out.token("<BiasParams>")
    out.vector(bias)
    out.token("</FixedAffineComponent>")


def _activation(out: KaldiWriter, name: str, width: int, last: bool) -> None:
    kind = "LogSoftmaxComponent" if last else "RectifiedLinearComponent"
    for token in ("<ComponentName>", name, f"<{kind}>", "<Dim>"):
        out.token(token)
    out.integer(width)
    for token in ("<ValueAvg>", "<DerivAvg>"):
        out.token(token)
        out.vector(np.zeros(0, np.float32))
    out.token("<Count>")
    out.double(0.0)
    out.token(f"</{kind}>")


def write(
    target: Path, params: dict, stats: dict, acoustic_scale: float = 1.0, beam: float = 11.0,
    lattice_beam: float = 4.0, max_active: int = 2500,
) -> None:  # fmt: skip
    """Write `am` and `conf` of a model folder."""
    assert params["out.bias"].shape == (OUTPUTS,)
    for folder in ("am", "conf"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    (target / "am" / "final.mdl").write_bytes(acoustic_model(params, stats))
    (target / "conf" / "mfcc.conf").write_text(MFCC_CONF)
    conf = MODEL_CONF.format(acoustic_scale=acoustic_scale, beam=beam, lattice_beam=lattice_beam, max_active=max_active)
    (target / "conf" / "model.conf").write_text(conf)


def main() -> None:
    """Export a run's averaged weights."""
    from recipe.train import restore

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("model", type=Path, nargs="?", default=MODEL)
    args = parser.parse_args()
    state = restore(args.run)
    write(args.model, state["average"], state["settled"])


if __name__ == "__main__":
    main()
