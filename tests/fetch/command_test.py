"""The command fetches each dataset in a layout that can be read."""

import dataclasses
import json
import random

import pytest
from helpers.archive_server import DEFLATED, put_archive, put_record, serving

from seld_jax import commands, dataset, fetch
from seld_jax.fetch import __main__ as command

STARSS = [
  f'{folder}/{name}'
  for folder, name in (
    ('dev-train-sony', 'fold3_room21_mix001'),
    ('dev-train-tau', 'fold3_room4_mix001'),
    ('dev-test-sony', 'fold4_room23_mix001'),
    ('dev-test-tau', 'fold4_room2_mix001'),
  )
]
CLIPS = [f'{name}_deg{3 * i}_start{i}' for i, name in enumerate(STARSS)]
TAU2021 = [
  'dev-train/fold1_room1_mix001',
  'dev-val/fold5_room1_mix001',
  'dev-test/fold6_room1_mix001',
]
TAU2020 = ['fold1_room1_mix001_ov1', 'fold6_room1_mix002_ov2']

# For each dataset the published places of some recordings and their labels.
LAYOUTS = {
  'tau2020': {'dev': TAU2020, 'eval': ['mix001'], 'eval labels': ['mix001']},
  'tau2021': {
    'dev': TAU2021,
    'eval': ['eval-test/mix001'],
    'eval labels': ['mix001'],
  },
  'starss22': {'dev': STARSS, 'eval': ['mix001']},
  'starss23': {'dev': STARSS, 'eval': ['mix001']},
  'dcase2025': {'dev': CLIPS, 'eval': ['eval/sample00001']},
}


@pytest.fixture
def server(monkeypatch):
  monkeypatch.setenv('NO_PROXY', '127.0.0.1')
  with serving() as server:
    yield server


def contents_of(name, folder):
  """Small files in the published places of a folder."""
  kind, _, split = folder.partition('_')
  layout = LAYOUTS[name]
  places = layout[split]
  suffix, size = 'wav', 3000
  if kind == 'metadata':
    places = layout.get(f'{split} labels', places)
    suffix, size = 'csv', 100
  return {
    f'{folder}/{place}.{suffix}': random.Random(place + kind).randbytes(size)
    for place in places
  }


@pytest.fixture
def publish(server, tmp_path, monkeypatch):
  """Replaces the archives of a dataset by small ones on the server."""

  def publish(name):
    archives, names = [], {}
    for real in fetch.DATASETS[name].archives:
      contents = contents_of(name, real.folder)
      # As many parts as the published archive has.
      checksums = put_archive(
        server,
        tmp_path / f'{real.folder}.zip',
        contents,
        room=[1500] * (len(real.checksums) - 1),
        method=DEFLATED if real.folder.startswith('metadata') else 0,
      )
      assert list(checksums) == list(real.checksums)
      names.setdefault(real.record, []).extend(checksums)
      archives.append(
        dataclasses.replace(
          real,
          checksums={k: v and checksums[k] for k, v in real.checksums.items()},
          sizes={k: len(server.files[k]) for k in real.sizes},
          names=(),
          num_files=len(contents),
          unpacked_bytes=sum(map(len, contents.values())),
        )
      )
    for record, parts in names.items():
      put_record(server, record, parts)
    small = dataclasses.replace(fetch.DATASETS[name], archives=tuple(archives))
    monkeypatch.setitem(fetch.DATASETS, name, small)

  return publish


@pytest.fixture
def run(server, monkeypatch, capsys):
  def run(*words):
    """Exit status and output of the command."""
    monkeypatch.setattr(
      'sys.argv',
      [
        'fetch',
        *map(str, words),
        f'--url={server.url}/{{name}}',
        f'--record_url={server.url}/{{record}}',
        '--retries=0',
      ],
    )
    status = 0
    try:
      commands.run(
        command.main,
        define_flags=command.define_flags,
        required=('out',),
        resumes=True,
      )
    except SystemExit as stop:
      status = stop.code
    return status, *capsys.readouterr()

  return run


