"""The graph folder of a model for a vocabulary: `python -m recipe.rebuild [MODEL_DIR] [--words FILE]`."""

import argparse
from pathlib import Path

from recipe import lexicon, ngram
from recipe.graph import Builder, Scales
from recipe.places import MODEL
from recipe.rebuild_files import write_tables
from recipe.vocabulary import vocabulary


def write(target: Path, words: list[str], scales: Scales = Scales(), pairs: int = 78000) -> None:  # noqa: B008
    """Write the `graph` folder of a model for a vocabulary."""
    if b"<Tuples>" not in (target / "am" / "final.mdl").read_bytes()[:20000]:
        raise SystemExit(f"{target} holds a network of an older recipe: its graph can't be rebuilt by this one")
    known = lexicon.read()
    missing = [word for word in words if word not in known]
    forms = {word: known[word] for word in words if word in known}
    forms |= lexicon.pronounce(missing) if missing else {}
    states, arcs = write_tables(target / "graph", Builder(forms, ngram.estimate(sorted(forms), pairs), scales))
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
