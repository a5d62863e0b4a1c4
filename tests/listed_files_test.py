"""All packages list the same files of a folder, whatever lies beside them.

Each lister gets the same folder: as its sound files, its label files, or its
dry sounds.
"""

import errno
import os
import shutil
import unicodedata

import pytest

from seld_jax import audio, dataset, evaluate, listing
from seld_jax.errors import InputError
from seld_jax.evaluate import pairs
from seld_jax.prediction import recordings
from seld_jax.scenes import library

NFC = 'fold1_caf\u00e9'
NFD = unicodedata.normalize('NFD', NFC)


def touch(path):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(b'')


def sounds(folder):
  return {path.name for path in audio.list_files(folder)}


def predicted(folder):
  failures = []
  found = recordings.find_files([folder], failures)
  if failures:
    raise InputError(failures[0])
  return {path.name for path, _ in found}


def scored(folder):
  return {path.name for path in evaluate.audio_files(folder).values()}


def dry(folder):
  (folder.parent / 'events').mkdir(exist_ok=True)
  link = folder.parent / 'events' / 'dog'
  if not link.exists():
    link.symlink_to(folder)
  clips = library.open_library(link.parent, quiet=True).clips or {}
  return {os.path.basename(one.path) for many in clips.values() for one in many}


def recorded(folder):
  """The sound files of a dataset, all of which have labels."""
  root = folder.parent / 'set'
  root.mkdir(exist_ok=True)
  for name in 'foa_dev', 'metadata_dev':
    if not (root / name).exists():
      (root / name).symlink_to(folder)
  return {one.audio.name for one in dataset.find_recordings(root)}


def labelled(folder):
  """The label files of the same dataset."""
  recorded(folder)
  found = dataset.find_recordings(folder.parent / 'set')
  return {one.labels.name for one in found if one.labels is not None}


def tables(folder):
  return {path.name for path in pairs.csv_files(folder).values()}


LISTERS = {
  sounds: '.wav',
  predicted: '.wav',
  scored: '.wav',
  dry: '.wav',
  recorded: '.wav',
  labelled: '.csv',
  tables: '.csv',
}
every_lister = pytest.mark.parametrize(
  ('lister', 'suffix'),
  list(LISTERS.items()),
  ids=lambda one: getattr(one, '__name__', one),
)


@pytest.fixture
def folder(tmp_path):
  """Sound and label files within a folder, two of them behind links."""
  folder = tmp_path / 'main'
  for suffix in '.wav', '.csv':
    touch(folder / f'inside/fold1_a{suffix}')
    touch(tmp_path / f'elsewhere/fold1_b{suffix}')
    touch(tmp_path / f'elsewhere/deep/fold2_c{suffix}')
    (folder / f'fold3_d{suffix}').symlink_to(
      tmp_path / f'elsewhere/fold1_b{suffix}'
    )
    for hidden in '._fold1_a', '.old/fold4_e', 'inside/.ipynb_checkpoints/f':
      touch(folder / f'{hidden}{suffix}')
  (folder / 'behind').symlink_to(tmp_path / 'elsewhere')
  return folder


@every_lister
def test_links_are_followed_and_hidden_files_are_ignored(
  folder, lister, suffix
):
  if lister is tables:  # It prefers the files that lie in the folder itself.
    (folder / 'fold3_d.csv').rename(folder / 'inside' / 'fold3_d.csv')
  found = {name.removesuffix(suffix) for name in lister(folder)}
  assert found == {'fold1_a', 'fold1_b', 'fold2_c', 'fold3_d'}


@every_lister
def test_suffixes_in_upper_case_are_found(tmp_path, lister, suffix):
  for one in '.WAV', '.Csv':
    touch(tmp_path / 'main' / f'fold1_a{one}')
  (name,) = lister(tmp_path / 'main')
  assert name.lower() == f'fold1_a{suffix}'


