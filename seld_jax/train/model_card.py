"""Model cards: what people should know about a network that is shared."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax import metrics
from seld_jax.config import Config

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
  'log_mel': 'log-mel spectra and intensity vectors or GCC-PHAT',
  'salsa': 'SALSA',
  'salsa_lite': 'SALSA-Lite',
}
_ANGLES = ('LE_CD', 'DOAE')


def make(
  config: Config,
  *,
  name: str,
  num_channels: int,
  num_parameters: int,
  step: int,
  scores: Mapping[str, Any] | None = None,
  license: str = '',
  source: str = '',
) -> str:
  """Writes the card of a network: the text of README.md.

  It begins with a block of metadata (YAML) that model hubs show. What nobody
  but the author can know is asked for in the text.

  Args:
    config: The configuration of the run.
    name: Name of the network.
    num_channels: Number of channels of the audio.
    num_parameters: Number of parameters.
    step: Training step of the parameters.
    scores: The content of scores.json of the run; None without scores.
    license: Identifier of the licence of the weights, such as `cc-by-nc-4.0`.
    source: What `seld_jax.load` should be given in the example; by default the
      placeholder `FOLDER`.

  Returns:
    Markdown.
  """
  tag, format = _FORMATS[config.features.format]
  results = [] if scores is None else scores['results']
  edition = '2020' if scores is None else scores.get('edition', '2020')
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
  rate = config.features.sample_rate
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
    f'| audio | {format}, {num_channels} channels, {rate} Hz (other rates are '
    'resampled) |',
    f'| features | {_FEATURES[config.features.kind]} |',
    f'| network | {config.model.name}, {num_parameters:,} parameters |',
    f'| output format | {config.output.format} |',
    f'| training | {step} steps; all settings are in config.json |',
    f'| classes | {", ".join(config.data.classes)} |',
    '',
    '## Use',
    '',
    '```python',
    'import seld_jax',
    '',
    f"predictor = seld_jax.load('{source or 'FOLDER'}')",
    'prediction = predictor(audio, sample_rate)  # [channels, samples]',
    '```',
    '',
    '```',
    f'python -m seld_jax.predict --model={source or "FOLDER"} '
    '--out=predictions RECORDINGS',
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
      if (value := result['scores'].get(name)) is not None
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
    cells = [_cell(name, result['scores'].get(name)) for name in names]
    lines.append(f'| {_recordings(result)} | ' + ' | '.join(cells) + ' |')
  return lines


def _recordings(result: Mapping[str, Any]) -> str:
  count = result.get('num_recordings')
  return str(result['name']) + ('' if count is None else f' ({count})')


def _cell(name: str, value: float | None) -> str:
  if value is None:
    return '-'
  return f'{value:.1f}°' if name in _ANGLES else f'{value:.3f}'
