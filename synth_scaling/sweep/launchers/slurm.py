"""`hydra/launcher=slurm`: a sweep's workers as one job array, submitted with submitit.

A worker receives SIGTERM `signal_delay` seconds before its time limit, or when it is pre-empted. It writes its
checkpoints and exits with 75, and the batch script requeues the job; Slurm itself requeues a pre-empted job. submitit's
mechanism (a signal handler that pickles the call again) is not used: the store holds the finished stages, and the call
does not change.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from synth_scaling.core.terminal import say
from synth_scaling.core.validation import ConfigError, above_zero, at_least
from synth_scaling.sweep.launchers import squeue
from synth_scaling.sweep.launchers.workers import Workers, WorkersLauncher, died, needs
from synth_scaling.sweep.plan import Plan, words

TARGET = "hydra_plugins.synth_scaling_slurm.SlurmLauncher"


@dataclass
class SlurmLauncherConf(Workers):
    """Options of `hydra/launcher=slurm`; options that are None take Slurm's default."""

    _target_: str = TARGET
    array_parallelism: int | None = None  # [workers] that run at a time, at most; null: all
    wait: bool = True  # false, or --no-wait: return as soon as the workers are submitted
    time: int = 240  # [minutes] of a worker; one that is not done by then is requeued
    partition: str | None = None  # of sbatch
    qos: str | None = None  # of sbatch
    account: str | None = None  # of sbatch
    constraint: str | None = None  # of sbatch
    gres: str | None = None  # of each worker, such as gpu:1
    cpus_per_task: int = 1  # [cores] of each worker
    mem_gb: float | None = None  # [GB] of each worker; null: Slurm's default
    setup: list[str] = field(default_factory=list)  # shell commands before a worker starts, such as [module load cuda]
    signal_delay: int = 120  # [seconds] before the time limit at which a worker receives SIGTERM
    max_requeues: int = 20  # times that a worker is requeued after its time limit
    poll: float = 5.0  # [seconds] between two calls of squeue
    additional_parameters: dict[str, Any] = field(default_factory=dict)  # of sbatch, by their long names


class SlurmLauncher(WorkersLauncher):
    def __init__(self, **options: Any) -> None:
        self.options = SlurmLauncherConf(_target_=TARGET, **options)

    def check(self) -> None:
        self.options.check()
        for key in ("time", "cpus_per_task", "signal_delay"):
            at_least(f"hydra.launcher.{key}", getattr(self.options, key), 1)
        if self.options.signal_delay >= 60 * self.options.time:
            allowed = f"less than hydra.launcher.time={self.options.time} minutes"
            raise ConfigError(
                f"hydra.launcher.signal_delay={self.options.signal_delay}: allowed are seconds, {allowed}"
            )
        at_least("hydra.launcher.max_requeues", self.options.max_requeues, 0)
        above_zero("hydra.launcher.poll", self.options.poll)
        if self.options.array_parallelism is not None:
            at_least("hydra.launcher.array_parallelism", self.options.array_parallelism, 1)
        if self.options.mem_gb is not None:
            above_zero("hydra.launcher.mem_gb", self.options.mem_gb)
        needs("slurm", "submitit")

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        output = Path(self.config.output).absolute()
        jobs = self._submit(output / "slurm", job_overrides, initial_job_idx)
        names = [job.job_id for job in jobs]
        array = names[0].partition("_")[0]
        say(f"slurm: job {array}, {len(jobs)} workers; logs in {output}/slurm", flush=True)
        if not self.options.wait:
            say(f"slurm: not waiting; python -m synth_scaling.status {output} shows the progress,")
            say(f"slurm: squeue --job {array} the workers, scancel {array} stops them", flush=True)
            return [JobReturn(status=JobStatus.UNKNOWN) for _ in jobs]
        try:
            self._watch(names, output)
        except KeyboardInterrupt:
            say(f"slurm: not waiting any longer; the workers continue, scancel {array} stops them", file=sys.stderr)
            raise
        return [self._return(job) for job in jobs]

    def _submit(self, folder: Path, job_overrides: Sequence[Sequence[str]], first: int) -> list[Any]:
        """The submitit jobs. Raises ConfigError if Slurm refuses them."""
        import submitit

        o = self.options
        try:
            executor = submitit.SlurmExecutor(folder)
        except RuntimeError:
            raise ConfigError("hydra/launcher=slurm: needs srun and sbatch on this machine") from None
        selected = {key: getattr(o, key) for key in ("partition", "qos", "account", "constraint", "gres")}
        executor.update_parameters(
            **{key: value for key, value in selected.items() if value is not None},
            **({} if o.mem_gb is None else {"mem": f"{round(o.mem_gb * 1024)}M"}),
            job_name=self.config.sweep,
            time=o.time,
            cpus_per_task=o.cpus_per_task,
            srun_args=[f"--cpus-per-task={o.cpus_per_task}"],  # since 22.05 srun does not take it from the job
            array_parallelism=o.array_parallelism or len(job_overrides),
            setup=list(o.setup),
            teardown=put_back(o.max_requeues),
            additional_parameters={"signal": f"TERM@{o.signal_delay}", "requeue": True, **o.additional_parameters},
        )
        try:
            with executor.batch():
                jobs = [executor.submit(*call) for call in self.calls(job_overrides, first)]
        except submitit.core.utils.FailedJobError as error:
            raise ConfigError(f"hydra/launcher=slurm: sbatch refused: {str(error).strip().splitlines()[-1]}") from None
        return jobs

    def _watch(self, names: list[str], output: Path) -> None:
        """Wait until no job is in the queue, and print the progress whenever it changes."""
        printed = ""
        for states in squeue.until_gone(names, self.options.poll):
            counts = ", ".join(f"{states.count(state)} {state.lower()}" for state in sorted(set(states)))
            done, _, left = words(output, Plan.read(output)).partition(",")
            news = f"{counts or 'none left'}; {done}"
            if news != printed:
                say(f"{time.strftime('%H:%M:%S')} slurm: workers {news}{left and ','}{left}", flush=True)
                printed = news

    def _return(self, job: Any) -> JobReturn:
        """The return value of a worker, or a failed one if it died: Slurm's COMPLETED says neither."""
        from submitit.core.utils import pickle_load

        if not squeue.appears(job.paths.result_pickle):
            return died(f"slurm job {job.job_id} died ({squeue.last_state(job.job_id)}); see {job.paths.stderr}")
        outcome, value = pickle_load(job.paths.result_pickle)
        if outcome == "success":
            return value
        return died(f"slurm job {job.job_id}: {value.strip().splitlines()[-1]}; see {job.paths.stderr}")


def put_back(most: int) -> list[str]:
    """The end of the batch script: it requeues a worker that exits with 75; other codes end the job.

    The last task of an array has the array's id as SLURM_JOB_ID: requeuing that would stop all of its workers.
    """
    again = f'[ $code = {os.EX_TEMPFAIL} ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {most} ]'
    job = "${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}"
    requeue = 'scontrol requeue "${job:-$SLURM_JOB_ID}"'
    return ["code=$?", f"job={job}", f"if {again}; then {requeue}; fi", "exit $code"]
