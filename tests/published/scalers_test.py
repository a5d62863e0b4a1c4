"""StandardScalers are read without scikit-learn; all else is refused."""

import bz2
import io
import lzma
import os
import pickle
import tracemalloc
import zipfile
from typing import Any

import joblib
import numpy as np
import pytest
from helpers.shared_files import shared
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import preprocessing

from seld_jax import published
from seld_jax.errors import InputError

DATA = np.random.default_rng(0).normal(3, 2, (50, 12))


def fitted(data=DATA):
  return preprocessing.StandardScaler().fit(data)


def dumped(value, **options):
  file = io.BytesIO()
  joblib.dump(value, file, **options)
  return file.getvalue()


def read(tmp_path, content):
  path = tmp_path / 'scaler'
  path.write_bytes(content)
  return published.read_scaler(path)


@pytest.mark.parametrize(
  'write',
  [
    dumped,
    lambda scaler: dumped(scaler, compress=3),
    lambda scaler: dumped(scaler, compress=('gzip', 9)),
    pickle.dumps,
    lambda scaler: pickle.dumps(scaler, 2),
    lambda scaler: pickle.dumps(scaler, 3),
    lambda scaler: pickle.dumps(scaler, 5),
  ],
  ids=['joblib', 'zlib', 'gzip', 'pickle', 'pickle2', 'pickle3', 'pickle5'],
)
@pytest.mark.parametrize('dtype', [np.float64, np.float32])
def test_mean_and_scale_are_those_of_scikit_learn(tmp_path, write, dtype):
  scaler: Any = fitted(DATA.astype(dtype))
  found = read(tmp_path, write(scaler))
  np.testing.assert_array_equal(found.mean, scaler.mean_)
  np.testing.assert_array_equal(found.scale, scaler.scale_)
  assert found.mean.dtype == found.scale.dtype == np.float64
  np.testing.assert_allclose(
    (DATA - found.mean) / found.scale, scaler.transform(DATA), atol=1e-5
  )


@pytest.mark.parametrize('save', [np.savez, np.savez_compressed])
def test_an_npz_file_is_read(tmp_path, save):
  path = tmp_path / 'scaler.npz'
  save(path, mean=np.arange(3.0), scale=np.ones(3, np.float32), other=7)
  found = published.read_scaler(path)
  assert found.mean.tolist() == [0, 1, 2]
  assert found.scale.tolist() == [1, 1, 1]


def test_the_published_scaler_has_448_features():
  folder = shared('published/dcase2024')
  found = published.read_scaler(folder / 'foa_scaler.joblib')
  with np.load(folder / 'foa_scaler.npz') as expected:
    np.testing.assert_array_equal(found.mean, expected['mean'])
    np.testing.assert_array_equal(found.scale, expected['scale'])
  assert found.mean.shape == (448,)


class Calls:
  def __init__(self, function, *arguments):
    self.made = function, arguments

  def __reduce__(self):
    return self.made


@pytest.mark.parametrize('write', [pickle.dumps, dumped])
@pytest.mark.parametrize('inside', [False, True])
def test_code_is_refused_and_not_executed(tmp_path, write, inside):
  path = tmp_path / 'executed'
  value = Calls(os.system, f'touch {path}')
  if inside:
    scaler = fitted()
    scaler.mean_ = value
    value = scaler
  with pytest.raises(InputError, match=r'refused: it names \w+\.system'):
    read(tmp_path, write(value))
  assert not path.exists()


def objects(scaler):
  scaler.mean_ = np.array([None] * 12, object)
  return scaler


def without_scale(scaler):
  scaler.scale_ = None
  return scaler


def with_zero(scaler):
  scaler.scale_ = np.zeros(12)
  return scaler


def of_two_sizes(scaler):
  scaler.scale_ = np.ones(5)
  return scaler


