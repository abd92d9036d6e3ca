"""``target serve`` as users run it: the command, several clients, bad lines, a clean end, no growth, the example."""

import asyncio
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from planned_ball import planned_ball

from cli.main import run
from meshes import InputError
from targeting.live import DoseClient, DoseServer
from targeting.live.protocol import MAX_LINE_BYTES, line_of
from targeting.live.server import MAX_CLIENTS, Listener

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-c", "from cli.main import main; main()"]


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve")
    (folder / "T1.nii.gz").write_bytes(b"stands in for the image")
    digest = hashlib.sha256((folder / "T1.nii.gz").read_bytes()).hexdigest()
    return planned_ball(folder / "ball", image_sha256=digest)


@contextmanager
def serving(subject, *options):
    """The real command as a child; its process and what it printed."""
    words = [*COMMAND, "serve", "ball", "--out", str(subject.folder), "--json", "--quiet", *options]
    child = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = child.stdout.readline()
        assert line, child.stderr.read()
        yield child, json.loads(line)
        child.terminate()  # nothing, where a test ended it
        assert sys.platform == "win32" or child.wait(10) == 0
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()


@pytest.fixture(scope="module")
def served(subject):
    with serving(subject) as (child, said):
        yield child, said


class Told:
    """Stands in for the dose: answers with what it was asked, so that the socket alone is tested."""

    @property
    def hello(self):
        return {"hello": "target", "image_sha256": "0" * 64, "image": "T1.nii.gz"}

    def answer(self, request):
        return {"dose_v_per_m": float(request.matrix_mm[0, 3])}


@contextmanager
def in_thread(listener=None):
    server, ready = DoseServer(Told(), listener), threading.Event()
    thread = threading.Thread(target=server.run, args=(ready.set,))
    thread.start()
    assert ready.wait(5)
    try:
        yield server
    finally:
        server.stop()
        thread.join(5)
        assert not thread.is_alive()


def at(x):
    pose = np.eye(4)
    pose[0, 3] = x
    return pose


def test_the_command_says_where_it_serves_and_answers(served, subject):
    _, said = served
    assert said["host"] == "127.0.0.1" and said["port"] > 0
    with DoseClient(said["port"], image=subject.folder.parent / "T1.nii.gz") as client:
        assert {**client.hello, "host": "127.0.0.1", "port": said["port"]} == said
        reply = client.dose(client.hello["plan_pose"], didt_a_per_us=50)
        assert reply["percent_of_plan"] == pytest.approx(100)
        assert reply["dose_v_per_m"] == pytest.approx(50 * said["plan_dose_v_per_m"])
        with pytest.raises(InputError, match="unknown frame"):
            client.dose(np.eye(4), frame="nexstim")
        with pytest.raises(InputError, match="is the coil tracked"):
            client.dose(np.full((4, 4), np.nan))
        assert client.dose(client.hello["plan_pose"])["id"] == 3  # the connection stayed


def test_a_client_with_another_image_is_refused(served, subject):
    with pytest.raises(InputError, match=r"the plan was made on ball.nii.gz, not on .*plan.json"):
        DoseClient(served[1]["port"], image=subject.folder / "plan.json")


def test_the_example_runs_for_two_seconds(served):
    words = [sys.executable, str(ROOT / "examples" / "live_dose.py"), str(served[1]["port"]), "2"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60, env=env).stdout.splitlines()
    assert out[0] == "ball, left left spot, figure8-70mm"
    assert len(out) == 1 + 40
    percent = [float(line.split()[2]) for line in out[1:]]
    assert max(percent) == pytest.approx(100, abs=2) and min(percent) < 95


