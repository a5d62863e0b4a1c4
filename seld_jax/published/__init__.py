"""Files of published networks, read as data: nothing in them is executed.

The modules, in the order in which a conversion uses them:

  pickles: reads a pickle as a tree of data, and refuses all code
  torch_files: the tensors of a file of PyTorch
  scalers: mean and scale of a StandardScaler of scikit-learn
  baselines: the variables of `model.DcaseNet` from the tensors of a baseline
"""

from seld_jax.published.baselines import EDITIONS, Network, read_network
from seld_jax.published.scalers import Scaler, read_scaler
from seld_jax.published.torch_files import Tensor, read_tensors

__all__ = [
  'EDITIONS',
  'Network',
  'read_network',
  'Scaler',
  'read_scaler',
  'Tensor',
  'read_tensors',
]
