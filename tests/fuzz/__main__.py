"""Steers inputs through reading and formats by the branches they reach: `python -m fuzz -runs=1000000`. Flags are libFuzzer's."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["tunewright_trainer.prepare.reading", "tunewright_trainer.prepare.formats"],
):
    from fuzz import corpus
    from fuzz.examine import examine

SLOWEST_SECONDS = 10
LARGEST_BYTES = 4096


def main() -> None:
    """Fuzz until the number of runs is reached, or until something breaks; what broke it is written to the working directory."""
    with tempfile.TemporaryDirectory(prefix="tunewright-fuzz-") as folder:
        seeds, words = Path(folder) / "seeds", Path(folder) / "words"
        seeds.mkdir()
        for number, data in enumerate(corpus.files()):
            (seeds / f"{number:03}").write_bytes(data)
        words.write_text("".join(f'"\\"{word}\\""\n' for word in corpus.WORDS))
        flags = [f"-dict={words}", f"-timeout={SLOWEST_SECONDS}", f"-max_len={LARGEST_BYTES}", "-rss_limit_mb=3000"]
        atheris.Setup([sys.argv[0], *flags, *sys.argv[1:], str(seeds)], examine)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