@pytest.mark.parametrize(
  ('value', 'match'),
  [
    (objects(fitted()), 'no number'),
    (without_scale(fitted()), 'no mean or no scale'),
    (with_zero(fitted()), 'scale above 0'),
    (of_two_sizes(fitted()), r'shapes \(12,\) and \(5,\)'),
    (preprocessing.StandardScaler(), 'no mean or no scale'),
    (preprocessing.MinMaxScaler().fit(DATA), 'MinMaxScaler'),
    (np.zeros(3), 'another object'),
    ({'mean': 1}, 'another object'),
  ],
)
@pytest.mark.parametrize('write', [dumped, pickle.dumps])
def test_other_objects_are_named(tmp_path, value, match, write):
  with pytest.raises(InputError, match=match):
    read(tmp_path, write(value))


def test_npz_files_without_numbers_are_refused(tmp_path):
  path = tmp_path / 'scaler.npz'
  for arrays, match in (
    ({'mean': np.zeros(3)}, 'without scale.npy'),
    ({'mean': np.zeros((3, 1)), 'scale': np.ones(3)}, 'one axis'),
    ({'mean': np.array(['a']), 'scale': np.ones(1)}, 'numbers'),
    ({'mean': np.array([{}]), 'scale': np.ones(1)}, 'numbers'),
    ({'mean': np.array([np.nan]), 'scale': np.ones(1)}, 'finite'),
  ):
    content: dict[str, Any] = dict(arrays)
    np.savez(path, **content)
    with pytest.raises(InputError, match=match):
      published.read_scaler(path)


def test_no_memory_is_taken_for_what_is_only_declared(tmp_path):
  """A bomb of zlib, and arrays that are larger than their file."""
  bomb = dumped(np.zeros(40_000_000, np.uint8), compress=9)
  scaler = dumped(fitted())
  longer = scaler.replace(b'shape\x94K\x0c', b'shape\x94K\xff')
  assert longer != scaler
  npz = io.BytesIO()
  np.savez(npz, mean=np.zeros(8), scale=np.ones(8))
  declared = npz.getvalue().replace(b'(8,)', b'(9,)')
  tracemalloc.start()
  for content in (longer, declared, bomb):
    with pytest.raises(InputError):
      read(tmp_path, content)
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert peak < 64_000_000


JOBLIB, PICKLE = dumped(fitted()), pickle.dumps(fitted())


@given(
  content=st.sampled_from([JOBLIB, PICKLE]),
  changes=st.lists(
    st.tuples(st.integers(0, 1500), st.integers(0, 30), st.binary(max_size=9)),
    min_size=1,
    max_size=3,
  ),
)
# Makes a text that has a backslash before a letter.
@example(content=JOBLIB, changes=[(158, 0, b'\xc2\x80i'), (161, 1, b'\\')])
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_input_errors_or_scalers(
  tmp_path_factory, content, changes
):
  for start, length, added in changes:
    content = content[:start] + added + content[start + length :]
  path = tmp_path_factory.getbasetemp() / 'damaged.joblib'
  path.write_bytes(content)
  try:
    found = published.read_scaler(path)
  except InputError:
    return
  assert found.mean.shape == found.scale.shape
  assert np.isfinite(found.mean).all() and (found.scale > 0).all()


def test_weights_in_the_place_of_a_scaler_are_named(tmp_path):
  file = io.BytesIO()
  with zipfile.ZipFile(file, 'w') as archive:
    archive.writestr('archive/data.pkl', b'')
  with pytest.raises(InputError, match='a file of PyTorch, which --weights'):
    read(tmp_path, file.getvalue())


@pytest.mark.parametrize('name', ['bz2', 'lzma', 'xz'])
def test_other_compressions_are_named(tmp_path, name):
  formats = {
    'bz2': bz2.compress,
    'lzma': lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    'xz': lzma.compress,
  }
  path = tmp_path / 'scaler.pkl'
  path.write_bytes(formats[name](pickle.dumps({'mean_': 1})))
  with pytest.raises(InputError, match=f'with {name}; save it with compress=0'):
    published.read_scaler(path)
