"""The HTML pages that show a plan to people, each a single file."""

import lazy_loader

# imported when first asked for, because what draws the figures takes seconds to import
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