@every_lister
def test_a_loop_of_links_is_one_sentence(folder, lister, suffix):
  (folder / 'inside' / 'again').symlink_to(folder)
  for suffix in '.wav', '.csv':
    (folder / f'fold3_d{suffix}').unlink()
  with pytest.raises(InputError, match=r'inside/again is a .* loop .*: delete'):
    lister(folder)


@every_lister
def test_a_folder_that_is_gone_is_not_skipped(folder, lister, suffix):
  shutil.rmtree(folder.parent / 'elsewhere')
  with pytest.raises(InputError, match='elsewhere, which does not exist'):
    lister(folder)


@every_lister
def test_a_folder_that_cannot_be_read_is_not_skipped(
  folder, lister, suffix, monkeypatch
):
  for one in '.wav', '.csv':
    (folder / f'fold3_d{one}').unlink()
  scandir = os.scandir

  def refuse(path):  # as for a user without the permission
    if os.path.basename(path) == 'inside':
      raise PermissionError(errno.EACCES, 'Permission denied', str(path))
    return scandir(path)

  monkeypatch.setattr(os, 'scandir', refuse)
  with pytest.raises(InputError, match='inside cannot be read .Permission'):
    lister(folder)


def test_a_link_to_itself_is_one_sentence(tmp_path):
  (tmp_path / 'round').symlink_to(tmp_path / 'round')
  with pytest.raises(
    InputError, match=r'round cannot be read \(Too many .*; it .* delete it'
  ):
    listing.list_files(tmp_path, suffixes=('.wav',))


def test_the_lost_and_found_of_a_file_system_is_ignored(tmp_path):
  touch(tmp_path / 'lost+found' / 'a.wav')
  touch(tmp_path / 'b.wav')
  assert sounds(tmp_path) == {'b.wav'}


def test_names_in_both_unicode_forms_belong_to_one_recording(tmp_path):
  for inside, name in (
    ('foa_dev/R\u00e4ume', NFD),
    ('metadata_dev/Ra\u0308ume', NFC),
  ):
    suffix = '.wav' if inside.startswith('foa') else '.csv'
    touch(tmp_path / inside / f'{name}{suffix}')
  (one,) = dataset.find_recordings(tmp_path)
  assert one.name == NFC
  assert one.labels == tmp_path / 'metadata_dev' / 'Ra\u0308ume' / f'{NFC}.csv'
  for folder, name in ('reference', NFC), ('predictions', NFD):
    touch(tmp_path / folder / f'{name}.csv')
  ((name, *_),) = pairs.pair(tmp_path / 'reference', tmp_path / 'predictions')
  assert name == NFC
  assert list(evaluate.audio_files(tmp_path / 'foa_dev')) == [NFC]


def test_two_label_files_of_one_recording_are_refused(tmp_path):
  touch(tmp_path / 'foa_dev' / f'{NFC}.wav')
  for name in NFC, NFD:
    touch(tmp_path / 'metadata_dev' / f'{name}.csv')
  with pytest.raises(InputError, match='have the same name'):
    dataset.find_recordings(tmp_path)


def test_dry_sounds_have_the_same_folds_in_both_unicode_forms(tmp_path):
  found = []
  for form, name in ('nfc', NFC), ('nfd', NFD):
    for number in range(6):
      touch(tmp_path / form / 'dog' / f'{name}{number}.wav')
    source = library.open_library(tmp_path / form, quiet=True)
    found.append((source.fingerprint, sorted(source.clips or ())))
  assert found[0] == found[1]


def test_a_manifest_may_name_a_clip_in_the_other_unicode_form(tmp_path):
  touch(tmp_path / f'{NFD}.wav')
  (tmp_path / 'manifest.csv').write_text(
    f'file,class,fold\n{NFC}.wav,dog,1\n', encoding='utf-8'
  )
  source = library.open_library(tmp_path, quiet=True)
  ((clip,),) = (source.clips or {}).values()
  assert os.path.exists(clip.path)
