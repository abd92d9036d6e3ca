"""The pages a person trusts or does not: what a plan is, shown, each in one file."""

import lazy_loader

# imported when first asked for, because what draws the figures takes seconds to import
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
