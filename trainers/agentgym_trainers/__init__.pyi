from .config import TrainConfig as TrainConfig, load as load
from .run.loop import train as train
