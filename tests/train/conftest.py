"""Finished runs that several tests only read; each is trained once."""

import pathlib

import pytest
from helpers.made_once import made_once
from helpers.tiny import make_tiny

from seld_jax import config as config_lib
from seld_jax import train


@pytest.fixture(scope='session')
def plain_run(tiny_root, tmp_path_factory) -> pathlib.Path:
  """A run of `tiny_config`: four steps, two evaluations, a test."""
  config = make_tiny(config_lib.default(), tiny_root)
  return made_once(
    tmp_path_factory,
    'plain_run',
    lambda workdir: train.train_and_evaluate(config, workdir),
  )


@pytest.fixture(scope='session')
def watched_run(tiny_root, tmp_path_factory) -> pathlib.Path:
  """The same run, which also scores a training recording and the test fold."""
  config = watch(make_tiny(config_lib.default(), tiny_root))
  return made_once(
    tmp_path_factory,
    'watched_run',
    lambda workdir: train.train_and_evaluate(config, workdir),
  )


@pytest.fixture
def watched_config(tiny_config):
  """The configuration of `watched_run`."""
  return watch(tiny_config)


def watch(config):
  config.eval.watch = ('train', 'test')
  config.eval.watch_recordings = 1
  return config
