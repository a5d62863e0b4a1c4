"""Networks loaded together, and the commands that use and show them."""

import io
import json
import shutil
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import rich.console
from helpers import audio_sets
from helpers.command_outcomes import outcome
from helpers.tiny import make_run

import seld_jax
from seld_jax import audio, averaging_record, files, labels, predictor
from seld_jax.errors import InputError
from seld_jax.evaluate import averages as evaluate_averages
from seld_jax.prediction import (
  PredictionOptions,
  Predictor,
  export_file,
  live,
  recordings,
)


@pytest.fixture(scope='module')
def sound():
  return 0.1 * np.random.default_rng(1).standard_normal((4, 24000))


def test_runs_are_loaded_together(tiny_run, tmp_path, sound):
  """Separated by commas, or as a list; a name may have a comma of its own."""
  other = shutil.copytree(tiny_run, tmp_path / 'a, b')
  alone = seld_jax.load(str(other))
  assert type(alone) is Predictor and alone.models == (str(other),)
  text = f'{tiny_run}, {tiny_run}'
  for source in text, [tiny_run, str(other)]:
    both = seld_jax.load(source)
    assert len(both.models) == 2 and both.average_symmetries == 1
    found, expected = both(sound, 24000), alone(sound, 24000)
    for name, array in expected.outputs.items():
      # The batches have other sizes.
      np.testing.assert_allclose(found.outputs[name], array, atol=1e-5)
  with pytest.raises(InputError, match=r'gone.*whole name .*, separated by'):
    seld_jax.load(f'{tiny_run},{tmp_path}/gone')
  with pytest.raises(InputError, match=r'gone does not .* with seld_jax.$'):
    seld_jax.load([tiny_run, tmp_path / 'gone'])
  for source in f'{tiny_run},', []:
    with pytest.raises(InputError, match='Several networks are needed'):
      seld_jax.load(source)
  with pytest.raises(InputError, match=r'2, 4, 8 or 16 for .*, got 5'):
    seld_jax.load(tiny_run, average_symmetries=5)


def test_a_run_turns_as_a_whole(tiny_run, sound):
  """From the samples to the events, with standardised log-mel features."""
  network = seld_jax.load(tiny_run, average_symmetries=8)
  quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
  w, y, z, x = sound
  first = network(sound, 24000, threshold=0.3)
  turned = network(np.stack([w, x, z, -y]), 24000, threshold=0.3)
  np.testing.assert_allclose(turned.activity, first.activity, atol=1e-5)
  np.testing.assert_allclose(turned.doa, first.doa @ quarter.T, atol=1e-5)
  assert len(first.events.frame)
  np.testing.assert_allclose(
    turned.events.xyz, first.events.xyz @ quarter.T, atol=1e-4
  )


@pytest.mark.slow
def test_the_positions_of_microphones_are_those_of_the_run(tmp_path, caplog):
  positions = tmp_path / 'pair.csv'
  positions.write_text('x,y,z\n0,0.1,0\n0,-0.1,0\n')
  config = audio_sets.make_config('five microphones', tmp_path)
  config.features.num_channels = 2
  config.features.microphones = str(positions)
  run = make_run(tmp_path / 'run', config)
  network = seld_jax.load(run, average_symmetries=2)
  assert network.average_symmetries == 2
  with pytest.raises(InputError, match=r'0 \(off\) or 2 for audio of .* mic'):
    seld_jax.load(run, average_symmetries=8)
  # Positions travel with an export.
  export_file.write(tmp_path / 'a.seld', predictor.export_run(run))
  positions.unlink()
  assert predictor.export_run(run).microphones is None
  assert 'The export has no positions of microphones' in caplog.text
  assert seld_jax.load(tmp_path / 'a.seld', average_symmetries=2)
  with pytest.raises(InputError, match=r'0 \(off\) or 2 for audio of .* mic'):
    seld_jax.load(tmp_path / 'a.seld', average_symmetries=8)
  seld_jax.load(run)
  with pytest.raises(InputError, match=r'pair\.csv \(No such file'):
    seld_jax.load(run, average_symmetries=2)


