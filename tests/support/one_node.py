"""A real Slurm of one node in a folder: munged, slurmctld and slurmd, started by root and stopped at the end.

`python tests/cluster/one_node.py FOLDER` starts one and waits; SLURM_CONF=FOLDER/slurm.conf points sbatch at it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
SECONDS = 30  # that a daemon may take to come up or to end

CONF = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=5,bf_interval=5,requeue_delay=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=10
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} CoresPerSocket={cpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=30 State=UP
PartitionName=urgent Nodes={host} MaxTime=INFINITE PriorityTier=2 PreemptMode=off State=UP
"""


class OneNode:
    """The cluster, with two partitions: `main`, whose jobs are requeued when `urgent` wants their cores."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> OneNode:
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            raise RuntimeError(f"{', '.join(missing)}: not found; apt-get install slurm-wlm munge")
        folder, host = self.folder, socket.gethostname()
        for part in ("state", "spool"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # munged refuses a socket in a folder that others can write to or cannot search
        conf = CONF.format(folder=folder, host=host, ports=free_ports(2), cpus=os.cpu_count())
        (folder / "slurm.conf").write_text(conf)
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        files = ("key-file=munge.key", "socket=munge.socket", "pid-file=munge.pid", "log-file=munge.log")
        try:
            self._start("munged", "--foreground", "--force", *(f"--{o.replace('=', f'={folder}/')}" for o in files))
            self._wait("munge's socket", (folder / "munge.socket").exists)
            self._start("slurmctld", "-D", "-i")
            self._start("slurmd", "-D", "-N", host)
            self._wait("the node", lambda: self.run("sinfo", "--noheader", "--format=%T").strip().startswith("idle"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if len(self._daemons) > 1:
            self.run("scancel", "--full", f"--user={os.getuid()}", check=False)
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(SECONDS)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons = []

    def run(self, *command: str, check: bool = True) -> str:
        """A command of Slurm's on this cluster; its standard output."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def _start(self, program: str, *options: str) -> None:
        with (self.folder / f"{program}.out").open("ab") as said:
            self._daemons.append(subprocess.Popen([program, *options], env=self.environment, stdout=said, stderr=said))

    def _wait(self, what: str, ready: object) -> None:
        assert callable(ready)
        end = time.monotonic() + SECONDS
        while True:
            for daemon in self._daemons:
                if daemon.poll() is not None:
                    raise RuntimeError(f"{daemon.args}: ended with {daemon.returncode}; see {self.folder}/*.log, *.out")
            try:
                if ready():
                    return
            except RuntimeError:
                pass  # the controller does not answer yet
            if time.monotonic() > end:
                raise RuntimeError(f"{what} is not up after {SECONDS} s; see {self.folder}/*.log")
            time.sleep(0.2)


def free_ports(n: int) -> list[int]:
    """TCP ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(n)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    with OneNode(Path(sys.argv[1]).resolve()) as cluster:
        print(f"export SLURM_CONF={cluster.folder}/slurm.conf", flush=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, stop := {signal.SIGINT, signal.SIGTERM})  # else they end it at once
        signal.sigwait(stop)
