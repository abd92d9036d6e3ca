from .client import DoseClient as DoseClient
from .coil_dose import LiveDose as LiveDose
from .server import DoseServer as DoseServer
