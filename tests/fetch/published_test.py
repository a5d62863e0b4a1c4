"""The published datasets: their archives, and what is known of them."""

import itertools
import re

import pytest

from seld_jax import fetch
from seld_jax.errors import InputError

DATASETS = list(fetch.DATASETS.values())
FORMATS = {'foa': {'foa'}, 'mic': {'mic'}, 'both': {'foa', 'mic'}}
FORMATS['stereo'] = {'stereo'}


@pytest.fixture(params=DATASETS, ids=lambda dataset: dataset.name)
def dataset(request):
  return request.param


def test_the_names_are_those_of_the_challenges():
  assert list(fetch.DATASETS) == [
    *('tau2020', 'tau2021', 'starss22', 'starss23', 'dcase2025')
  ]


def test_licence_and_citation_are_told(dataset):
  title, address, licence, citation = dataset.about().split('\n')
  year = re.search(r'20\d\d', dataset.title)
  assert title == dataset.title and year
  assert address == f'  https://zenodo.org/records/{dataset.record}'
  assert re.match(r'  Licence: (MIT|CC BY-NC 4\.0).*\(https://\S+\)$', licence)
  assert 'Virtanen' in citation
  assert citation.rstrip('.').endswith('Workshop') or 'arXiv:' in citation


def test_a_split_archive_ends_with_its_zip_file(dataset):
  for archive in dataset.archives:
    *earlier, last = archive.checksums
    assert last == f'{archive.folder}.zip'
    assert earlier == [
      f'{archive.folder}.z{i + 1:02d}' for i in range(len(earlier))
    ]


def test_checksums_are_whole_and_no_two_are_equal(dataset):
  known = [
    checksum
    for archive in dataset.archives
    for checksum in archive.checksums.values()
    if checksum
  ]
  assert all(re.fullmatch('[0-9a-f]{32}', checksum) for checksum in known)
  assert len(set(known)) == len(known)


def test_each_unknown_checksum_has_a_record(dataset):
  for archive in dataset.archives:
    assert archive.record
    unknown = [name for name, one in archive.checksums.items() if not one]
    assert not unknown or not archive.sizes.keys() & set(unknown)


def test_labels_come_before_the_audio_that_needs_them(dataset):
  folders = [archive.folder for archive in dataset.archives]
  assert len(set(folders)) == len(folders)
  assert folders[0] == 'metadata_dev'
  for folder in folders:
    kind, _, split = folder.partition('_')
    labels = f'metadata_{split}'
    assert kind in ('metadata', *dataset.formats)
    assert labels not in folders or folders.index(labels) <= folders.index(
      folder
    )


def test_known_sizes_agree_with_the_length_of_the_audio(dataset):
  """Archives of recordings are between a half and all of their bytes."""
  for archive in dataset.archives:
    if archive.folder.startswith('metadata'):
      continue
    if set(archive.sizes) == set(archive.checksums):
      packed = sum(archive.sizes.values())
      assert 0.5 < packed / archive.unpacked_bytes < 1, archive.folder


def test_audio_formats_of_a_split_have_the_same_length(dataset):
  for split in 'dev', 'eval':
    sizes = {
      (archive.unpacked_bytes, archive.num_files)
      for archive in dataset.archives
      if re.fullmatch(f'(foa|mic)_{split}', archive.folder)
    }
    assert len(sizes) <= 1


@pytest.mark.parametrize('splits', ['dev', 'eval', 'both'])
def test_a_selection_has_its_formats_and_splits_and_all_labels(splits, dataset):
  for formats, wanted in [*FORMATS.items(), ('', set(dataset.formats))]:
    if not wanted <= set(dataset.formats):
      continue
    found = fetch.select(dataset.name, formats=formats, splits=splits)
    chosen = ('dev', 'eval') if splits == 'both' else (splits,)
    folders = {
      f'{kind}_{split}'
      for kind, split in itertools.product({*wanted, 'metadata'}, chosen)
    }
    everything = {archive.folder for archive in dataset.archives}
    assert {archive.folder for archive in found} == folders & everything
    assert found == [one for one in dataset.archives if one in found]


@pytest.mark.parametrize(
  ('name', 'formats', 'expected'),
  [
    ('dcase2025', 'foa', 'dcase2025 has stereo recordings only, got --formats'),
    ('dcase2025', 'both', 'got --formats=both: choose another format'),
    ('starss23', 'stereo', 'starss23 has foa and mic recordings only, got'),
  ],
)
def test_a_format_that_the_dataset_lacks_is_refused(name, formats, expected):
  with pytest.raises(InputError, match=expected):
    fetch.select(name, formats=formats)
