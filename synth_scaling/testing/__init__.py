"""Contract tests for a task or a method, those of plugins included: `check_task(options)`, `check_method(method)`.

Both raise AssertionError with one line that says which promise is broken, and return None otherwise.
"""

from synth_scaling.testing.method_contract import check_method
from synth_scaling.testing.task_contract import check_task

__all__ = ["check_method", "check_task"]