def test_two_thousand_requests_with_bad_ones_among_them_leave_it_as_large_as_it_was(served, subject):
    child, said = served
    words = [
        sys.executable,
        str(ROOT / "benchmarks" / "serve.py"),
        "--port",
        str(said["port"]),
        "--pid",
        str(child.pid),
    ]
    done = subprocess.run([*words, "--minutes", "0.12", "--json"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["requests"] > 2000 and found["refused"] > 300
    assert found["errors"] == []
    assert found["growth_mb"] < 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_it_even_with_a_client_there(subject):
    options = ("--host", "::1") if socket.has_ipv6 else ()
    with serving(subject, *options) as (child, said), DoseClient(said["port"], host=said["host"]) as client:
        client.dose(client.hello["plan_pose"])
        child.send_signal(signal.SIGINT)  # SIGTERM is how the others are ended
        assert child.wait(10) == 0
        assert child.stderr.read() == ""
        with pytest.raises(InputError, match="start 'target serve' again"):
            client.dose(client.hello["plan_pose"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "this machine only"),
        (["--host", "::"], "this machine only"),
        (["--host", "localhost"], "this machine only"),
        (["--host", "192.168.0.7"], "this machine only"),
        (["--port", "65536"], "from 0 (any free one) to 65535"),
        (["--port", "-1"], "from 0 (any free one) to 65535"),
        (["--port", "http"], "--port"),
        (["--coil", "figur8"], "did you mean figure8-70mm"),
        (["--coil", "none.ccd"], "none.ccd"),
    ],
)
def test_bad_words_are_one_line(subject, capfd, options, said):
    assert run(["serve", "ball", "--out", str(subject.folder), *options]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("target: ") and err.count("\n") == 1
    assert said in err


def test_without_a_plan_it_is_one_line_and_no_folder(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert run(["serve", "s1"]) == 2
    assert "run 'target plan s1' first" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_said_at_once():
    taken = Listener()
    with taken.socket, pytest.raises(InputError, match=f"port {taken.port} .*; choose another `port`"):
        taken.socket.listen()
        Listener(port=taken.port)


def test_nobody_there_is_one_line():
    with Listener().socket as held, pytest.raises(InputError, match="start it with 'target serve NAME'"):
        DoseClient(held.getsockname()[1], timeout_s=1)


def test_clients_get_their_own_answers_and_one_too_many_is_told():
    with in_thread() as server:
        clients = [DoseClient(server.listener.port) for _ in range(MAX_CLIENTS)]
        with pytest.raises(InputError, match=f"{MAX_CLIENTS} clients already"):
            DoseClient(server.listener.port)
        for turn in range(5):
            for n, client in enumerate(clients):
                assert client.dose(at(100 * turn + n))["dose_v_per_m"] == 100 * turn + n
        for client in clients:
            client.close()
        for _ in range(3 * MAX_CLIENTS):  # places are free again
            with DoseClient(server.listener.port) as client:
                assert client.dose(at(7))["dose_v_per_m"] == 7


def raw(server):
    connection = socket.create_connection(("127.0.0.1", server.listener.port), 5)
    lines = connection.makefile("rb")
    lines.readline()
    return connection, lines


def test_lines_may_come_in_pieces_and_many_at_once():
    line = line_of({"id": 1, "pose": at(3).tolist()})
    with in_thread() as server:
        connection, lines = raw(server)
        with connection, lines:
            for k in range(0, len(line), 7):
                connection.sendall(line[k : k + 7])
            assert json.loads(lines.readline())["dose_v_per_m"] == 3
            connection.sendall(line * 200)
            assert [json.loads(lines.readline())["id"] for _ in range(200)] == [1] * 200


@pytest.mark.parametrize("size", [MAX_LINE_BYTES + 1, 3 * MAX_LINE_BYTES, 50 * MAX_LINE_BYTES])
def test_a_line_too_long_is_refused_once_and_the_talk_goes_on(size):
    with in_thread() as server:
        connection, lines = raw(server)
        with connection, lines:
            connection.sendall(b"x" * size + b"\n" + line_of({"id": 2, "pose": at(5).tolist()}))
            assert "longer than" in json.loads(lines.readline())["error"]
            assert json.loads(lines.readline())["dose_v_per_m"] == 5


def test_a_client_that_leaves_in_the_middle_or_never_reads_harms_nobody():
    with in_thread() as server:
        for end in (b"", b'{"id": 1, "po', b"x" * (2 * MAX_LINE_BYTES)):
            connection, lines = raw(server)
            connection.sendall(end)
            lines.close()
            connection.close()
        deaf, unread = raw(server)
        deaf.settimeout(0.5)
        with deaf, unread, pytest.raises(TimeoutError):  # it is not read from until it reads
            while True:
                deaf.sendall(line_of({"id": "x" * 60, "pose": at(1).tolist()}) * 100)
        with DoseClient(server.listener.port) as client:
            assert client.dose(at(9))["dose_v_per_m"] == 9


def test_a_server_may_run_where_an_event_loop_has_run_before():
    asyncio.run(asyncio.sleep(0))
    with in_thread() as server, DoseClient(server.listener.port) as client:
        assert client.dose(at(1))["dose_v_per_m"] == 1
