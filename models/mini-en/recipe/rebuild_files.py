"""The files of a model's graph folder."""

from pathlib import Path

from recipe.graph import UNKNOWN, Builder
from recipe.topology import kaldi_phones


def write_tables(folder: Path, builder: Builder) -> tuple[int, int]:
    """Build the graph and write it with the tables of words and phones.

    Args:
        folder: The `graph` folder of a model.
        builder: What builds the graph; used once.

    Returns:
        States and arcs of the graph.
    """
    (folder / "phones").mkdir(parents=True, exist_ok=True)
    builder.build().write(folder / "HCLG.fst")
    names = ["<eps>", *builder.words, UNKNOWN]
    (folder / "words.txt").write_text("".join(f"{w} {i}\n" for i, w in enumerate(names)))
    phones = kaldi_phones()
    (folder / "phones" / "word_boundary.int").write_text("".join(f"{p.number} {p.place}\n" for p in phones))
    (folder / "phones.txt").write_text("<eps> 0\n" + "".join(f"{p.name} {p.number}\n" for p in phones))
    return builder.graph.size
