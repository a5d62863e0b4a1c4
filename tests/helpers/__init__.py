"""What several tests share."""

import pathlib

import pytest

# These modules assert, too; a failure shows the values.
_MODULES = pathlib.Path(__file__).parent.glob('[a-z]*.py')
pytest.register_assert_rewrite(*(f'helpers.{one.stem}' for one in _MODULES))
