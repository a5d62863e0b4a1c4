"""The tables of a card have the scores that `evaluate` gives."""

from absl import flags

from benchmarks import card_tables
from seld_jax import evaluate, labels, scenes

STYLE = scenes.Style(snr_db=(5.0, 25.0), silent=0.2)


def test_the_tables_of_perfect_and_of_confused_predictions(tmp_path, capsys):
  root, out = tmp_path / 'set', tmp_path / 'out'
  scenes.synthesize(
    root, recordings=6, seconds=8.0, num_workers=0, style=STYLE, seed=2
  )
  out.mkdir()
  references = sorted((root / 'metadata_dev').glob('*.csv'))
  for path in references:
    (out / path.name).write_bytes(path.read_bytes())
  values = flags.FlagValues()
  card_tables.define_flags(values)
  values(['x', f'--root={root}', f'--predictions={out}'])
  card_tables.main([], values)
  text = capsys.readouterr().out
  assert '| all | 0.000' in text and text.count('SNR (recordings)') == 1
  assert '| ov1 |' in text and '| ov2 |' in text
  rows = [
    [cell.strip() for cell in line.split('|')] for line in text.split('\n')
  ]
  names = scenes.classes_of(root)
  shown = [one for one in rows if len(one) == 8 and one[1] in names]
  assert len(shown) > 3 and all(one[2].startswith('0.000') for one in shown)
  assert any('(0.000 to 0.000)' in one[2] for one in shown)
  groups = [line for line in text.splitlines() if ' dB (' in line]
  counted = sum(
    int(line.partition('(')[2].partition(')')[0]) for line in groups
  )
  events = [labels.read_csv(path, edition='2020') for path in references]
  assert counted == sum(len(one.frame) > 0 for one in events)

  found = evaluate.read_folders(
    root / 'metadata_dev', out, evaluate.FolderOptions()
  )
  for one in found.predictions:
    one.class_index[:] = (one.class_index + 1) % 14
  for truth, other, share in card_tables.confusions(found, names):
    expected = (names.index(truth) + 1) % 14
    assert names.index(other) == expected or share == '0 %'
