"""Models: a registry of architectures, models with cards, and files that run no code."""

from arena.world.models import own_code  # noqa: F401 - it registers a family
from arena.world.models.card import ModelCard
from arena.world.models.files import load_model, load_state_dict_file, pack, save_model, unpack
from arena.world.models.model import Model, build, restore
from arena.world.models.nets import (  # noqa: F401 - they register
    captioner,
    dcgan,
    gpt,
    resnet,
    row_rnn,
    small_nets,
    tree,
    vgg,
)
from arena.world.models.nets.foreign import (  # noqa: F401 - they register
    causal,
    hugging_face,
    onnx_graph,
    timm_models,
    torchvision_models,
)
from arena.world.models.registry import ArchitectureInfo, architecture, architectures

__all__ = [
    "ArchitectureInfo",
    "Model",
    "ModelCard",
    "architecture",
    "architectures",
    "build",
    "load_model",
    "load_state_dict_file",
    "pack",
    "restore",
    "save_model",
    "unpack",
]
