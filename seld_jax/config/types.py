"""The type of a configuration, for annotations."""

from typing import TYPE_CHECKING, Any

import ml_collections

# Type checkers cannot know the fields of a ConfigDict.
if TYPE_CHECKING:
  Config = Any
else:
  Config = ml_collections.ConfigDict
