"""The rules for networks that are composed of parts."""

from seld_jax import model as model_lib
from seld_jax.config.field_types import check
from seld_jax.config.types import Config

# Fields of `config.model` of composed networks that must be positive.
POSITIVE = (
  *('sequence_features', 'sequence_pool', 'sequence_layers'),
  *('attention_history', 'feed_forward', 'kernel'),
)

# Most frames of a max pooling.
_MOST_POOLED = 256

# Most basic blocks of a stage; with more, tracing would take hours.
_MOST_BLOCKS = 100

# Fields of the width of an attention, by the sequence that has it.
_WIDTHS = {'conformer': 'sequence_features', 'gru_attention': 'gru_features'}


def check_parts(config: Config, example: Config) -> None:
  """Checks that the parts of a composed network fit together.

  Args:
    config: The configuration, whose types and names are right.
    example: The configuration with all defaults.

  Raises:
    InputError: A field has no effect beside the chosen parts, or two sizes do
      not fit together; the message names the fields.
  """
  model = config.model
  if model.name != 'composed':
    return
  unused = model_lib.unused_fields(
    trunk=model.trunk, sequence=model.sequence, causal=model.causal
  )
  for field, because in unused.items():
    check(
      model[field] == example.model[field],
      f'model.{field} = {model[field]} has no effect, because model.{because} '
      f'= {model[because]} does not use it; leave it at its default, '
      f'{example.model[field]}.',
    )
  if model.trunk == 'resnet':
    check(
      len(model.stage_blocks) == len(model.filters),
      f'model.stage_blocks has {len(model.stage_blocks)} entries and '
      f'model.filters {len(model.filters)}; give both one entry for every '
      'stage.',
    )
    for index, count in enumerate(model.stage_blocks):
      check(
        count <= _MOST_BLOCKS,
        f'model.stage_blocks[{index}] must be at most {_MOST_BLOCKS}, got '
        f'{count}.',
      )
  check(
    model.sequence_pool <= _MOST_POOLED,
    f'model.sequence_pool must be at most {_MOST_POOLED}, got '
    f'{model.sequence_pool}.',
  )
  width = _WIDTHS.get(model.sequence)
  if width:
    check(
      model[width] % max(1, model.attention_heads) == 0,
      f'model.attention_heads = {model.attention_heads} must divide '
      f'model.{width} = {model[width]}: each head has an equal share of it.',
    )
  check(
    model.kernel % 2 == 1,
    f'model.kernel = {model.kernel} must be odd, so that it has a middle: set '
    f'it to {model.kernel + 1}.',
  )
