"""One run of the data gate, measured from inside: seconds, rows, and the peak of the memory of this process and its workers together."""

import json
import sys
import threading
import time
from pathlib import Path

from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.prepare.inspection import inspect
from tunewright_trainer.prepare.parts import write_parts
from tunewright_trainer.shell.storage import open_store

PAUSE_SECONDS = 0.5
KIBIBYTES_IN_A_MEBIBYTE = 1024


class MemoryWatch(threading.Thread):
    """Adds up the proportional set sizes of this process and all below it: what they share counts once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mebibytes = 0.0

    def run(self) -> None:
        """Look until the process ends."""
        while True:
            found = sum(map(_proportional_kibibytes, _family()))
            self.peak_mebibytes = max(self.peak_mebibytes, found / KIBIBYTES_IN_A_MEBIBYTE)
            time.sleep(PAUSE_SECONDS)


def _family() -> list[Path]:
    parents: dict[str, str] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[folder.name] = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
    family = {Path("/proc/self").resolve().name}
    while more := {process for process, parent in parents.items() if parent in family} - family:
        family |= more
    return [Path("/proc") / process for process in family]


def _proportional_kibibytes(folder: Path) -> int:
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def main(endpoint: str, bucket: str, megabytes: str, folder: str) -> None:
    """Look at one data set, and write its parts."""
    spec = FineTuneJobSpec.model_validate(
        {
            "model": {"uri": f"s3://{bucket}/model", "id": "bench/tiny"},
            "tuning": {"targetModules": ["q_proj"]},
            "stages": [{"name": "sft", "method": "SFT", "dataset": {"uri": f"s3://{bucket}/rows-{megabytes}.jsonl"}}],
            "output": {"uri": f"s3://{bucket}/out"},
            "storage": {"endpoint": endpoint, "secretRef": {"name": "s3"}},
        }
    )
    watch = MemoryWatch()
    watch.start()
    started = time.monotonic()
    work = Path(folder)
    with inspect(spec, open_store(spec.storage, work / "secrets"), work, lambda _: None) as found:
        write_parts(found.inspected, work / "out")
    rows = sum(stage.rows for stage in found.report.stages)
    figures = {"rows": rows, "seconds": time.monotonic() - started, "peak": watch.peak_mebibytes}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
