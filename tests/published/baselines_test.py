"""Which networks the tensors of a baseline can be, and what else is named."""

import numpy as np
import pytest
from helpers.published_network import random_tensors

from seld_jax import published
from seld_jax.errors import InputError


def read(arrays, edition='dcase2024', num_classes=13):
  tensors = {
    name: published.Tensor(np.shape(array), lambda array=array: array)
    for name, array in arrays.items()
  }
  return published.read_network(
    tensors, edition=edition, num_classes=num_classes, source='model.h5'
  )


@pytest.mark.parametrize(
  ('edition', 'outputs', 'tracks'),
  [
    ('dcase2024', 156, 3),
    ('dcase2024', 52, 1),
    ('dcase2025', 117, 3),
    ('dcase2025', 39, 1),
  ],
)
def test_sizes_are_those_of_the_tensors(edition, outputs, tracks):
  options = {'bands': 3, 'grus': 3, 'attentions': 1, 'hidden': (9, 7)}
  network = read(random_tensors(edition, outputs=outputs, **options), edition)
  assert network.tracks == tracks
  assert (network.channels, network.bands) == (7, 3)
  assert network.filters == (5, 6, 4)
  assert (network.gru_features, network.gru_layers) == (8, 3)
  assert network.attention_layers == 1
  assert network.head_features == (9, 7)
  assert all(array.dtype == np.float32 for array in network.variables.values())


def test_a_network_without_attention_or_hidden_layers_is_read():
  network = read(random_tensors(attentions=0, hidden=()))
  assert network.attention_layers == 0
  assert network.head_features == ()


def test_every_missing_tensor_is_named():
  arrays = random_tensors()
  for name in arrays:
    if name.endswith('num_batches_tracked'):
      continue
    rest = {other: array for other, array in arrays.items() if other != name}
    with pytest.raises(InputError) as caught:
      read(rest)
    # A layer that is missing as a whole leaves others without a place.
    assert 'model.h5' in str(caught.value)
    assert name in str(caught.value) or any(
      other in str(caught.value) for other in rest
    )


def test_every_wrong_shape_and_number_is_named():
  arrays = random_tensors(filters=(2, 2, 2), units=8)
  for name, array in arrays.items():
    if name.endswith('num_batches_tracked') or 'conv.weight' in name:
      continue
    if name.endswith(('weight_ih_l0', 'fnn_list.1.weight')):
      continue  # they determine sizes
    with pytest.raises(InputError, match=r'but the other layers need'):
      read({**arrays, name: np.zeros((*array.shape, 2), np.float32)})
    bad = np.array(array)
    bad.flat[0] = np.nan
    with pytest.raises(InputError, match=f'{name} has NaN'):
      read({**arrays, name: bad})


@pytest.mark.parametrize(
  ('more', 'match'),
  [
    ({'attn.fc_q.weight': np.zeros(2)}, 'attn.fc_q.weight.*check --from'),
    (
      {'visual_embed_to_d_model.weight': np.zeros(2), 'z': np.zeros(1)},
      'and 1 more tensors.*audio and video',
    ),
    ({'fnn_list.3.weight': np.zeros((2, 2))}, r'fnn_list\.3\.weight'),
  ],
)
def test_what_the_network_does_not_have_is_named(more, match):
  with pytest.raises(InputError, match=match):
    read({**random_tensors(), **more})


def test_the_edition_of_the_names_is_suggested():
  with pytest.raises(InputError, match='looks like one of --from=dcase2025'):
    read(random_tensors('dcase2025'), 'dcase2024')
  with pytest.raises(InputError, match='looks like one of --from=dcase2024'):
    read(random_tensors(), 'dcase2025')


def test_outputs_that_fit_no_format_are_refused():
  for outputs, classes in ((155, 13), (104, 13), (156, 12), (117, 13)):
    with pytest.raises(InputError, match=f'has {outputs} outputs'):
      read(random_tensors(outputs=outputs), num_classes=classes)


@pytest.mark.parametrize('name', ['gru.weight_ih_l0', 'fnn_list.1.weight'])
@pytest.mark.parametrize('shape', [(), (3,), (0, 0), (7, 5), (2, 2, 2)])
def test_sizes_of_no_network_are_input_errors(name, shape):
  with pytest.raises(InputError):
    read({**random_tensors(), name: np.zeros(shape, np.float32)})


def test_a_convolution_of_another_shape_is_refused():
  name = 'conv_block_list.0.conv.weight'
  for shape in ((), (5,), (5, 7, 1, 1), (0, 7, 3, 3), (5, 0, 3, 3)):
    with pytest.raises(InputError):
      read({**random_tensors(), name: np.zeros(shape, np.float32)})


def test_networks_that_were_trained_on_several_gpus_have_the_same_names():
  tensors = random_tensors()
  wrapped = {f'module.{name}': tensor for name, tensor in tensors.items()}
  found, expected = read(wrapped), read(tensors)
  assert found.variables.keys() == expected.variables.keys()
  for name, variable in expected.variables.items():
    np.testing.assert_array_equal(found.variables[name], variable)
