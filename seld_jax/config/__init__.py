"""Configurations: defaults, rules, and the systems of the paper."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
