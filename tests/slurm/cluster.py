"""A real SLURM cluster of three nodes on this one Debian machine, without systemd, on loopback only.

By hand, from the root of the clone: ``python -m tests.slurm.cluster start`` (see ``--help``). Each node
lives in namespaces of its own, so that a node's power loss takes everything on it, and only that.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

# Package and the program of it that the cluster runs.
PACKAGES = {"munge": "munged", "slurmctld": "slurmctld", "slurmd": "slurmd", "slurm-client": "sbatch"}
NODES = ("node1", "node2", "node3")
GPU_NODE = "node3"
CPUS = 4
SMALL = 4  # MB of a file system that can be filled
MEMORY = 64000  # MB a node: believed, not measured; room for the third attempt of a training
BY_HAND = Path("/tmp/crisp-slurm")
SOCKET_PATH = 107  # bytes that Linux allows for the path of a socket
PROGRAMS = f"{os.environ['PATH']}:/usr/sbin:/sbin"

CONFIG = """\
ClusterName=crisp
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={socket}
# Loopback only.
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/%n.log
# Nothing that needs systemd or a writable tree of cgroups.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
PropagateResourceLimits=NONE
# The nodes are larger together than the machine: believe this file, not the hardware.
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
# Schedule at once, and notice a dead node within seconds instead of minutes.
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdTimeout=4
MessageTimeout=5
TCPTimeout=2
KillWait=1
CompleteWait=0
InactiveLimit=0
ReturnToService=2
# As most sites have it: SLURM's default, under which finished jobs can be asked about for five minutes.
MinJobAge=300
# No accounting; which node ran which job stands in a text file.
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/log/jobs.txt
{nodes}
# Least loaded first: jobs spread over the nodes.
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP LLN=YES DefMemPerCPU=500
"""
NODE = (
    "NodeName={name} NodeHostname={name} NodeAddr=127.0.0.1 Port={port} Sockets=1 CoresPerSocket={cpus}"
    " ThreadsPerCore=1 RealMemory={memory}{gpu} State=UNKNOWN"
)
# First process of a node. Jobs lose SLURM_CONF on their way to srun, so each node has the files where SLURM
# looks by itself. Not exec: the shell stays, and reaps the orphans of the node's process tree.
BOOT = """
hostname "$1" && mount --bind "$2/etc/hosts" /etc/hosts && mount --bind "$2/etc" /etc/slurm || exit 1
slurmd -D -N "$1" &
wait
"""


class ClusterError(Exception):
    """The cluster cannot be installed or does not start; says what to do."""


def missing() -> list[str]:
    """Packages that are not installed."""
    return [package for package, program in PACKAGES.items() if not shutil.which(program, path=PROGRAMS)]


def install() -> None:
    """Install what is missing, with apt, and start none of the distribution's own daemons.

    Raises
    ------
    ClusterError
        If that needs rights that this process lacks, or fails.
    """
    wanted = missing()
    advice = f"as root: apt-get install --no-install-recommends {' '.join(wanted or PACKAGES)}"
    if os.geteuid() != 0:
        lacking = f"{', '.join(wanted)} missing; install, {advice}; then " if wanted else ""
        raise ClusterError(
            f"{lacking}run as root (a test cluster starts SLURM's daemons): sudo make test-slurm"
        )
    if not wanted:
        return
    if not shutil.which("apt-get"):
        raise ClusterError(f"{', '.join(wanted)} missing and no apt-get here; on Debian or Ubuntu {advice}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_daemons_started():
        subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
        done = subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode or missing():
        raise ClusterError(f"apt-get could not install {', '.join(missing())}; {advice}")


@contextmanager
def _no_daemons_started() -> Iterator[None]:
    """Packages ask this program before they start a daemon; 101 says no."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def wait_until(holds: Callable[[], object], what: str, seconds: float = 60, every: float = 0.05) -> None:
    """Wait until a condition holds.

    Raises
    ------
    TimeoutError
        If it does not in time; names `what` was waited for.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s until {what}")
        time.sleep(every)


def _free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def lives(process: psutil.Process) -> bool:
    """Whether a process runs; one that has ended may stay listed until its parent has asked."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command_of(process: psutil.Process) -> list[str]:
    """The command line of a process; none of one that has ended since it was listed."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


class Cluster:
    """The cluster of a folder, which holds all that it writes. Daemons are known by pid and start time."""

    def __init__(self, folder: Path, memory: int = MEMORY) -> None:
        self.folder = folder.resolve()
        self.memory = memory
        self.environment = {
            **os.environ,
            "PATH": PROGRAMS,
            "SLURM_CONF": str(self.folder / "etc/slurm.conf"),
        }

    @property
    def small(self) -> Path:
        """A small file system that every node sees."""
        return self.folder / "small"

    @property
    def room(self) -> int:
        """Bytes that are free on it."""
        return shutil.disk_usage(self.small).free

    @property
    def _socket(self) -> Path:
        return self.folder / "run/munge.socket"

    def start(self) -> None:
        """Write the configuration, start every daemon, and wait until every node is idle."""
        if (self.folder / "etc").exists():
            raise ClusterError(
                f"{self.folder} holds a cluster; stop it first: python -m tests.slurm.cluster stop"
            )
        if len(str(self._socket)) > SOCKET_PATH:
            raise ClusterError(
                f"{self.folder}: path too long for a socket ({SOCKET_PATH} bytes); choose another"
            )
        self._configure()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}m", "crisp", self.small], check=True)
        self._start_munge()
        self.start_controller()
        for node in NODES:
            self.boot(node, wait=False)
        for node in NODES:
            wait_until(lambda node=node: self._is_up(node), f"{node} is up; see {self.folder}/log", 30)

    def stop(self) -> None:
        """End every process of the cluster and delete its folder."""
        for name in (*NODES, "slurmctld", "munged"):
            self._end(name, kill=True)
        if self.small.is_mount():
            subprocess.run(["umount", self.small], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def crash(self, node: str) -> None:
        """Power loss of a node: everything on it dies at once, and nobody is told."""
        self._end(node, kill=True)

    def boot(self, node: str, wait: bool = True) -> None:
        """Switch a node on."""
        (self.folder / "spool" / node).mkdir(exist_ok=True)
        namespaces = ["--pid", "--uts", "--mount", "--fork", "--mount-proc", "--kill-child"]
        self._start(node, "unshare", *namespaces, "bash", "-c", BOOT, node, node, str(self.folder))
        if wait:
            wait_until(lambda: self._is_up(node), f"{node} is up", 30)

    def start_controller(self) -> None:
        """Start slurmctld; after a stop it goes on from its saved state."""
        self._start("slurmctld", "slurmctld", "-D")
        wait_until(self._answers, f"slurmctld answers; see {self.folder}/log", 30)

    def stop_controller(self) -> None:
        """Stop slurmctld; jobs run on, nothing can be asked or submitted."""
        self._end("slurmctld")

    def limit(self, minutes: int | None) -> None:
        """Set the longest time of a job."""
        self.call("scontrol", "update", "partitionname=main", f"maxtime={minutes or 'infinite'}")

    def call(self, *command: str) -> str:
        """What a command of SLURM prints."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    def processes(self, node: str) -> list[psutil.Process]:
        """The processes on a node, its first one left out; none on a node that is off."""
        first = self._process(node)
        return first.children(recursive=True) if first else []

    def pids(self) -> dict[str, int]:
        """The daemons that live, by name."""
        return {name: process.pid for name in self._recorded() if (process := self._process(name))}

    def _is_up(self, node: str) -> bool:
        return self.call("sinfo", "-h", "-n", node, "-o", "%T").strip() in ("idle", "mixed", "allocated")

    def _answers(self) -> bool:
        try:
            return "UP" in self.call("scontrol", "ping")
        except subprocess.CalledProcessError:
            return False

    def _configure(self) -> None:
        for name in ("etc", "log", "run", "state", "spool", "dev", "small"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        port, *ports = _free_ports(1 + len(NODES))
        nodes = [
            NODE.format(
                name=name,
                port=number,
                cpus=CPUS,
                memory=self.memory,
                gpu=" Gres=gpu:1" if name == GPU_NODE else "",
            )
            for name, number in zip(NODES, ports, strict=True)
        ]
        host = socket.gethostname().split(".")[0]
        etc = self.folder / "etc"
        (etc / "slurm.conf").write_text(
            CONFIG.format(
                host=host, port=port, socket=self._socket, folder=self.folder, nodes="\n".join(nodes)
            )
        )
        # SLURM asks only that the device exists; its number becomes CUDA_VISIBLE_DEVICES.
        device = self.folder / "dev/nvidia0"
        os.mknod(device, 0o666 | stat.S_IFCHR, Path(os.devnull).stat().st_rdev)
        (etc / "gres.conf").write_text(f"NodeName={GPU_NODE} Name=gpu File={device}\n")
        (etc / "cgroup.conf").write_text("CgroupAutomount=no\n")
        (etc / "plugstack.conf").touch()
        (etc / "hosts").write_text(f"127.0.0.1 localhost {host} {' '.join(NODES)}\n")

    def _start_munge(self) -> None:
        # munged refuses a key, and a folder of it, that others can read.
        secret = self.folder / "munge"
        secret.mkdir(mode=0o700)
        key = secret / "key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        self._start(
            "munged",
            "munged",
            "--foreground",
            f"--socket={self._socket}",
            f"--key-file={key}",
            f"--seed-file={secret / 'seed'}",
            f"--pid-file={self.folder / 'run/munged.pid'}",
            f"--log-file={self.folder / 'log/munged.log'}",
        )
        wait_until(self._socket.exists, f"munged listens; see {self.folder}/log", 10)

    def _recorded(self) -> dict[str, list[float]]:
        path = self.folder / "run/daemons.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def _record(self, daemons: dict[str, list[float]]) -> None:
        (self.folder / "run/daemons.json").write_text(json.dumps(daemons))

    def _start(self, name: str, *command: str) -> None:
        with open(self.folder / "log" / f"{name}.out", "a") as log:
            daemon = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._record({**self._recorded(), name: [daemon.pid, psutil.Process(daemon.pid).create_time()]})

    def _process(self, name: str) -> psutil.Process | None:
        """The process of a daemon, if it lives: the pid may since belong to another."""
        if name not in (recorded := self._recorded()):
            return None
        pid, created = recorded[name]
        try:
            process = psutil.Process(int(pid))
        except psutil.NoSuchProcess:
            return None
        return process if process.create_time() == created and lives(process) else None

    def _end(self, name: str, kill: bool = False) -> None:
        process = self._process(name)
        if process is None:
            return
        below = process.children(recursive=True)
        if not kill:
            process.terminate()
            wait_until(lambda: not lives(process), f"{name} has ended", 20)
        for one in (process, *below):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        wait_until(lambda: not any(map(lives, (process, *below))), f"{name} is gone", 20)


