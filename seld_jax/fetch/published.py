"""Published datasets: their archives, checksums, licences and citations.

The checksums are those that the publisher's record shows. Of some archives only
the record itself knows them; `fetch` asks it. The sizes are there where they
are known in advance, so that fewer requests are needed.

The layouts within the archives (`...` stands for foa and mic):

- tau2020: `..._dev` and `metadata_dev`, `..._eval` and `metadata_eval`; all
  recordings lie directly in them.
- tau2021: `..._dev` and `metadata_dev` with the folders `dev-train`, `dev-val`
  and `dev-test`; `..._eval/eval-test`, but the labels directly in
  `metadata_eval`.
- starss22, starss23: `..._dev` and `metadata_dev` with the folders
  `dev-train-sony`, `dev-train-tau`, `dev-test-sony` and `dev-test-tau`;
  `..._eval` without labels.
- dcase2025: `stereo_dev` and `metadata_dev` with the same four folders;
  `stereo_eval/eval` without labels.
"""

import dataclasses
import math
from collections.abc import Mapping

from seld_jax.errors import InputError
from seld_jax.fetch.archives import Archive

# Addresses of an archive, and of the list of all archives with their checksums.
URL = 'https://zenodo.org/records/{record}/files/{name}?download=1'
RECORD_URL = 'https://zenodo.org/api/records/{record}'

SPLITS: Mapping[str, tuple[str, ...]] = {
  'dev': ('dev',),
  'eval': ('eval',),
  'both': ('dev', 'eval'),
}

# Bytes of a second of a channel: 16 bits at 24 kHz.
_BYTES_OF_SECOND = 2 * 24000
_HEADER_BYTES = 44
# A large label file of a minute, and of a clip of five seconds.
_LABEL_BYTES = 20000
_CLIP_LABEL_BYTES = 4096


@dataclasses.dataclass(frozen=True)
class Dataset:
  """A published dataset.

  Attributes:
    name: The short name, such as `starss23`.
    title: The publisher's name of it, with the version.
    record: Number of the publisher's record.
    licence: The licence, with its address.
    citation: What the publisher asks to cite.
    formats: The audio formats that it has.
    archives: All archives: labels before audio, `dev` before `eval`.

  Example:
    >>> from seld_jax import fetch
    >>> fetch.DATASETS['starss23'].formats
    ('foa', 'mic')
  """

  name: str
  title: str
  record: int
  licence: str
  citation: str
  formats: tuple[str, ...]
  archives: tuple[Archive, ...]

  def about(self) -> str:
    """Title, record, licence and citation, a line each."""
    return (
      f'{self.title}\n'
      f'  https://zenodo.org/records/{self.record}\n'
      f'  Licence: {self.licence}\n'
      f'  Please cite: {self.citation}'
    )


def select(
  name: str, *, formats: str = '', splits: str = 'both'
) -> list[Archive]:
  """Returns the archives of some formats and splits, labels included.

  Args:
    name: A key of `DATASETS`.
    formats: `'foa'`, `'mic'`, `'stereo'`, or `'both'` for FOA and MIC; all that
      the dataset has if it is empty.
    splits: `'dev'`, `'eval'` or `'both'`.

  Returns:
    The archives, in the order in which they are fetched.

  Raises:
    InputError: The dataset does not have this format.

  Example:
    >>> from seld_jax import fetch
    >>> archives = fetch.select('starss23', formats='foa', splits='dev')
    >>> [archive.folder for archive in archives]
    ['metadata_dev', 'foa_dev']
  """
  dataset = DATASETS[name]
  wanted = dataset.formats
  if formats:
    wanted = ('foa', 'mic') if formats == 'both' else (formats,)
  if not set(wanted) <= set(dataset.formats):
    has = ' and '.join(dataset.formats)
    raise InputError(
      f'{name} has {has} recordings only, got --formats={formats}: choose '
      'another format, or leave the flag out for all.'
    )
  folders = {
    f'{kind}_{split}'
    for kind in ('metadata', *wanted)
    for split in SPLITS[splits]
  }
  return [one for one in dataset.archives if one.folder in folders]


def recording_names(split: str) -> list[str]:
  """Names of all recordings of a split of TAU-NIGENS 2020, without suffix.

  Args:
    split: `'dev'` (600 recordings in six folds) or `'eval'` (200 recordings
      without folds).

  Returns:
    The names, in order.

  Example:
    >>> from seld_jax import fetch
    >>> names = fetch.recording_names('dev')
    >>> len(names), names[0]
    (600, 'fold1_room1_mix001_ov1')
  """
  if split == 'eval':
    return [f'mix{mix:03d}' for mix in range(1, 201)]
  names = []
  # Number of rooms in the folds 1 to 6. Each fold has 100 recordings. In the
  # second half of the recordings of a room, two events can sound at once.
  for fold, rooms in enumerate((2, 2, 2, 2, 2, 1), start=1):
    number = 100 // rooms
    for room in range(1, rooms + 1):
      for mix in range(1, number + 1):
        overlap = 1 if mix <= number // 2 else 2
        names.append(f'fold{fold}_room{room}_mix{mix:03d}_ov{overlap}')
  return names