@pytest.mark.parametrize('name', LAYOUTS)
def test_each_dataset_is_fetched_and_found_as_it_lies(
  name, publish, run, server, tmp_path
):
  publish(name)
  out = tmp_path / 'data'
  status, printed, err = run(name, f'--out={out}')
  assert status == 0, err
  assert 'warning' not in err
  about = fetch.DATASETS[name].about()
  lines = [
    f'{out}/{archive.folder}: {archive.num_files} files'
    for archive in fetch.DATASETS[name].archives
  ]
  assert printed == '\n'.join([about, *lines]) + '\n'
  for format in fetch.DATASETS[name].formats:
    for split in 'dev', 'eval':
      found = dataset.find_recordings(out, format=format, split=split)
      places = sorted(LAYOUTS[name][split], key=lambda one: one.split('/')[-1])
      assert [
        str(one.audio.relative_to(out / f'{format}_{split}')) for one in found
      ] == [f'{place}.wav' for place in places]
      labelled = split == 'dev' or 'eval labels' in LAYOUTS[name]
      assert all((one.labels is not None) == labelled for one in found)
      contents = {
        path: data
        for kind in (format, 'metadata')
        for path, data in contents_of(name, f'{kind}_{split}').items()
      }
      for one in found:
        for path in filter(None, (one.audio, one.labels)):
          assert path.read_bytes() == contents[str(path.relative_to(out))]
  assert not (out / 'archives').exists()
  server.log.clear()
  status, printed, err = run(name, f'--out={out}')
  assert (status, err) == (0, '')
  expected = [about, 'Everything was there already.', *lines]
  assert printed == '\n'.join(expected) + '\n'
  assert server.log == []


@pytest.mark.parametrize('name', ['starss23', 'tau2021', 'dcase2025'])
def test_folds_are_those_of_the_names(name, publish, run, tmp_path):
  publish(name)
  run(f'--out={tmp_path / "data"}', '--splits=dev', name)
  format = fetch.DATASETS[name].formats[0]
  found = dataset.find_recordings(tmp_path / 'data', format=format)
  folds = {one.fold for one in found}
  assert folds == ({1, 5, 6} if name == 'tau2021' else {3, 4})


def test_one_format_and_one_split_can_be_fetched(publish, run, tmp_path):
  publish('starss23')
  out = tmp_path / 'data'
  words = ['starss23', '--splits=dev', f'--out={out}']
  status, printed, _ = run(*words, '--formats=mic')
  assert status == 0
  folders = sorted(path.name for path in out.iterdir() if path.is_dir())
  assert folders == ['metadata_dev', 'mic_dev']
  assert printed.count(' files\n') == 2
  status, printed, _ = run(*words)
  assert status == 0
  assert (out / 'foa_dev').is_dir()


def test_checksums_are_asked_for_only_where_they_are_unknown(
  publish, run, server, tmp_path
):
  publish('starss23')
  run('starss23', f'--out={tmp_path}', '--formats=foa')
  assert '7880637' not in [name for name, _ in server.gets()]
  run('starss23', f'--out={tmp_path}')
  assert [name for name, _ in server.gets()].count('7880637') == 1


def test_a_folder_of_the_old_command_is_recognised(
  publish, run, server, tmp_path
):
  publish('tau2020')
  run('tau2020', f'--out={tmp_path}')
  notes = tmp_path / '.fetched.json'
  old = {
    folder: {key: entry[key] for key in ('done', 'kept', 'files')}
    for folder, entry in json.loads(notes.read_text()).items()
  }
  notes.write_text(json.dumps(old))
  server.log.clear()
  status, printed, _ = run('tau2020', f'--out={tmp_path}')
  assert (status, server.log) == (0, [])
  assert 'Everything was there already.' in printed
  status, _, err = run('starss23', f'--out={tmp_path}')
  assert status == 1
  assert err == (
    f'error: {tmp_path} holds tau2020, which would mix with starss23: choose '
    'another --out.\n'
  )


@pytest.mark.parametrize(
  ('words', 'expected'),
  [
    ('--out=x', 'got none.'),
    ('starss22 starss23 --out=x', "got 'starss22' and 'starss23'."),
    ('stars23 --out=x', "got 'stars23' (did you mean 'starss23'?)."),
    ('TAU2020 --out=x', "got 'TAU2020' (did you mean 'tau2020'?)."),
    ('2025 --out=x', "got '2025' (did you mean 'dcase2025'?)."),
    ('esc50 --out=x', "dcase2025, got 'esc50'."),
    ('starss23', '--out is missing; --help lists all flags.'),
    (
      'dcase2025 --out=x --formats=mic',
      'dcase2025 has stereo recordings only, got --formats=mic: choose another '
      'format, or leave the flag out for all.',
    ),
  ],
)
def test_mistakes_are_told_in_one_sentence(
  words, expected, run, server, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  status, printed, err = run(*words.split())
  assert (status, printed) == (1, '')
  assert len(err.splitlines()) == 1
  assert err.endswith(f'{expected}\n')
  assert list(tmp_path.iterdir()) == []
  assert server.log == []