@contextmanager
def running(folder: Path, memory: int = MEMORY) -> Iterator[Cluster]:
    """A cluster that runs within the block, of nodes of that memory (MB)."""
    cluster = Cluster(folder, memory)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.slurm.cluster", description=__doc__)
    parser.add_argument("verb", choices=("install", "start", "stop", "crash", "boot"))
    parser.add_argument("node", nargs="?", choices=NODES, help="of crash and boot")
    parser.add_argument("--folder", type=Path, default=BY_HAND)
    parser.add_argument("--memory", type=int, default=MEMORY, help="of a node, MB; for start")
    given = parser.parse_args()
    if (given.verb in ("crash", "boot")) != bool(given.node):
        parser.error("crash and boot, and no other verb, take a node")
    cluster = Cluster(given.folder, given.memory)
    verbs: dict[str, Callable[[], None]] = {
        "install": install,
        "start": cluster.start,
        "stop": cluster.stop,
        "crash": functools.partial(cluster.crash, given.node),
        "boot": functools.partial(cluster.boot, given.node),
    }
    try:
        if given.verb != "stop":
            install()
        verbs[given.verb]()
    except (ClusterError, TimeoutError) as error:
        sys.exit(f"test cluster: {error}")
    if given.verb == "start":
        print(f"export SLURM_CONF={given.folder}/etc/slurm.conf")


if __name__ == "__main__":
    main()
