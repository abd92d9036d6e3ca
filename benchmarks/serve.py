"""Soak ``target serve``: a navigator at 20 Hz, a robot that asks as fast as it can, and one who sends what cannot be used.

    python benchmarks/serve.py --minutes 10                          # on a small made-up head
    python benchmarks/serve.py --minutes 10 --subject colin27 --out colin27      # on a plan of yours
    python benchmarks/serve.py --minutes 10 --port 5005 --pid 4711   # on a server that runs

Prints the requests, the latencies as the navigator sees them, the server's resident memory after a warm-up (the first
tenth) and at the end, and every answer that was not as it must be.  Exit code 1 if there was such an answer or the memory
grew by more than ``MAX_GROWTH_MB``.  Writes ``benchmarks/results/serve.json`` unless a running server was given.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "support")]

from history import keep  # noqa: E402

from targeting.live import DoseClient  # noqa: E402
from targeting.live.protocol import MAX_LINE_BYTES, line_of  # noqa: E402

RATE_HZ = 20.0
ROBOT_PAUSE_S, VANDAL_PAUSE_S = 0.001, 0.005
WARM_UP_SHARE = 0.1
MAX_GROWTH_MB = 2.0
MAX_KEPT_ERRORS = 20
POSE = np.eye(4).tolist()
BAD_LINES = (
    b"\n",
    b"GET / HTTP/1.1\r\n",
    b"\xff\xfe\n",
    b"[" * 5000 + b"\n",
    b"x" * (3 * MAX_LINE_BYTES) + b"\n",
    b'{"id": 1, "pose": NaN}\n',
    b'{"id": 1, "pose": [[1e999,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}\n',
    line_of({"id": 1, "pose": POSE[:3]}),
    line_of({"id": 1, "pose": np.diag([2.0, 1, 1, 1]).tolist()}),
    line_of({"id": 1, "pose": np.diag([-1.0, 1, 1, 1]).tolist()}),
    line_of({"id": 1, "pose": POSE, "frame": "f" * 60}),
    line_of({"id": 1, "pose": POSE, "coil": "/etc/passwd"}),
    line_of({"id": {}, "pose": POSE}),
)


class Soak:
    """Clients in threads against one server, until the time is over."""

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self.host, self.port, self.seconds = host, port, seconds
        self.started = time.monotonic()
        self.latency_s: list[float] = []
        self.requests = self.refused = self.connections = 0
        self.errors: list[str] = []

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() - self.started > self.seconds

    def run(self, watch: Callable[[], None]) -> None:
        """All clients at once; ``watch`` is called about once a second."""
        clients = [
            threading.Thread(target=self._guarded, args=(each,)) for each in (self.navigator, self.robot, self.vandal)
        ]
        for client in clients:
            client.start()
        while not self.over:
            watch()
            time.sleep(min(1.0, self.seconds / 50))
        for client in clients:
            client.join()

    def navigator(self) -> None:
        """Asks along a path, ``RATE_HZ`` times a second; its answers must be right."""
        with DoseClient(self.port, self.host) as client:
            planned, start, n = np.array(client.hello["plan_pose"]), time.monotonic(), 0
            while not self.over:
                time.sleep(max(0.0, start + n / RATE_HZ - time.monotonic()))
                pose = planned.copy()
                pose[:3, 3] -= 15 * (1 - np.cos(n / 7)) * planned[:3, 2]
                before = time.perf_counter()
                percent = client.dose(pose)["percent_of_plan"]
                self.latency_s.append(time.perf_counter() - before)
                self.requests += 1
                self.check(0 < percent < 100.01, f"{percent} % of the plan, {15 * (1 - np.cos(n / 7)):.1f} mm off it")
                n += 1

    def robot(self) -> None:
        """Asks without end for random poses, near and far, with every coil and frame; connects anew now and then."""
        rng = np.random.default_rng(0)
        while not self.over:
            with DoseClient(self.port, self.host) as client:
                self.connections += 1
                planned = np.array(client.hello["plan_pose"])
                for _ in range(500):
                    pose = planned.copy()
                    pose[:3, 3] += rng.normal(0, 10, 3) - rng.exponential(20) * planned[:3, 2]
                    frame, coil = (str(rng.choice(client.hello[each])) for each in ("frames", "coils"))
                    dose = client.dose(pose, frame, rng.uniform(1, 100), coil)["dose_v_per_m"]
                    self.requests += 1
                    self.check(bool(np.isfinite(dose)), f"a dose of {dose}")
                    time.sleep(ROBOT_PAUSE_S)
                    if self.over:
                        return

    def vandal(self) -> None:
        """Sends what cannot be used, each line to be refused; leaves in the middle of one now and then."""
        while not self.over:
            with socket.create_connection((self.host, self.port), 10) as connection, connection.makefile("rb") as lines:
                self.connections += 1
                lines.readline()
                for line in BAD_LINES:
                    connection.sendall(line)
                    reply = json.loads(lines.readline())
                    self.requests += 1
                    self.refused += "error" in reply
                    self.check("error" in reply, f"{line[:60]!r} was answered: {reply}")
                    time.sleep(VANDAL_PAUSE_S)
                connection.sendall(b'{"id": 1, "pose')

    def check(self, right: bool, otherwise: str) -> None:
        """Note what was not as it must be."""
        if not right and len(self.errors) < MAX_KEPT_ERRORS:
            self.errors.append(otherwise)

    def _guarded(self, client: Callable[[], None]) -> None:
        try:
            client()
        except Exception as error:  # a lost connection, a timeout, a reply that is none
            self.errors.append(f"{client.__name__}: {type(error).__name__}: {error}")


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(said.stdout) / 1024


def worker_of(pid: int) -> int:
    """The process in which a command works (:mod:`cli.supervision`): its child, or itself where it has none."""
    said = subprocess.run(["ps", "-o", "pid=,ppid=", "-A"], capture_output=True, text=True, check=True)
    pairs = (line.split() for line in said.stdout.splitlines())
    return next((int(child) for child, parent in pairs if int(parent) == pid), pid)


def soak(host: str, port: int, pid: int, minutes: float) -> dict[str, Any]:
    """Run it and sum it up."""
    clients = Soak(host, port, 60 * minutes)
    memory: list[tuple[float, float]] = []
    clients.run(lambda: memory.append((time.monotonic() - clients.started, resident_mb(pid))))
    warm = [mb for second, mb in memory if second >= WARM_UP_SHARE * clients.seconds]
    each = max(1, len(warm) // 10)
    start, end = float(np.median(warm[:each])), float(np.median(warm[-each:]))
    ms = 1e3 * np.array(clients.latency_s or [np.nan])
    return {
        "minutes": minutes,
        "requests": clients.requests,
        "requests_per_s": round(clients.requests / clients.seconds),
        "refused": clients.refused,
        "connections": clients.connections,
        "navigator_requests": len(clients.latency_s),
        "latency_ms": {
            "p50": round(float(np.median(ms)), 2),
            "p99": round(float(np.percentile(ms, 99)), 2),
            "max": round(float(ms.max()), 2),
            "late": int((ms > 1e3 / RATE_HZ).sum()),  # answers that came after the next pose
        },
        "rss_mb": {"after_warm_up": round(start, 2), "end": round(end, 2), "largest": round(max(warm), 2)},
        "growth_mb": round(end - start, 2),
        "errors": clients.errors,
    }


def report(found: dict[str, Any]) -> str:
    """A screenful."""
    latency, memory = found["latency_ms"], found["rss_mb"]
    lines = [
        f"{found['minutes']:g} minutes: {found['requests']} requests ({found['requests_per_s']} a second), "
        f"{found['refused']} of them bad and refused, {found['connections']} connections",
        f"navigator at {RATE_HZ:g} Hz: {found['navigator_requests']} answers, p50 {latency['p50']} ms, "
        f"p99 {latency['p99']} ms, longest {latency['max']} ms, {latency['late']} later than {1e3 / RATE_HZ:g} ms",
        f"memory: {memory['after_warm_up']} MB after the warm-up, {memory['end']} MB at the end, "
        f"growth {found['growth_mb']} MB (allowed {MAX_GROWTH_MB:g})",
        f"errors: {len(found['errors'])}",
        *(f"  {each}" for each in found["errors"]),
    ]
    return "\n".join(lines)


def serve_and_soak(subject: str, out: Path, minutes: float) -> dict[str, Any]:
    """Start the real command on a planned subject, soak it, and end it as Ctrl-C would."""
    words = [sys.executable, "-c", "from cli.main import main; main()", "serve", subject, "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([*words, "--json", "--quiet"], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            sys.exit("the server did not start")
        said = json.loads(line)
        found = soak(said["host"], said["port"], worker_of(child.pid), minutes)
        child.terminate()
        if child.wait(10) != 0:
            found["errors"].append(f"the server ended with code {child.returncode}")
        return found
    finally:
        child.kill()
        child.wait()


def main() -> int:
    """Soak what the words say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--subject", help="a planned subject; default: a small made-up head")
    parser.add_argument("--out", type=Path, help="its folder; default: ./SUBJECT/")
    parser.add_argument("--port", type=int, help="a server that runs already (with --pid)")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if (asked.port is None) != (asked.pid is None):
        parser.error("--port and --pid go together")
    if asked.port is not None:
        found = soak("127.0.0.1", asked.port, asked.pid, asked.minutes)
    elif asked.subject:
        found = serve_and_soak(asked.subject, asked.out or Path(asked.subject), asked.minutes)
    else:
        from planned_ball import planned_ball

        with tempfile.TemporaryDirectory() as folder:
            found = serve_and_soak("ball", planned_ball(Path(folder) / "ball").folder, asked.minutes)
    print(json.dumps(found) if asked.json else report(found))
    if asked.port is None:
        keep("serve", found)
    return int(bool(found["errors"]) or found["growth_mb"] > MAX_GROWTH_MB)


if __name__ == "__main__":
    sys.exit(main())
