"""The defaults are those of the paper; wrong values are clear errors."""

import json
import pathlib

import pytest
from helpers.config_files import load
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import config as config_lib
from seld_jax import features
from seld_jax.errors import InputError

CONFIGS = sorted((pathlib.Path(__file__).parents[2] / 'configs').glob('*.py'))

# Values of the paper, or of the published code if the paper has none.
PAPER = {
  'data.train_folds': (3, 4, 5, 6),
  'data.validation_folds': (2,),
  'data.test_folds': (1,),
  'features.format': 'foa',
  'features.sample_rate': 24000,
  'features.n_fft': 1024,
  'features.win_length': 960,
  'features.hop_length': 480,
  'features.n_mels': 64,
  'features.top_db': 80.0,
  'features.offset': 1e-8,
  'features.layout': 'aligned',
  'model.filters': (64, 64, 128, 128, 256, 256),
  'model.pools': ((1, 1), (5, 2), (1, 2), (1, 2), (1, 2), (1, 2)),
  'model.gru_features': 256,
  'model.attention_features': 64,
  'model.head_features': (512, 512),
  'model.conv_dropout': 0.5,
  'model.gru_dropout': 0.1,
  'model.head_dropout': 0.25,
  'model.bn_momentum': 0.999,
  'loss.sed': 'mse',
  'loss.doa': 'masked_mse',
  'loss.sed_weight': 1.0,
  'loss.doa_weight': 1.0,
  'augment.rotate': False,
  'augment.num_time_masks': 2,
  'augment.max_time_width': 9,
  'augment.num_band_masks': 2,
  'augment.max_band_width': 9,
  'augment.share_channels': False,
  'train.batch_size': 64,
  'train.crop_frames': 600,
  'train.num_epochs': 10000,
  'train.num_steps': 0,
  'train.learning_rate': 2e-4,
  'train.schedule': 'paper',
  'train.warmup_epochs': 11,  # epochs 0 to 10
  'train.warmup_factor': 0.1,
  'train.decay_epochs': (200, 600, 1000),
  'train.decay_factor': 0.8,
  'train.clip_gradient': 0.0,
  'train.evaluate_every': 100,
  'eval.window': 600,
  'eval.test_windows': (600, 100),
  'eval.threshold': 0.5,
}


def changed(**fields):
  """The default with other values; `train__batch_size` is train.batch_size."""
  config = config_lib.default()
  for path, value in fields.items():
    section, _, name = path.rpartition('__')
    (config[section] if section else config)[name] = value
  return config


def refusal(config, *, num_devices=1, num_recordings=400):
  with pytest.raises(InputError) as error:
    config_lib.validate(
      config, num_devices=num_devices, num_recordings=num_recordings
    )
  return str(error.value)


@pytest.mark.parametrize('path', PAPER)
def test_the_default_is_the_value_of_the_paper(path):
  section, name = path.split('.')
  value = config_lib.default()[section][name]
  assert value == PAPER[path]
  assert type(value) is type(PAPER[path])


def test_the_classes_have_the_order_of_the_dataset():
  classes = config_lib.default().data.classes
  assert len(classes) == 14
  assert (classes[0], classes[2], classes[13]) == ('alarm', 'crash', 'piano')


def test_the_default_is_valid_and_locked():
  config = config_lib.default()
  config_lib.validate(config, num_devices=1, num_recordings=400)
  config_lib.validate(config, num_devices=8)
  for section in config, config.train, config.model, config.data:
    with pytest.raises(AttributeError):
      section.something_new = 1


def test_changing_a_config_does_not_change_the_default():
  config = config_lib.default()
  config.train.batch_size = 1
  assert config_lib.default().train.batch_size == 64


def test_a_config_survives_json():
  config = changed(
    seed=7, loss__sed='cross_entropy', model__filters=(8, 8, 8, 8, 8, 8)
  )
  values = json.loads(json.dumps(config_lib.to_dict(config)))
  again = config_lib.from_dict(values)
  assert again == config
  assert config_lib.to_dict(again) == config_lib.to_dict(config)
  assert again.model.pools == config.model.pools, 'tuples stay tuples'
  assert again.is_locked
  assert again != config_lib.default()


def test_fields_that_from_dict_does_not_get_have_their_defaults():
  config = config_lib.from_dict({'seed': 3, 'train': {'batch_size': 8}})
  assert config == changed(seed=3, train__batch_size=8)


