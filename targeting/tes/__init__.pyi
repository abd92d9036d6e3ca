from .electrodes import Electrode as Electrode
from .electrodes import Montage as Montage
from .field import TesField as TesField
from .field import simulate_tes as simulate_tes
from .leadfield import Leadfield as Leadfield
from .leadfield import make_leadfield as make_leadfield
