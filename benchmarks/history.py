"""What benchmarks measured, by commit: the last result as JSON, and every result as a line of its history.

    python benchmarks/history.py                 # which benchmarks have a history
    python benchmarks/history.py search          # its results, the oldest first

Results of different machines cannot be compared, so every line says how many cores there were.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def keep(name: str, result: Any) -> Path:
    """Write ``results/NAME.json`` and append to ``results/history/NAME.jsonl``; the file of the last result."""
    history = RESULTS / "history" / f"{name}.jsonl"
    history.parent.mkdir(parents=True, exist_ok=True)
    line = {
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "result": result,
    }
    with history.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    latest = RESULTS / f"{name}.json"
    latest.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return latest


def commit() -> str:
    """The commit that is measured, with "+" if files differ from it; "unknown" without git."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "unknown"


def main(names: list[str]) -> None:
    """Print the benchmarks with a history, or the history of some."""
    if not names:
        print("\n".join(sorted(path.stem for path in (RESULTS / "history").glob("*.jsonl"))))
    for name in names:
        for text in (RESULTS / "history" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            print(f"{line['date']}  {line['commit']:12}  {line['cores']} cores  {json.dumps(line['result'])}")


if __name__ == "__main__":
    main(sys.argv[1:])