@pytest.mark.parametrize(
  ('values', 'wrong', 'nearest'),
  [
    ({'train': {'batchsize': 3}}, 'train.batchsize', 'train.batch_size'),
    ({'trian': {'batch_size': 3}}, 'trian.batch_size', 'train.batch_size'),
    ({'train': {'rotate': True}}, 'train.rotate', 'augment.rotate'),
    ({'sed': 3}, 'sed', 'seed'),
    ({'learning_rate': 3}, 'learning_rate', 'train.learning_rate'),
  ],
)
def test_the_error_for_an_unknown_field_has_the_most_similar_one(
  values, wrong, nearest
):
  with pytest.raises(InputError) as error:
    config_lib.from_dict(values)
  assert str(error.value) == (
    f'There is no field config.{wrong}; did you mean config.{nearest}?'
  )


def test_the_error_for_a_field_like_no_other_has_no_suggestion():
  with pytest.raises(InputError, match=r'config\.train\.qqqqq\.$'):
    config_lib.from_dict({'train': {'qqqqq': 1}})


@pytest.mark.parametrize('path', ['seed', 'train', 'train.batch_size'])
def test_fields_and_sections_are_known(path):
  config_lib.refuse_unknown(path)


def test_a_value_of_another_type_is_refused():
  with pytest.raises(
    InputError, match=r"train\.batch_size must be an integer, got 'many'"
  ):
    config_lib.from_dict({'train': {'batch_size': 'many'}})


