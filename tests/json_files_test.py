"""JSON of any origin is read, or refused in one sentence."""

import json

import hypothesis
import pytest
from hypothesis import strategies

from seld_jax import files, json_files
from seld_jax.errors import InputError

# Null characters are refused, because no path can have them, and so are lone
# surrogates, which no UTF-8 file can hold.
texts = strategies.text(
  strategies.characters(codec='utf-8', exclude_characters='\0')
)
json_values = strategies.recursive(
  strategies.none()
  | strategies.booleans()
  | strategies.integers()
  | strategies.floats(allow_nan=False)
  | texts,
  lambda inner: strategies.lists(inner) | strategies.dictionaries(texts, inner),
  max_leaves=10,
)


@hypothesis.given(value=json_values)
def test_json_objects_are_read_and_other_values_are_refused(
  value, tmp_path_factory
):
  path = tmp_path_factory.getbasetemp() / 'value.json'
  path.write_text(json.dumps(value))
  if isinstance(value, dict):
    assert json_files.read(path) == value
    return
  with pytest.raises(InputError) as error:
    json_files.read(path)
  kind = type(value).__name__
  assert str(error.value) == f'{path} must hold a JSON object, got {kind}.'


def test_json_may_have_nan_which_a_diverged_run_writes(tmp_path):
  files.write_text(tmp_path / 'x', '{"loss": NaN, "bound": -Infinity}')
  values = json_files.read(tmp_path / 'x')
  assert values['loss'] != values['loss']
  assert values['bound'] == -float('inf')


@pytest.mark.parametrize(
  ('content', 'reason'),
  [
    (b'', 'it is empty'),
    (b'{"a": 1', "Expecting ',' delimiter"),
    (b'{"a": 1} x', 'Extra data'),
    (b'{"a": "\xff"}', "can't decode byte 0xff"),
    (b'[' * 100_000, 'nested more than 50 levels'),
    (b'{"a":' * 100_000, 'nested more than 50 levels'),
    (None, 'No such file'),
  ],
  ids=['empty', 'cut', 'more', 'latin', 'deep list', 'deep', 'missing'],
)
def test_a_file_that_is_not_json_is_named_with_the_reason(
  content, reason, tmp_path
):
  path = tmp_path / 'scores.json'
  if content is not None:
    path.write_bytes(content)
  with pytest.raises(InputError) as error:
    json_files.read(path)
  text = str(error.value)
  assert text.startswith(f'{path} cannot be read as JSON: ')
  assert reason in text
  assert text.endswith('.') and not text.endswith('..')
  assert '\n' not in text


def test_a_folder_is_not_json(tmp_path):
  with pytest.raises(InputError, match='cannot be read as JSON: Is a direc'):
    json_files.read(tmp_path)
