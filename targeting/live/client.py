"""A client of ``target serve``, for a navigator's plug-in or the control loop of a robot."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshes.errors import InputError
from targeting.live.protocol import LOOPBACK, line_of
from targeting.pose import Pose
from targeting.subject import sha256

MAX_REPLY_BYTES = 1 << 20


class DoseClient:
    """Asks a running ``target serve`` for the dose at a coil's pose.

    Parameters
    ----------
    port : int
        The one ``target serve`` printed.
    host : "127.0.0.1" or "::1"
    image : path, optional
        The T1 that the navigator shows: refused if the server's plan was made on another file.
    timeout_s : float
        For connecting and for each reply.

    Attributes
    ----------
    hello : dict
        The server's greeting: subject, target, side, coil, image and its SHA-256, the planned pose and its dose.

    Raises
    ------
    InputError
        If no server answers there, or it speaks of another image.

    Examples
    --------
    ::

        with DoseClient(port=5005, image="T1.nii.gz") as client:
            reply = client.dose(matrix, frame="brainsight", didt_a_per_us=80)
            print(reply["dose_v_per_m"], reply["percent_of_plan"], reply["warnings"])
    """

    def __init__(
        self, port: int, host: str = LOOPBACK[0], image: str | Path | None = None, timeout_s: float = 5.0
    ) -> None:
        try:
            self._socket = socket.create_connection((host, port), timeout_s)
        except OSError as error:
            raise InputError(f"no server on {host}, port {port} ({error}); start it with 'target serve NAME'") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb")
        self._asked = 0
        try:
            self.hello = self._read()
            if self.hello.get("hello") != "target":
                raise InputError(f"what answers on port {port} is no dose server: {self.hello.get('error', '')}")
            if image is not None and sha256(Path(image)) != self.hello["image_sha256"]:
                raise InputError(f"the plan was made on {self.hello['image']}, not on {image}; serve that image's plan")
        except BaseException:
            self.close()
            raise

    def dose(
        self,
        pose: Pose | ArrayLike,
        frame: str = "ras",
        didt_a_per_us: float = 1.0,
        coil: str | None = None,
    ) -> dict[str, Any]:
        """The reply for one pose.

        Its fields are ``dose_v_per_m``, ``mean_e_v_per_m`` (3), ``percent_of_plan``, ``scalp_distance_mm`` and
        ``warnings`` (a list of lines).

        Parameters
        ----------
        pose : Pose or (4, 4) array
            Coil → world, mm, in the navigator's ``frame``.
        frame : str
            "ras" (this project's own), "brainsight", "localite", "localite-lps" or "visor2".
        didt_a_per_us : float
        coil : str, optional
            One of ``hello["coils"]``; default: the one that is served.

        Raises
        ------
        InputError
            If the server refuses the request, or does not answer.
        """
        matrix = pose.matrix_mm if isinstance(pose, Pose) else np.asarray(pose, dtype=np.float64)
        if not np.isfinite(matrix).all():
            raise InputError("a coil pose must be finite: is the coil tracked?")
        self._asked += 1
        request: dict[str, Any] = {"id": self._asked, "pose": matrix.tolist(), "frame": frame}
        request["didt_a_per_us"] = didt_a_per_us
        if coil is not None:
            request["coil"] = coil
        try:
            self._socket.sendall(line_of(request))
        except OSError as error:
            raise InputError(f"the server is gone ({error}); start 'target serve' again") from None
        reply = self._read()
        if reply.get("id") != self._asked:
            raise InputError("the server's reply is to another request; connect again")
        if "error" in reply:
            raise InputError(reply["error"])
        return reply

    def _read(self) -> dict[str, Any]:
        try:
            line = self._lines.readline(MAX_REPLY_BYTES)
        except OSError as error:  # a timeout among them
            raise InputError(f"the server does not answer ({error}); start 'target serve' again") from None
        if not line.endswith(b"\n"):
            raise InputError("the server closed the connection; start 'target serve' again")
        try:
            document = json.loads(line)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise InputError("what answers is no dose server: it does not speak JSON")
        return document

    def close(self) -> None:
        """End the connection."""
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> DoseClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
