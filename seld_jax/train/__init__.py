"""Training: from a configuration to a run with scores.

The modules, in the order in which a run uses them:

  many: several runs, each in its own process
  loop: one run, from its data to its test
  memory: refusing a run that does not fit in memory
  run: the values that do not change during a run
  prepare: the data of a run
  checkpoint: saved states, from which a run resumes
  fine_tuning: starting from the layers of another network
  step, step_metrics, optimizer: the training step
  stepping, batches: compiling the steps, and reading their batches
  scoring: evaluations and the final test
  signals: stopping a run by SIGTERM or Ctrl-C
  snapshot: reading the best checkpoint, for predictions and exports
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