@pytest.mark.parametrize(
  ('fields', 'words'),
  [
    ({'features__format': 'fao'}, ["'fao'", 'foa, mic', "mean 'foa'"]),
    ({'features__layout': 'scrambled'}, ["'scrambled'", 'published']),
    ({'features__pad_mode': 'zeros'}, ["'zeros'", 'constant, reflect']),
    ({'model__name': 'seldcrnn'}, ["'seldcrnn'", "mean 'seld_crnn'"]),
    ({'model__dtype': 'float16'}, ["'float16'", 'bfloat16']),
    ({'loss__sed': 'msee'}, ["'msee'", 'cross_entropy', "mean 'mse'"]),
    ({'loss__doa': 'masked'}, ["'masked'", 'masked_mse, mse']),
    ({'train__schedule': 'linear'}, ["'linear'", 'paper, cosine']),
    ({'data__csv_edition': '2026'}, ["'2026'", '2024']),
    ({'data__label_hop': 20.0}, ['data.label_hop', '0.001 to 10', '20.0']),
    ({'eval__threshold': 50.0}, ['eval.threshold', '50.0']),
    ({'train__warmup_epochs': -1}, ['train.warmup_epochs', '-1']),
    ({'train__decay_epochs': (3, -4)}, ['train.decay_epochs[1]', '-4']),
    ({'features__win_length': 2000}, ['2000', '1024']),
    ({'features__hop_length': 0}, ['features.hop_length', 'positive']),
    ({'features__hop_length': 600}, ['600', 'pooling 5', '125 ms', '100 ms']),
    ({'features__sample_rate': 16000}, ['16000', '150 ms', '100 ms']),
    ({'features__n_mels': 16}, ['16', 'bands']),
    ({'data__classes': ()}, ['data.classes', 'at least one']),
    ({'data__classes': ('dog', 'dog')}, ['no class twice', "('dog', 'dog')"]),
    ({'model__filters': (64, 64)}, ['2 entries', 'model.pools 6']),
    ({'model__filters': (0, 1, 1, 1, 1, 1)}, ['model.filters[0]', '0']),
    (
      {'model__pools': ((0, 1), (5, 2), (1, 2), (1, 2), (1, 2), (1, 2))},
      ['model.pools[0][0]', '0'],
    ),
    ({'model__head_features': (512, -1)}, ['model.head_features[1]', '-1']),
    ({'model__gru_features': 0}, ['model.gru_features', '0']),
    ({'model__conv_dropout': 1.0}, ['model.conv_dropout', '1.0']),
    ({'model__gru_dropout': -0.5}, ['model.gru_dropout', '-0.5']),
    ({'model__bn_momentum': 1.5}, ['model.bn_momentum', '1.5']),
    ({'train__crop_frames': 603}, ['train.crop_frames = 603', 'pooling 5']),
    ({'eval__window': 601}, ['eval.window = 601', 'pooling 5']),
    ({'eval__test_windows': (600, 99)}, ['eval.test_windows[1] = 99', '5']),
    ({'eval__test_windows': ()}, ['eval.test_windows', 'at least one']),
    ({'train__batch_size': 0}, ['train.batch_size', '0']),
    ({'train__learning_rate': -1.0}, ['train.learning_rate', '-1.0']),
    ({'train__learning_rate': float('nan')}, ['learning_rate', 'nan']),
    ({'train__num_epochs': 0}, ['num_epochs', 'num_steps']),
    ({'train__num_steps': -5}, ['train.num_steps', '-5']),
    ({'train__log_every': 30}, ['100', '30', 'multiple']),
    ({'seed': -1}, ['seed', '-1']),
    ({'loss__doa_weight': -1.0}, ['loss.doa_weight', '-1.0']),
    ({'augment__num_time_masks': -1}, ['augment.num_time_masks', '-1']),
    ({'data__train_folds': ()}, ['data.train_folds', 'empty']),
    ({'data__train_folds': (1, 3)}, ['train_folds', 'test_folds', '[1]']),
    ({'data__train_folds': (2, 3)}, ['train_folds', 'validation_f', '[2]']),
    ({'data__test_folds': (2,)}, ['validation_folds', 'test_folds', '[2]']),
    # The value of --config.train.decay_epochs=abc on the command line.
    ({'train__decay_epochs': ('abc',)}, ['decay_epochs[0]', "'abc'"]),
    ({'data__train_folds': (3.5,)}, ['train_folds[0]', 'an integer', '3.5']),
    ({'data__classes': (1, 2)}, ['data.classes[0]', 'a string', '1']),
    ({'model__pools': (1, 5, 1, 1, 1, 1)}, ['model.pools[0]', '2 numbers']),
    ({'model__pools': ((1, 1, 1),) * 6}, ['model.pools[0]', '(1, 1, 1)']),
    ({'train__batch_size': True}, ['train.batch_size', 'an integer', 'True']),
    ({'augment': {'rotate': True}}, ['lacks', 'augment.']),
    ({'train__sampler': 'crop'}, ["'crop'", 'segments', "mean 'crops'"]),
    ({'eval__watch': ('validation',)}, ['eval.watch[0]', 'train, test']),
    ({'eval__watch': ('test',), 'data__test_folds': ()}, ['data.test_folds']),
    ({'eval__watch_recordings': 0}, ['eval.watch_recordings', 'positive']),
    ({'eval__edition': '2018'}, ['eval.edition', '2019, 2020', "'2018'"]),
    ({'eval__edition': '2024'}, ['eval.edition', 'output.distance=True']),
    ({'loss__temperature': 1.0}, ['loss.temperature', 'weighting=dynamic']),
    (
      {'loss__temperature': 0.0, 'loss__weighting': 'dynamic'},
      ['loss.temperature', 'above 0'],
    ),
    (
      {'model__normalise_bands': True},
      ['model.normalise_bands', 'seld_crnn has no such field'],
    ),
    (
      {'model__soft_sharing': True, 'output__format': 'accdoa'},
      ['model.soft_sharing', 'accdoa has one head', 'output.format=tracks'],
    ),
    (
      {'model__soft_sharing': True, 'output__format': 'multi_accdoa'},
      ['model.soft_sharing', 'multi_accdoa has one head'],
    ),
    (
      {
        'model__soft_sharing': True,
        'model__name': 'seld_net',
        'model__attention_features': 64,
      },
      ['model.soft_sharing', 'seld_net has no such field'],
    ),
    (
      {'model__soft_sharing': True, 'train__log_gradient_norms': True},
      ['train.log_gradient_norms', 'model.soft_sharing'],
    ),
    (
      {'loss__temperature': 5.0},
      ['loss.temperature = 5.0 has no effect', 'loss.weighting=dynamic'],
    ),
    (
      {'loss__temperature': 5.0, 'loss__weighting': 'uncertainty'},
      ['loss.temperature = 5.0 has no effect'],
    ),
    ({'model__name': 'seld_net', 'model__attention_features': 8}, ['seld_net']),
    (
      {'model__attention_layers': 1},
      ['model.attention_layers = 1', 'seld_crnn has no such field'],
    ),
    ({'model__gru_layers': 3}, ['gru_layers = 3', 'seld_crnn has no such']),
    ({'model__attention_heads': 4}, ['attention_heads', 'seld_crnn has no']),
    ({'model__attention_dropout': 0.1}, ['attention_dropout', 'no such field']),
    (
      {'model__name': 'dcase_net', 'model__head_dropout': 0.1},
      ['model.head_dropout = 0.1', 'dcase_net has no such field'],
    ),
    (
      {'model__name': 'dcase_net', 'model__attention_heads': 7},
      ['attention_heads = 7 must divide model.gru_features = 256'],
    ),
    (
      {'model__name': 'dcase_net', 'model__attention_heads': 0},
      ['model.attention_heads', 'positive'],
    ),
    (
      {'model__name': 'dcase_net', 'model__gru_layers': 0},
      ['model.gru_layers', 'positive'],
    ),
    (
      {'model__name': 'dcase_net', 'model__attention_layers': 101},
      ['model.attention_layers', 'at most 100'],
    ),
    (
      {'model__name': 'dcase_net', 'model__attention_dropout': 1.0},
      ['model.attention_dropout', '[0, 1)'],
    ),
    ({'log__to': ('tensorboard',)}, ['log.to', "'jsonl'", 'resumes']),
    ({'log__to': ()}, ['log.to', "'jsonl'", 'resumes']),
    ({'log__to': ('jsonl', 'mlflow')}, ['log.to[1]', 'tensorboard', 'wandb']),
    ({'log__to': ('jsonl', 'tensorbord')}, ["did you mean 'tensorboard'"]),
    ({'log__to': ('jsonl', 'jsonl')}, ['log.to', 'once']),
    ({'log__project': ''}, ['log.project', '1 to 128']),
    ({'log__project': 'a/b'}, ['log.project', 'letters']),
  ],
  ids=lambda value: next(iter(value)) if isinstance(value, dict) else '',
)
def test_values_that_cannot_work_are_refused(fields, words):
  sentence = refusal(changed(**fields))
  for word in words:
    assert word in sentence
  assert '\n' not in sentence
  assert sentence.endswith('.')