def _archives(
  record: int,
  files: dict[str, tuple[str, int]],
  *,
  seconds: dict[str, float] | None = None,
  num_files: dict[str, int] | None = None,
  channels: int = 4,
  label_bytes: int = _LABEL_BYTES,
  names: dict[str, list[str]] | None = None,
) -> tuple[Archive, ...]:
  """The archives of a record.

  Args:
    record: Number of the record.
    files: MD5 and size in bytes of each file; `''` and 0 if only the record
      knows them. The parts of an archive are in order.
    seconds: Length of all recordings of a split, if known.
    num_files: Number of recordings of a split, if known.
    channels: Channels of the audio.
    label_bytes: Size of a label file.
    names: Names of the recordings of a split, if known.

  Returns:
    The archives, in the order of their first files.
  """
  archives = []
  for folder in dict.fromkeys(name.partition('.')[0] for name in files):
    kind, _, split = folder.partition('_')
    count = (num_files or {}).get(split, 0)
    size = count * label_bytes
    if kind != 'metadata':
      size = (seconds or {}).get(split, 0) * channels * _BYTES_OF_SECOND
      size += count * _HEADER_BYTES
    suffix = 'csv' if kind == 'metadata' else 'wav'
    parts = {k: v for k, v in files.items() if k.startswith(f'{folder}.')}
    archives.append(
      Archive(
        folder,
        {name: md5 for name, (md5, _) in parts.items()},
        names=tuple(f'{n}.{suffix}' for n in (names or {}).get(split, ())),
        num_files=count,
        unpacked_bytes=math.ceil(size),
        sizes={name: size for name, (_, size) in parts.items() if size},
        record=record,
      )
    )
  return tuple(archives)


_MIT = 'MIT (https://opensource.org/licenses/MIT)'
_NON_COMMERCIAL = (
  'CC BY-NC 4.0, not for commercial use '
  '(https://creativecommons.org/licenses/by-nc/4.0/)'
)

_TAU2020 = Dataset(
  name='tau2020',
  title='TAU-NIGENS Spatial Sound Events 2020 (1.2.0)',
  record=4064792,
  licence=_NON_COMMERCIAL,
  citation=(
    'A. Politis, S. Adavanne, T. Virtanen: A Dataset of Reverberant Spatial '
    'Sound Scenes with Moving Sources for Sound Event Localization and '
    'Detection. DCASE 2020 Workshop.'
  ),
  formats=('foa', 'mic'),
  archives=_archives(
    4064792,
    {
      'metadata_dev.zip': ('979f5551e987ed247404b80a2f1c3db1', 0),
      'foa_dev.z01': ('86acab46854a57f5ba3e5b80a19c01b5', 0),
      'foa_dev.z02': ('363c8c159be003271c05a71a57b2ced4', 0),
      'foa_dev.zip': ('6aad48e7346884b3929245e7553fd97d', 0),
      'mic_dev.z01': ('3a2b0986d2a302498cd874d584d17689', 0),
      'mic_dev.z02': ('92f715cb74406d5556bce0fdf27f54e4', 0),
      'mic_dev.zip': ('9174daca52f393425120308ab5c14477', 0),
      'metadata_eval.zip': ('f3584166d9a63b43c1e301b6fb722293', 0),
      'foa_eval.zip': ('24c6ce2441df242d4e3b61e9bb27d0d7', 0),
      'mic_eval.zip': ('bca79b5f71b46e4cb191c54a611348a4', 0),
    },
    seconds={'dev': 600 * 60, 'eval': 200 * 60},
    num_files={'dev': 600, 'eval': 200},
    names={split: recording_names(split) for split in ('dev', 'eval')},
  ),
)

_TAU2021 = Dataset(
  name='tau2021',
  title='TAU-NIGENS Spatial Sound Events 2021 (1.2.0)',
  record=5476980,
  licence=_NON_COMMERCIAL,
  citation=(
    'A. Politis, S. Adavanne, D. Krause, A. Deleforge, P. Srivastava, T. '
    'Virtanen: A Dataset of Dynamic Reverberant Sound Scenes with Directional '
    'Interferers for Sound Event Localization and Detection. 2021, '
    'arXiv:2106.06999.'
  ),
  formats=('foa', 'mic'),
  archives=_archives(
    5476980,
    {
      'metadata_dev.zip': ('cd8cd8b4dc9a3e3df91ac55c1ccf73b7', 1_930_087),
      'foa_dev.z01': ('270a94dc5cd183ea6532c5a3f6e9036c', 4_294_967_296),
      'foa_dev.zip': ('80648b5f64b1b4a824084560f1334f54', 1_425_535_805),
      'mic_dev.z01': ('536a5ba37b0c39f54044932b75acb774', 0),
      'mic_dev.zip': ('a5131297547431160b732a3481626c2d', 0),
      'metadata_eval.zip': ('11c021253c8b55fd74083bd0a35c2ee4', 660_393),
      'foa_eval.zip': ('591f8d2b500a671ae34822b4ff1e0889', 1_893_873_528),
      'mic_eval.zip': ('3248aef229ab4e0e0603d7c2269f4f97', 0),
    },
    seconds={'dev': 600 * 60, 'eval': 200 * 60},
    num_files={'dev': 600, 'eval': 200},
  ),
)

