"""Whole commands, each in a process.

They are parsed by absl's one table of flags, so each needs one. Many are forked
from a process that has imported what takes long.
"""

import json
import os
import subprocess
import sys

_FORK = """
import json, os, runpy, sys, warnings
import seld_jax.report, seld_jax.scenes, seld_jax.train
import ml_collections.config_flags

def run(case):
  module, words = case
  out, err = os.memfd_create('out'), os.memfd_create('err')
  child = os.fork()
  if not child:
    if words[:1] == ['CLOSED']:  # whoever reads the output has gone
      gone, out = os.pipe()
      os.close(gone)
      words = words[1:]
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.argv = [module, *words]
    # A module that is run although it was imported.
    warnings.simplefilter('ignore', RuntimeWarning)
    status = 0
    try:
      runpy.run_module(module, run_name='__main__', alter_sys=True)
    except SystemExit as stop:
      status = stop.code or 0
    except BaseException:
      import traceback
      traceback.print_exc()
      status = 99
    try:
      sys.stdout.flush()
    finally:
      os._exit(status)
  status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
  texts = []
  for descriptor in out, err:
    with os.fdopen(descriptor, 'rb') as file:
      file.seek(0)
      texts.append(file.read().decode())
  return [status, *texts]

cases = json.load(sys.stdin)
print(json.dumps({name: run(case) for name, case in cases.items()}))
"""


def run(cases, folder):
  """What commands do in a folder, each a module and its words.

  Exit status, output and errors of each, by the names of the cases.
  """
  done = subprocess.run(
    [sys.executable, '-c', _FORK],
    input=json.dumps(cases),
    capture_output=True,
    text=True,
    cwd=folder,
    env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
  )
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout.splitlines()[-1])


def run_one(module, *arguments):
  """What a command does in a process of its own."""
  return subprocess.run(
    [sys.executable, '-m', module, *arguments],
    capture_output=True,
    text=True,
    timeout=100,
  )
