"""Model cards: what people should know about a network that is shared."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax import evaluate, metrics, runs
from seld_jax import model as model_lib
from seld_jax.train import snapshot

_TAGS = (
  'seld',
  'sound-event-localization-and-detection',
  'sound-event-detection',
  'sound-source-localization',
  'spatial-audio',
  'jax',
  'flax',
)
_FORMATS = {
  'foa': ('ambisonics', 'first-order ambisonics (W, Y, Z, X; SN3D)'),
  'mic': ('microphone-array', 'microphone array'),
  'stereo': ('stereo', 'stereo (left, right)'),
}
_FEATURES = {
  ('foa', 'log_mel'): 'log-mel spectra and intensity vectors',
  ('mic', 'log_mel'): 'log-mel spectra and GCC-PHAT',
  ('stereo', 'log_mel'): 'log-mel spectra',
  ('foa', 'salsa'): 'SALSA',
  ('mic', 'salsa'): 'SALSA',
  ('mic', 'salsa_lite'): 'SALSA-Lite',
}


def make(
  trained: snapshot.Trained,
  *,
  name: str,
  scores: Mapping[str, Any] | None = None,
  license: str = '',
) -> str:
  """Writes the card of a network: the text of README.md.

  It begins with a block of metadata (YAML) that model hubs show. What nobody
  but the author can know is asked for in the text.

  Args:
    trained: The network.
    name: Name of the network.
    scores: The content of scores.json of the run; None without scores.
    license: Identifier of the licence of the weights, such as `cc-by-nc-4.0`.

  Returns:
    Markdown.
  """
  config, spec = trained.config, snapshot.spec_of(trained.config)
  num_parameters = model_lib.count_parameters(trained.variables['params'])
  tag, format = _FORMATS[spec.format]
  features = _FEATURES[spec.format, spec.kind]
  scores = scores or {'results': []}
  results, edition = scores['results'], runs.edition_of(scores)
  names = metrics.main_scores(edition)
  head: dict[str, Any] = {
    'library_name': 'seld_jax',
    'pipeline_tag': 'audio-classification',
    'tags': [*_TAGS, tag],
  }
  if license:
    head['license'] = license
  if results:
    head['model-index'] = [
      {
        'name': name,
        'results': [_indexed(result, names, edition) for result in results],
      }
    ]
  # JSON is YAML.
  front = [f'{key}: {json.dumps(value)}' for key, value in head.items()]
  lines = [
    '---',
    *front,
    '---',
    '',
    f'# {name}',
    '',
    'A network for sound event localization and detection: it says which '
    'sounds occur in a recording, when, and from which direction.',
    '',
    '| | |',
    '|---|---|',
    f'| audio | {format}, {spec.num_channels} channels, {spec.sample_rate} Hz '
    '(other rates are resampled) |',
    f'| features | {", ".join([features, *config.features.stereo])} |',
    f'| network | {config.model.name}, {num_parameters:,} parameters |',
    f'| output format | {config.output.format} |',
    f'| training | {trained.step} steps; all settings are in config.json |',
    f'| classes | {", ".join(spec.classes)} |',
    '',
    '## Use',
    '',
    '```python',
    'import seld_jax',
    '',
    "predictor = seld_jax.load('FOLDER')",
    'prediction = predictor(audio, sample_rate)  # [channels, samples]',
    '```',
    '',
    '```',
    'python -m seld_jax.predict --model=FOLDER --out=predictions RECORDINGS',
    '```',
    '',
    '## Scores',
    '',
    *_scores(results, names, edition),
    '',
    '## Data, licence and limits',
    '',
    'The author of this network should say here which recordings it was '
    'trained on, and what their licences mean for the weights '
    + (f'(stated: {license})' if license else '(no licence is stated)')
    + '; what it confuses; and on which recordings, rooms and microphones it '
    'has not been tested.',
    '',
  ]
  return '\n'.join(lines)


def _indexed(
  result: Mapping[str, Any], names: Sequence[str], edition: str
) -> dict[str, Any]:
  """A result as hubs read it."""
  return {
    'task': {
      'type': 'audio-classification',
      'name': 'sound event localization and detection',
    },
    'dataset': {'type': 'unknown', 'name': _recordings(result)},
    'metrics': [
      {'type': name, 'value': value, 'name': f'{name} (DCASE {edition})'}
      for name in names
      if (value := (result['scores'] or {}).get(name)) is not None
    ],
  }


def _scores(
  results: Sequence[Mapping[str, Any]], names: Sequence[str], edition: str
) -> list[str]:
  """A table of the scores; a sentence without any."""
  if not results:
    return ['The run has no scores.']
  lines = [
    f'Scores of the DCASE challenge of {edition}, as the run wrote them:',
    '',
    '| recordings | ' + ' | '.join(names) + ' |',
    '|---' * (1 + len(names)) + '|',
  ]
  for result in results:
    cells = [
      evaluate.tables.number(name, (result['scores'] or {}).get(name))
      for name in names
    ]
    lines.append(f'| {_recordings(result)} | ' + ' | '.join(cells) + ' |')
  return lines


def _recordings(result: Mapping[str, Any]) -> str:
  count = result.get('num_recordings')
  return str(result['name']) + ('' if count is None else f' ({count})')