@pytest.mark.parametrize('format', ['foa', 'mic'])
def test_rotation_needs_aligned_features(format):
  config = changed(augment__rotate=True, features__format=format)
  config_lib.validate(config, num_devices=1)
  config.features.layout = 'published'
  assert 'published' in refusal(config)


def test_a_batch_must_be_a_multiple_of_the_number_of_devices():
  sentence = refusal(config_lib.default(), num_devices=3)
  assert 'train.batch_size = 64' in sentence
  assert 'a multiple of the number of devices, 3.' in sentence
  sentence = refusal(changed(eval__batch_size=4), num_devices=8)
  assert 'eval.batch_size = 4' in sentence


def test_a_batch_of_crops_needs_as_many_recordings():
  config_lib.validate(config_lib.default(), num_devices=1, num_recordings=64)
  sentence = refusal(config_lib.default(), num_recordings=63)
  assert '64' in sentence
  assert '63 training recordings' in sentence


def test_a_batch_of_segments_needs_as_many_segments():
  config = changed(train__sampler='segments')
  config_lib.validate(config, num_devices=1, num_recordings=7, num_segments=64)
  with pytest.raises(InputError, match='63 segments of 600 frames'):
    config_lib.validate(
      config, num_devices=1, num_recordings=700, num_segments=63
    )


def test_validation_and_test_folds_may_be_empty():
  config = changed(data__validation_folds=(), data__test_folds=())
  config_lib.validate(config, num_devices=1)


def test_top_db_can_be_switched_off():
  """It is 0 in the config, and None in the feature function."""
  config = changed(features__top_db=0.0)
  config_lib.validate(config, num_devices=1)
  assert config_lib.feature_options(config)['top_db'] is None
  assert config_lib.feature_options(config_lib.default())['top_db'] == 80.0


def test_the_default_frames_fit_the_labels():
  """Five frames of 20 ms are a label frame of 100 ms."""
  config = config_lib.default()
  assert config_lib.label_pool(config) == 5
  assert config_lib.label_pool(config) * 480 * 10 == 24000


@settings(deadline=None, max_examples=30)
@given(
  st.sampled_from([120, 240, 300, 400, 480, 600, 800, 1200, 2400]),
  st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
def test_frames_must_fit_the_labels(hop_length, pooling):
  config = changed(features__hop_length=hop_length)
  config.model.filters = (4,) * len(pooling)
  config.model.pools = tuple((frames, 1) for frames in pooling)
  pool = config_lib.label_pool(config)
  config.train.crop_frames = config.eval.window = 10 * pool
  config.eval.test_windows = (10 * pool,)
  product = 1
  for frames in pooling:
    product *= frames
  if hop_length * product == 2400:
    config_lib.validate(config, num_devices=1)
  else:
    sentence = refusal(config)
    assert f'{hop_length}' in sentence
    assert f'pooling {product}' in sentence


def test_feature_options_are_arguments_of_the_feature_functions():
  options = config_lib.feature_options(config_lib.default())
  assert options.pop('format') == 'foa'
  assert options['hop_length'] == 480
  assert 'microphones' not in options
  assert features.FeatureOptions(**options) == features.FeatureOptions()


def test_the_most_important_config_files_exist():
  assert {'mse_foa', 'mse_mic', 'quick'} <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_every_config_file_is_short_and_valid(path):
  config = load(path)
  config_lib.validate(config, num_devices=1)
  assert config.is_locked
  assert set(config) == set(config_lib.default())
  assert len(path.read_text().splitlines()) <= 40


def test_the_two_main_configs_differ_in_the_format_only():
  by_name = {path.stem: path for path in CONFIGS}
  assert load(by_name['mse_foa']) == config_lib.default()
  assert load(by_name['mse_mic']) == changed(features__format='mic')
