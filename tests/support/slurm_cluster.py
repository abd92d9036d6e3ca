"""A SLURM cluster of one node on this machine, real but for its size: munged, slurmctld and slurmd in a folder of their own.

It needs Debian's packages slurm-wlm and munge, and root, as slurmd starts tasks in the name of others; :func:`why_not` says
what is missing.  Nothing of a SLURM that the machine may have otherwise is touched: ports, keys and files are its own.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "scancel")
NODE = "localhost"
READY_S, ENDED_S = 30.0, 20.0
CONFIG = """\
ClusterName=target-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why no cluster can be started here; "" where one can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "slurmd wants to be started by root"
    missing = [each for each in PROGRAMS if shutil.which(each, path=_path()) is None]
    return f"there is no {', '.join(missing)} (Debian's slurm-wlm and munge)" if missing else ""


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Cluster:
    """One that runs.

    Parameters
    ----------
    environment : dict
        In which SLURM's programs find it.
    """

    environment: dict[str, str]

    def say(self, *command: str) -> str:
        """What one of SLURM's programs prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def jobs(self) -> list[dict[str, str]]:
        """What is known of every job and of every task of an array, as ``scontrol`` tells it."""
        lines = self.say("scontrol", "show", "job", "--oneliner").splitlines()
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines if "JobId=" in line]

    def wait(self, timeout_s: float) -> list[dict[str, str]]:
        """The jobs, when all have ended.

        Raises
        ------
        TimeoutError
            If they do not.
        """
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            jobs = self.jobs()
            if jobs and not {each["JobState"] for each in jobs} & {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING"}:
                return jobs
            time.sleep(0.5)
        raise TimeoutError(f"not ended after {timeout_s:.0f} s: {self.jobs()}")


@contextmanager
def running_cluster(folder: Path, cpus: int = 2) -> Iterator[Cluster]:
    """Start the daemons, wait until the node is idle, and end all of it at the end.

    Parameters
    ----------
    folder : Path
        For the cluster's own files; a short path, as a socket lies in it.
    cpus : int
        That the node has to give, whatever the machine has.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(secrets.token_bytes(64))
    config = folder / "slurm.conf"
    host = socket.gethostname().split(".")[0]
    config.write_text(CONFIG.format(folder=folder, host=host, node=NODE, cpus=cpus, ports=_free_ports(2)))
    outside = {name: word for name, word in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
    cluster = Cluster({**outside, "PATH": _path(), "SLURM_CONF": str(config)})
    files = {"key-file": key, "socket": "munge.socket", "pid-file": "munged.pid", "seed-file": "munge.seed"}
    munge = [f"--{option}={folder / name}" for option, name in files.items()]
    with ExitStack() as stack:
        # --force: the folder is one user's own, which munged would warn of
        stack.enter_context(_daemon(cluster, folder, "munged", "--foreground", "--force", *munge))
        _wait_for(lambda: (folder / "munge.socket").exists(), "munged", folder)
        stack.enter_context(_daemon(cluster, folder, "slurmctld", "-D", "-f", str(config)))
        stack.enter_context(_daemon(cluster, folder, "slurmd", "-D", "-f", str(config), "-N", NODE))
        _wait_for(lambda: _is_idle(cluster), "the node", folder)
        try:
            yield cluster
        finally:
            _end_jobs(cluster)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens at now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def _daemon(cluster: Cluster, folder: Path, program: str, *words: str) -> Iterator[None]:
    """A daemon in the foreground of its own group, ended with the block."""
    command = [str(shutil.which(program, path=_path())), *words]
    with (folder / f"{program}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=cluster.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(ENDED_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_idle(cluster: Cluster) -> bool:
    told = subprocess.run(
        ["scontrol", "show", "node", NODE], env=cluster.environment, capture_output=True, text=True, check=False
    )
    return "State=IDLE " in told.stdout


def _wait_for(is_there, what: str, folder: Path) -> None:
    end = time.monotonic() + READY_S
    while not is_there():
        logs = {each.name: each.read_text(errors="replace")[-1500:] for each in folder.glob("*.log")}
        assert time.monotonic() < end, f"{what} does not come up: {logs}"
        time.sleep(0.2)


def _end_jobs(cluster: Cluster) -> None:
    """Cancel what still runs, so that no task outlives the cluster."""
    subprocess.run(["scancel", "--user=root"], env=cluster.environment, capture_output=True, check=False)
    end = time.monotonic() + ENDED_S
    while time.monotonic() < end and any(each["JobState"] in ("RUNNING", "COMPLETING") for each in cluster.jobs()):
        time.sleep(0.5)
