from .motor_map import MotorMap as MotorMap
from .motor_map import map_motor as map_motor
from .motor_map import write_map as write_map
