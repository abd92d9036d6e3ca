"""OpenIGTLink beside JSON lines: the bytes of the protocol, left is left by device name, and a soak of both servers at once."""

import json
import random
import socket
import struct
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned_ball import planned_ball
from scipy.spatial.transform import Rotation

from meshes import InputError
from targeting.live import DoseServer, LiveDose
from targeting.live import openigtlink as igtl
from targeting.live.protocol import line_of
from targeting.live.server import MAX_CLIENTS, Listener
from targeting.navigation.navigators import frames

LEFT = np.eye(4)
LEFT[:3, :3] = Rotation.from_euler("xyz", [170, 20, 35], degrees=True).as_matrix()
LEFT[:3, 3] = [-45.0, -18.0, 82.0]


def test_a_message_is_as_the_protocol_says():
    data = igtl.transform("CoilToRAS", LEFT)
    assert len(data) == 58 + 48 and data[:2] == b"\0\1"
    assert data[2:14] == b"TRANSFORM\0\0\0" and data[14:34] == b"CoilToRAS" + bytes(11)
    assert struct.unpack(">QQ", data[42:58]) == (48, igtl.crc64(data[58:]))
    numbers = struct.unpack(">12f", data[58:])
    np.testing.assert_allclose(numbers[9:], LEFT[:3, 3])  # the place comes last
    np.testing.assert_allclose(numbers[:3], LEFT[:3, 0], rtol=1e-6)  # a column, not a row
    text = igtl.string("Dose", "80 A/µs")
    assert text[58:62] == struct.pack(">HH", 106, 8) and text[62:].decode() == "80 A/µs"
    said = igtl.status(2, "no")
    assert said[58:] == struct.pack(">Hq", 2, 0) + b"Error" + bytes(15) + b"no\0"


@pytest.mark.parametrize("name", ["CoilToRAS", "coiltolps", *frames()])
def test_the_device_name_says_the_frame(name):
    sent = np.diag([-1.0, -1.0, 1.0, 1.0]) @ LEFT if name == "coiltolps" else LEFT
    data = igtl.transform(name, sent)
    header = igtl.header_of(data[:58])
    request = igtl.request_of(header.device, igtl.content_of(header, data[58:]), 80.0, "figure8-70mm")
    np.testing.assert_allclose(request.matrix_mm, LEFT, atol=1e-5)
    assert request.frame == ("ras" if name.lower().startswith("coilto") else name)
    assert (request.didt_a_per_us, request.coil) == (80.0, "figure8-70mm")


def test_version_2_has_an_extended_header_and_metadata():
    content = struct.pack(">12f", *LEFT[:3].T.ravel())
    index, metadata = struct.pack(">HHHI", 1, 3, 3, 5), b"keyvalue"
    body = struct.pack(">HHII", 12, len(index), len(metadata), 7) + content + index + metadata
    header = igtl.Header(2, "TRANSFORM", "CoilToRAS", len(body), igtl.crc64(body))
    assert igtl.content_of(header, body) == content
    with pytest.raises(InputError, match="do not fit"):
        bad = struct.pack(">HHII", 12, 60_000, 9, 7) + content
        igtl.content_of(igtl.Header(2, "TRANSFORM", "x", len(bad), igtl.crc64(bad)), bad)


def test_what_cannot_be_used_is_one_line():
    good = igtl.transform("CoilToRAS", LEFT)
    header = igtl.header_of(good[:58])
    lost = np.full((4, 4), np.nan)
    for what, says in [
        (lambda: igtl.header_of(b'{"id": 1}' + b" " * 49), "no OpenIGTLink"),
        (lambda: igtl.content_of(header, good[58:-1] + b"\1"), "check sum"),
        (lambda: igtl.request_of("Probe", good[58:]), "unknown frame 'probe'"),
        (lambda: igtl.request_of("CoilToRAS", good[58:-4]), "48 bytes, not 44"),
        (lambda: igtl.request_of("CoilToRAS", igtl.transform("x", lost)[58:]), "is the coil tracked"),
        (lambda: igtl.request_of("CoilToRAS", igtl.transform("x", 1e6 * LEFT)[58:]), "more than 10 m"),
        (lambda: igtl.text_of(b"\0\3\0\xff"), "shorter"),
        (lambda: igtl.setting_of("didt_a_per_us", "fast"), "between 0 and 1000, not 'fast'"),
    ]:
        with pytest.raises(InputError, match=says) as error:
            what()
        assert "\n" not in str(error.value)


