"""What a coil or a montage does to a head, and which placement is best."""

import lazy_loader

# imported when first asked for, because what they need takes seconds to import
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
