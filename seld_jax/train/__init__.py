"""Training: from a configuration to a run with scores.

The modules, in the order in which a run uses them:

  many: several runs, each in its own process
  loop: one run, from its data to its test
  run: what stays the same during a run
  prepare: its data
  checkpoint: what it resumes from
  fine_tuning: its start from another network
  step, step_metrics, optimizer: the training step
  stepping, batches: how steps are compiled and get their batches
  scoring: evaluations and the final test
  signals: how a signal stops it
  snapshot: its best state, read for predictions and exports
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
