"""The graph folder of a model for a vocabulary: `python -m recipe.rebuild [MODEL_DIR] [--words FILE]`."""

import argparse
from pathlib import Path

from recipe import lexicon, ngram
from recipe.graph import UNKNOWN, Builder, Scales
from recipe.places import MODEL
from recipe.topology import kaldi_phones
from recipe.vocabulary import vocabulary


def write(target: Path, words: list[str], scales: Scales = Scales(), pairs: int = 80000) -> None:  # noqa: B008
    """Write the `graph` folder of a model for a vocabulary."""
    known = lexicon.read()
    missing = [word for word in words if word not in known]
    forms = {word: known[word] for word in words if word in known}
    forms |= lexicon.pronounce(missing) if missing else {}
    builder = Builder(forms, ngram.estimate(sorted(forms), pairs), scales)
    folder = target / "graph"
    (folder / "phones").mkdir(parents=True, exist_ok=True)
    builder.build().write(folder / "HCLG.fst")
    names = ["<eps>", *builder.words, UNKNOWN]
    (folder / "words.txt").write_text("".join(f"{w} {i}\n" for i, w in enumerate(names)))
    phones = kaldi_phones()
    (folder / "phones" / "word_boundary.int").write_text("".join(f"{p.number} {p.place}\n" for p in phones))
    (folder / "phones.txt").write_text("<eps> 0\n" + "".join(f"{p.name} {p.number}\n" for p in phones))
    states, arcs = builder.graph.size
    print(f"{len(words)} words, {states} states, {arcs} arcs")


def main() -> None:
    """Write the graph of the built-in vocabulary, or of a list of words."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", default=MODEL)
    parser.add_argument("--words", type=Path, help="one lower-case word a line")
    args = parser.parse_args()
    words = sorted(set(args.words.read_text().split())) if args.words else list(vocabulary())
    write(args.model, words)


if __name__ == "__main__":
    main()