@given(st.binary(min_size=58, max_size=58), st.binary(max_size=200))
def test_no_bytes_break_the_reader(start, body):
    try:
        header = igtl.header_of(start)
        igtl.request_of(header.device, igtl.content_of(header, body))
    except InputError as error:
        assert "\n" not in str(error)


# --- the server ---


class Told:
    """Stands in for the dose: answers with what it was asked, so that the sockets alone are tested."""

    @property
    def hello(self):
        return {"hello": "target", "subject": "s1", "target": "m1-hand"}

    def answer(self, request):
        x = float(request.matrix_mm[0, 3])
        if x > 900:
            raise InputError("too far to the right")
        dose = {"dose_v_per_m": x * request.didt_a_per_us, "percent_of_plan": 50.0, "scalp_distance_mm": 4.0}
        return {**dose, "warnings": ["look"] if x > 800 else []}


@contextmanager
def serving(live):
    server, ready = DoseServer(live, Listener(), Listener()), threading.Event()
    thread = threading.Thread(target=server.run, args=(ready.set,))
    thread.start()
    assert ready.wait(5)
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()


class Navigator:
    """A client as a navigator is one: sends messages, reads replies."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        """The kind, device name and text of the next message."""
        header = igtl.header_of(self._exactly(58))
        content = igtl.content_of(header, self._exactly(header.size))
        if header.kind == "STATUS":
            return "STATUS", struct.unpack(">H", content[:2])[0], content[30:-1].decode()
        return header.kind, header.device, igtl.text_of(content)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            assert more, "the server closed the connection"
            data += more
        return data

    def __enter__(self):
        assert self.read() == ("STATUS", 1, "target: s1 m1-hand")
        return self

    def __exit__(self, *_):
        self.socket.close()


def at(x):
    pose = LEFT.copy()
    pose[0, 3] = x
    return pose


def test_a_pose_in_and_a_dose_out():
    with serving(Told()) as server, Navigator(server.igtl.port) as navigator:
        navigator.send(igtl.transform("CoilToRAS", at(3)))
        assert navigator.read() == ("STRING", "Dose", "3 V/m at 1 A/µs, 50 % of the plan, 4.0 mm from the scalp")
        kind, name, text = navigator.read()
        assert (kind, name) == ("STRING", "DoseJSON") and json.loads(text)["dose_v_per_m"] == 3
        navigator.send(igtl.string("didt_a_per_us", "80"))
        assert navigator.read() == ("STATUS", 1, "didt_a_per_us 80.0")
        navigator.send(igtl.transform("CoilToLPS", at(850)))
        assert navigator.read()[2].startswith("-6.8e+04 V/m at 80 A/µs")
        navigator.read()
        navigator.send(igtl.transform("CoilToRAS", at(850)))
        assert navigator.read()[2].endswith("4.0 mm from the scalp; look")


def test_faults_are_said_once_and_other_tools_do_not_come_between():
    with serving(Told()) as server, Navigator(server.igtl.port) as navigator:
        doses = []
        for i in range(20):  # a pointer and its words are streamed beside the coil
            navigator.send(igtl.transform("Probe", at(1)))
            navigator.send(igtl.string("Patient", "hello"))
            navigator.send(igtl.transform("CoilToRAS", at(i)))
            doses += [navigator.read() for _ in range(4 if i == 0 else 2)]
        statuses = [each[2] for each in doses if each[0] == "STATUS"]
        assert (
            len(statuses) == 2
            and "'Probe' is no frame: it may be CoilToRAS" in statuses[0]
            and "sets nothing" in statuses[1]
        )
        assert [each[2].split()[0] for each in doses if each[1] == "Dose"] == [f"{float(i):.3g}" for i in range(20)]

        navigator.send(igtl.message("IMAGE", "MRI", bytes(200_000)))  # passed over
        navigator.send(igtl.message("POSITION", "Probe", bytes(24)))
        for _ in range(50):
            navigator.send(igtl.transform("CoilToRAS", at(901)))
        damaged = bytearray(igtl.transform("CoilToRAS", at(1)))
        damaged[-1] ^= 1
        navigator.send(bytes(damaged))
        navigator.send(igtl.transform("CoilToRAS", at(5)))
        said = [navigator.read() for _ in range(5)]
        assert [each[1] for each in said] == [2, "Dose", 2, "Dose", "Dose"]
        assert (
            said[1][2] == "no dose: too far to the right"
            and "check sum" in said[2][2]
            and said[4][2].startswith("5 V/m")
        )


def test_another_protocol_is_told_so_and_ended():
    with serving(Told()) as server, Navigator(server.igtl.port) as navigator:
        navigator.send(line_of({"id": 1, "pose": LEFT.tolist()}))
        kind, code, text = navigator.read()
        assert (kind, code) == ("STATUS", 12) and "JSON lines are spoken on the other port" in text
        assert navigator.socket.recv(1) == b""


@pytest.mark.slow
def test_a_soak_of_both_servers():
    """Thousands of good and bad messages and lines, and clients that vanish: every good one is answered, right and in order."""
    rounds, faults = 1500, []

    def stream(port, seed):
        dice = random.Random(seed)
        try:
            with Navigator(port) as navigator:
                for i in range(rounds):
                    if dice.random() < 0.2:
                        navigator.send(
                            igtl.message(
                                dice.choice(["IMAGE", "POINT", "X"]), "junk", dice.randbytes(dice.randrange(3000))
                            )
                        )
                    navigator.send(igtl.transform("CoilToRAS", at(i % 700)))
                    assert navigator.read()[2].startswith(f"{float(i % 700):.3g} V/m")
                    assert json.loads(navigator.read()[2])["dose_v_per_m"] == i % 700
        except Exception as error:
            faults.append(error)

    def lines(port, seed):
        dice = random.Random(seed)
        try:
            with socket.create_connection(("127.0.0.1", port), 10) as talk, talk.makefile("rb") as replies:
                talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                assert b"hello" in replies.readline()
                for i in range(rounds):
                    bad = dice.random() < 0.2
                    talk.sendall(b"{nonsense\n" if bad else line_of({"id": i, "pose": at(i % 700).tolist()}))
                    reply = json.loads(replies.readline())
                    assert ("error" in reply) if bad else (reply["id"], reply["dose_v_per_m"]) == (i, i % 700)
        except Exception as error:
            faults.append(error)

    def vanish(ports, seed):
        dice = random.Random(seed)
        for _ in range(200):
            with socket.create_connection(("127.0.0.1", dice.choice(ports)), 10) as talk:
                whole = dice.choice(
                    [igtl.transform("CoilToRAS", at(1)), line_of({"pose": at(1).tolist()}), dice.randbytes(300)]
                )
                talk.sendall(whole[: dice.randrange(1, len(whole))])

    with serving(Told()) as server:
        ports = (server.listener.port, server.igtl.port)
        work = [threading.Thread(target=stream, args=(ports[1], i)) for i in range(3)]
        work += [threading.Thread(target=lines, args=(ports[0], 10 + i)) for i in range(3)]
        work += [threading.Thread(target=vanish, args=(ports, 20 + i)) for i in range(2)]
        assert len(work) < MAX_CLIENTS
        for each in work:
            each.start()
        for each in work:
            each.join(120)
        assert not faults, faults[:3]
        assert server.answered >= 6 * rounds
        with Navigator(ports[1]) as navigator:  # it still answers
            navigator.send(igtl.transform("CoilToRAS", at(7)))
            assert navigator.read()[2].startswith("7 V/m")


@pytest.mark.slow
def test_the_real_dose_and_a_coil_too_far_from_the_head(tmp_path):
    live = LiveDose.of(planned_ball(tmp_path / "ball"))
    planned = np.array(live.plan.placements[0].pose)
    away = planned.copy()
    away[:3, 3] -= 60.0 * planned[:3, 2]
    with serving(live) as server:
        navigator = Navigator(server.igtl.port)
        assert navigator.read()[2].startswith("target: ball")
        navigator.send(igtl.transform("CoilToRAS", planned))
        assert ", 100 % of the plan, " in navigator.read()[2]
        assert json.loads(navigator.read()[2])["warnings"] == []
        lps = np.diag([-1.0, -1.0, 1.0, 1.0])
        navigator.send(igtl.transform("CoilToLPS", lps @ planned))
        assert ", 100 % of the plan, " in navigator.read()[2]
        navigator.read()
        navigator.send(igtl.transform("CoilToRAS", away))
        assert "too far from the head" in navigator.read()[2]
        navigator.socket.close()