# The recordings for evaluation came in a later version; those for development
# have a record of their own, whose checksums are known.
_STARSS22 = Dataset(
  name='starss22',
  title='STARSS22: Sony-TAu Realistic Spatial Soundscapes 2022',
  record=6600531,
  licence=_MIT,
  citation=(
    'A. Politis, K. Shimada, P. Sudarsanam, S. Adavanne, D. Krause, Y. Koyama, '
    'N. Takahashi, S. Takahashi, Y. Mitsufuji, T. Virtanen: STARSS22: A '
    'Dataset of Spatial Recordings of Real Scenes with Spatiotemporal '
    'Annotations of Sound Events. DCASE 2022 Workshop, arXiv:2206.01948.'
  ),
  formats=('foa', 'mic'),
  archives=(
    *_archives(
      6387880,
      {
        'metadata_dev.zip': ('b460e17e0848c49f03f238afb89fa87e', 634_378),
        'foa_dev.zip': ('165dd033b262dc11a8853635c1def59b', 2_199_498_647),
        'mic_dev.zip': ('46b55d0be507afa986cd29120e42b188', 0),
      },
      seconds={'dev': 5 * 3600},
      num_files={'dev': 121},
    ),
    *_archives(6600531, {'foa_eval.zip': ('', 0), 'mic_eval.zip': ('', 0)}),
  ),
)

_STARSS23 = Dataset(
  name='starss23',
  title='STARSS23: Sony-TAu Realistic Spatial Soundscapes 2023 (1.1.0)',
  record=7880637,
  licence=_MIT,
  citation=(
    'K. Shimada, A. Politis, P. Sudarsanam, D. Krause, K. Uchida, S. Adavanne, '
    'A. Hakala, Y. Koyama, N. Takahashi, S. Takahashi, T. Virtanen, Y. '
    'Mitsufuji: STARSS23: An Audio-Visual Dataset of Spatial Recordings of '
    'Real Scenes with Spatiotemporal Annotations of Sound Events. 2023, '
    'arXiv:2306.09126.'
  ),
  formats=('foa', 'mic'),
  archives=_archives(
    7880637,
    {
      'metadata_dev.zip': ('e73af95a6d5f3f7e009ac6a70804f44a', 1_165_845),
      'foa_dev.zip': ('316b834ee6393c22862c314cc3c7ebb0', 3_406_085_425),
      'mic_dev.zip': ('06967bcc8def1580c2425fabc311dbd2', 0),
      'foa_eval.zip': ('7caa61bb6ea997f5bfac5b20177f505a', 1_643_937_003),
      'mic_eval.zip': ('', 0),
    },
    seconds={'dev': 7.5 * 3600, 'eval': 3.5 * 3600},
    num_files={'dev': 168, 'eval': 79},
  ),
)

_DCASE2025 = Dataset(
  name='dcase2025',
  title='DCASE2025 Task3 Stereo SELD Dataset (1.1.0)',
  record=15559774,
  licence=_MIT,
  citation=(
    'K. Shimada, A. Politis, I. R. Roman, P. Sudarsanam, D. Diaz-Guerra, R. '
    'Pandey, K. Uchida, Y. Koyama, N. Takahashi, T. Shibuya, S. Takahashi, T. '
    'Virtanen, Y. Mitsufuji: Stereo Sound Event Localization and Detection '
    'with Onscreen/offscreen Classification. 2025, arXiv:2507.12042.'
  ),
  formats=('stereo',),
  archives=_archives(
    15559774,
    {
      'metadata_dev.zip': ('', 0),
      'stereo_dev.zip': ('', 0),
      'stereo_eval.zip': ('', 0),
    },
    seconds={'dev': 30000 * 5, 'eval': 10000 * 5},
    num_files={'dev': 30000, 'eval': 10000},
    channels=2,
    label_bytes=_CLIP_LABEL_BYTES,
  ),
)

# All datasets by their short names.
DATASETS = {
  dataset.name: dataset
  for dataset in (_TAU2020, _TAU2021, _STARSS22, _STARSS23, _DCASE2025)
}
