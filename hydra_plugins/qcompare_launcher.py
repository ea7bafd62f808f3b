"""The launcher of multiruns: all jobs go to one pool of workers, those of one configuration as one request."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

POOL = {"_target_": "hydra_plugins.qcompare_launcher.PoolLauncher"}
"""The launcher has no options: `workers` is one of the program's own."""

ConfigStore.instance().store(group="hydra/launcher", name="pool", node=POOL, provider="qcompare")


class PoolLauncher(Launcher):
    """Composes every job, and hands all of them on at once."""

    def __init__(self) -> None:
        self.config: DictConfig | None = None
        self.context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.context = config, hydra_context

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from qcompare.cli.compare import carry_out, plain_values

        composed = [plain_values(self._composed(overrides)) for overrides in job_overrides]
        status = carry_out(composed)
        return [
            JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED, _return_value=status)
            for overrides in job_overrides
        ]

    def _composed(self, overrides: Sequence[str]) -> DictConfig:
        assert self.config is not None
        assert self.context is not None
        job = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(job):
            del job["hydra"]
        return job
