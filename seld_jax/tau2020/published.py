"""The archives of TAU-NIGENS Spatial Sound Events 2020, as published."""

from seld_jax.tau2020 import fetch

URL = 'https://zenodo.org/records/4064792/files/{name}?download=1'
FORMATS = {'foa': ('foa',), 'mic': ('mic',), 'both': ('foa', 'mic')}
SPLITS = {'dev': ('dev',), 'eval': ('eval',), 'both': ('dev', 'eval')}
# MD5 of each published file. The parts of a split archive are in order.
CHECKSUMS = {
  'foa_dev.z01': '86acab46854a57f5ba3e5b80a19c01b5',
  'foa_dev.z02': '363c8c159be003271c05a71a57b2ced4',
  'foa_dev.zip': '6aad48e7346884b3929245e7553fd97d',
  'mic_dev.z01': '3a2b0986d2a302498cd874d584d17689',
  'mic_dev.z02': '92f715cb74406d5556bce0fdf27f54e4',
  'mic_dev.zip': '9174daca52f393425120308ab5c14477',
  'metadata_dev.zip': '979f5551e987ed247404b80a2f1c3db1',
  'foa_eval.zip': '24c6ce2441df242d4e3b61e9bb27d0d7',
  'mic_eval.zip': 'bca79b5f71b46e4cb191c54a611348a4',
  'metadata_eval.zip': 'f3584166d9a63b43c1e301b6fb722293',
}
# Number of rooms in the folds 1 to 6. Each fold has 100 recordings. In the
# second half of the recordings of a room, two events can sound at once.
_ROOMS = (2, 2, 2, 2, 2, 1)
_RECORDINGS_OF_FOLD = 100
_EVALUATION_RECORDINGS = 200
# One minute of four channels of 16 bits at 24 kHz; a large label file.
_SOUND_BYTES = 60 * 24000 * 4 * 2 + 44
_LABEL_BYTES = 20000


def select(
  *, formats: str = 'both', splits: str = 'both'
) -> list[fetch.Archive]:
  """Returns the archives of some formats and splits, labels included.

  Args:
    formats: A key of `FORMATS`.
    splits: A key of `SPLITS`.

  Returns:
    The archives, in the order in which they are fetched.

  Example:
    >>> from seld_jax import tau2020
    >>> archives = tau2020.select(formats='foa', splits='dev')
    >>> [archive.folder for archive in archives]
    ['metadata_dev', 'foa_dev']
    >>> list(archives[1].checksums)
    ['foa_dev.z01', 'foa_dev.z02', 'foa_dev.zip']
  """
  selected = []
  for split in SPLITS[splits]:
    for kind in ('metadata', *FORMATS[formats]):
      folder = f'{kind}_{split}'
      suffix = 'csv' if kind == 'metadata' else 'wav'
      selected.append(
        fetch.Archive(
          folder,
          {k: v for k, v in CHECKSUMS.items() if k.startswith(f'{folder}.')},
          tuple(f'{name}.{suffix}' for name in recording_names(split)),
          _LABEL_BYTES if kind == 'metadata' else _SOUND_BYTES,
        )
      )
  return selected


def recording_names(split: str) -> list[str]:
  """Returns the names of all recordings of a split, without suffix.

  Args:
    split: `'dev'` (600 recordings in six folds) or `'eval'` (200 recordings
      without folds).

  Returns:
    The names, in order.

  Example:
    >>> from seld_jax import tau2020
    >>> names = tau2020.recording_names('dev')
    >>> len(names), names[0]
    (600, 'fold1_room1_mix001_ov1')
  """
  if split == 'eval':
    return [f'mix{mix:03d}' for mix in range(1, _EVALUATION_RECORDINGS + 1)]
  names = []
  for fold, rooms in enumerate(_ROOMS, start=1):
    number = _RECORDINGS_OF_FOLD // rooms
    for room in range(1, rooms + 1):
      for mix in range(1, number + 1):
        overlap = 1 if mix <= number // 2 else 2
        names.append(f'fold{fold}_room{room}_mix{mix:03d}_ov{overlap}')
  return names
