"""Files with any name are read, written and named in messages."""

import os

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from seld_jax import audio, dataset, evaluate, files, labels, report, validate
from seld_jax.errors import InputError, printable

# A byte that is no UTF-8; a line end and a command for terminals; the longest
# name that a file system takes with a suffix.
NAMES = [
  os.fsdecode(b'fold1_caf\xe9'),
  'fold1_new\nline\x1b[31m',
  'fold1_' + 'x' * 245,
]
SHOWN = ['fold1_caf\\xe9', 'fold1_new\\nline\\x1b[31m', NAMES[2]]
every_name = pytest.mark.parametrize(
  ('name', 'shown'),
  list(zip(NAMES, SHOWN, strict=True)),
  ids=['bytes', 'lines', 'long'],
)


OPTIONS = {
  'format': 'foa',
  'sample_rate': 24000,
  'n_fft': 512,
  'win_length': 480,
  'hop_length': 480,
  'n_mels': 8,
}


@hypothesis.given(strategies.text(strategies.characters(codec=None)))
def test_printable_text_is_one_line_in_utf8(text):
  shown = printable(text)
  assert shown.isprintable()
  shown.encode()  # it is UTF-8
  assert printable(shown) == shown
  if text.isprintable():
    assert shown == text


def test_messages_are_printable_and_may_have_lines_below():
  error = InputError(f'{NAMES[0]} is\x1b bad:', NAMES[1])
  assert str(error) == f'{SHOWN[0]} is\\x1b bad:\n  {SHOWN[1]}'


@every_name
def test_files_are_written_and_leave_no_fragment(name, shown, tmp_path):
  path = tmp_path / f'{name}.csv'
  files.write_text(path, 'text')
  assert path.read_text() == 'text'
  with pytest.raises(KeyError), files.atomic(path):
    raise KeyError
  assert os.listdir(tmp_path) == [path.name]


@every_name
def test_fragments_are_removed_by_the_name_of_their_file(name, shown, tmp_path):
  with files.atomic(tmp_path / f'{name}.csv') as temporary:
    copy = temporary.name
  left = tmp_path / f'{copy[:-13]}0000{copy[-9:]}'
  left.touch()
  files.remove_fragments(tmp_path, of=('other.csv', f'{name}.wav'))
  assert left.exists()
  files.remove_fragments(tmp_path, of=('other.csv', f'{name}.csv'))
  assert not left.exists()


@pytest.fixture
def noise():
  return np.random.default_rng(0).uniform(-0.1, 0.1, (4, 4800))


@every_name
def test_a_dataset_and_its_features_may_have_any_names(
  name, shown, tmp_path, noise
):
  audio.write(tmp_path / 'foa_dev' / f'{name}.wav', noise)
  labels.write_csv(
    tmp_path / 'metadata_dev' / f'{name}.csv', labels.no_events()
  )
  (one,) = dataset.find_recordings(tmp_path)
  assert (one.name, one.fold) == (name, 1)
  paths = [
    dataset.cache.extract([one], tmp_path / 'features', options=OPTIONS)[name]
    for _ in range(2)  # the second time, the file is there
  ]
  assert paths[0] == paths[1]
  audio.write(one.audio, noise[:, :-480])
  (path,) = dataset.cache.extract(
    [one], tmp_path / 'features', options=OPTIONS
  ).values()
  assert path.is_file() and not paths[0].exists()


@every_name
def test_findings_of_validate_name_the_file_once(name, shown, tmp_path):
  for folder, suffix in ('foa_dev', 'wav'), ('metadata_dev', 'csv'):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / f'{name}.{suffix}').write_text('no sound')
  found = validate.validate(tmp_path).findings
  assert {one.check for one in found} >= {'audio', 'labels'}
  for one in found:
    assert shown not in one.text


def test_scores_and_reports_have_recordings_with_any_names(tmp_path, noise):
  events = labels.from_dense(np.ones((2, 1)), np.full((2, 1, 3), 1.0))
  folders = tmp_path / 'reference', tmp_path / 'predictions'
  for name in NAMES:
    for folder in folders:
      labels.write_csv(folder / f'{name}.csv', events)
  audio.write(tmp_path / 'audio' / f'{NAMES[0]}.wav', noise)
  assert evaluate.evaluate_folders(*folders)['recordings'] == len(NAMES)
  page = report.write_folder_report(
    *folders,
    out=tmp_path / 'page.html',
    audio=tmp_path / 'audio',
    num_frames=2,
    show=NAMES[::2],
  )
  text = page.read_text(encoding='utf-8')
  for shown in SHOWN[::2]:
    assert shown in text