def test_commands_predict_averages_and_evaluate_says_so(
  tiny_run, tiny_root, tmp_path
):
  """Means are scored like other predictions."""
  sounds = [*sorted((tiny_root / 'foa_dev').glob('fold1*'))]
  out = tmp_path / 'out'

  def predict(network, *sounds):
    options = PredictionOptions(threshold=0.3)
    done = recordings.predict_files(network, sounds, out, options=options)
    assert len(done.written) == len(sounds)

  def evaluate(*arguments):
    done = outcome(
      'seld_jax.evaluate',
      f'--reference={tiny_root / "metadata_dev"}',
      *(f'--predictions={out}', '--frames=40', '--folds=1', *arguments),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

  alone = seld_jax.load(tiny_run)
  predict(alone, *sounds)
  assert 'averaging' not in json.loads(evaluate('--json'))

  done = outcome(
    'seld_jax.predict',
    *(f'--model={tiny_run},{tiny_run}', '--average_symmetries=2'),
    *(f'--out={out}', '--threshold=0.3', *sounds),
  )
  assert done.returncode == 0, done.stderr
  (entry,) = json.loads(evaluate('--json'))['averaging']
  assert entry['models'] == [str(tiny_run)] * 2
  assert (entry['average_symmetries'], entry['recordings']) == (2, 2)
  network = seld_jax.load(tiny_run, average_symmetries=2)
  expected = network(audio.read(sounds[0]), 24000, threshold=0.3).events
  found = labels.read_csv(out / f'{sounds[0].stem}.csv')
  np.testing.assert_array_equal(found.frame, expected.frame)
  np.testing.assert_allclose(found.xyz, expected.xyz, atol=1e-4)
  assert len(found.frame)

  # A record is kept up to date by predictions that are not averaged.
  predict(alone, sounds[0])
  shown = ' '.join(evaluate().split())
  assert 'predictions (1 of 2 recordings): mean of 2 networks (' in shown
  assert 'predictions (1 of 2 recordings): ' + str(tiny_run)[:20] in shown


def test_listen_plays_into_a_mean_with_the_window_of_an_export(
  tiny_run, tmp_path, sound
):
  """The window of the run alone would be another one."""
  export_file.write(
    tmp_path / 'long.seld',
    predictor.export_run(tiny_run, window=8.0, platforms=['cpu']),
  )
  both = seld_jax.load([tmp_path / 'long.seld', tiny_run])
  console = rich.console.Console(file=io.StringIO())
  options = PredictionOptions(overlap=3.0)
  count = live.watch(both, [sound], 24000, options=options, console=console)
  assert count == 10
  with pytest.raises(InputError, match='The threshold must be between'):
    live.watch(
      both,
      [sound],
      24000,
      options=PredictionOptions(threshold=2),
      console=console,
    )


def test_listen_averages_too(tiny_run, tiny_root):
  (path, *_) = sorted((tiny_root / 'foa_dev').glob('*.wav'))
  done = outcome(
    'seld_jax.listen',
    *(f'--model={tiny_run}', '--average_symmetries=2', '--window=1'),
    *(f'--file={path}', '--speed=100', '--threshold=0.3'),
  )
  assert done.returncode == 0, done.stderr
  assert done.stdout.splitlines()[-1].startswith('    4.0 s')


def test_a_record_lists_each_file_once(tmp_path):
  def add(name, *models, count=1):
    averaging_record.add(
      tmp_path, tmp_path / name, models=models, average_symmetries=count
    )

  add('a.csv', 'x')
  assert averaging_record.read(tmp_path) == []
  add('a.csv', 'x', count=16)
  add('room/b.csv', 'x', count=16)
  add('a.csv', 'x', 'y', count=2)
  first, second = averaging_record.read(tmp_path)
  assert (first.models, first.files) == (('x',), ('room/b.csv',))
  assert (second.models, second.files) == (('x', 'y'), ('a.csv',))
  assert str(first) == 'mean of 16 symmetries of x'
  assert str(second) == 'mean of 2 networks (x, y) and 2 symmetries'
  add('room/b.csv', 'x', 'y', count=2)
  (only,) = averaging_record.read(tmp_path)
  assert only.files == ('a.csv', 'room/b.csv')


def test_names_that_are_no_utf_8_are_noted(tmp_path):
  for _ in range(2):
    averaging_record.add(
      tmp_path,
      tmp_path / 'b\udce9.csv',
      models=['run\udce9'],
      average_symmetries=2,
    )
  (found,) = averaging_record.read(tmp_path)
  assert len(found.files) == 1 and found.files[0].isprintable()
  for name, count in ('b\udce9', 1), ('c', 0):
    assert len(evaluate_averages.of_recordings(tmp_path, [name])) == count


def test_names_with_accents_are_found_in_both_forms(tmp_path):
  averaging_record.add(
    tmp_path,
    tmp_path / unicodedata.normalize('NFD', 'caf\xe9.csv'),
    models=['demo'],
    average_symmetries=16,
  )
  (found,) = evaluate_averages.of_recordings(tmp_path, ['caf\xe9'])
  assert found['recordings'] == 1


_ADDS = """
import sys
from seld_jax import averaging_record

folder, first = sys.argv[1:]
for number in range(20):
  averaging_record.add(
    folder, f'{folder}/{first}{number}.csv', models=['x', 'y'],
    average_symmetries=1,
  )
"""


def test_commands_can_add_to_a_record_at_the_same_time(tmp_path):
  adders = [
    subprocess.Popen([sys.executable, '-c', _ADDS, str(tmp_path), name])
    for name in 'ab'
  ]
  assert [adder.wait() for adder in adders] == [0, 0]
  (only,) = averaging_record.read(tmp_path)
  assert len(only.files) == 40
  assert [path.name for path in tmp_path.iterdir()] == [averaging_record.NAME]


def test_a_file_of_another_program_is_refused_before_the_work(
  tiny_run, tiny_root, tmp_path
):
  (tmp_path / averaging_record.NAME).write_text('{"mine": 1}')
  (sound, *_) = sorted((tiny_root / 'foa_dev').glob('*.wav'))
  network = seld_jax.load(tiny_run)
  with pytest.raises(InputError, match=r'averaging\.json.* move it away'):
    recordings.predict_files(network, [sound], tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == [averaging_record.NAME]


@pytest.mark.parametrize('text', ['[]', '{"predictions": [{}]}', '{'])
def test_a_damaged_record_is_refused(text, tmp_path):
  files.write_text(tmp_path / averaging_record.NAME, text)
  with pytest.raises(InputError, match=r'averaging\.json.* delete it'):
    averaging_record.read(tmp_path)
