"""Small models in the files that other libraries write; built in code, nothing is downloaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from arena.world.models import ModelCard

FORM = ModelCard(architecture="mlp", n_classes=10, input_shape=(1, 8, 8), mean=(0.25,), std=(0.75,))
MEAN, STD = (0.5,), (0.25,)


def probes(n: int = 4, seed: int = 0) -> Tensor:
    """Return images (n, 1, 8, 8) in [0, 1]."""
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def hugging_face_folder(folder: Path, model_type: str, **changes: int) -> nn.Module:
    """Write a tiny classifier of transformers for grey 8x8 images, and return it.

    Args:
        folder: where. model_type: "vit" or "resnet". changes: of its config.
    """
    import transformers

    sizes: dict[str, dict[str, Any]] = {
        "vit": {"image_size": 8, "patch_size": 4, "hidden_size": 8, "num_hidden_layers": 1,
                "num_attention_heads": 2, "intermediate_size": 8},
        "resnet": {"embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1],
                   "layer_type": "basic"},
    }  # fmt: skip
    config = transformers.AutoConfig.for_model(
        model_type, num_channels=1, num_labels=10, **(sizes[model_type] | changes)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        auto: Any = transformers.AutoModelForImageClassification
        network: nn.Module = auto.from_config(config)
    network.eval().save_pretrained(folder)  # type: ignore[operator]
    write_json(folder / "preprocessor_config.json", {"image_mean": [*MEAN], "image_std": [*STD]})
    return network


def timm_folder(folder: Path, name: str) -> nn.Module:
    """Write a classifier of timm for grey images, and return it."""
    import timm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: nn.Module = timm.create_model(name, num_classes=10, in_chans=1)
    folder.mkdir()
    save_file(network.eval().state_dict(), folder / "model.safetensors")
    trained = {"mean": [*MEAN], "std": [*STD]}
    write_json(
        folder / "config.json",
        {"architecture": name, "num_classes": 10, "pretrained_cfg": trained},
    )
    return network


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON."""
    path.write_text(json.dumps(value))


class SmallNet(nn.Module):
    """A network of one convolution for grey 8x8 images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.fc = nn.Linear(4 * 16, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, 10)."""
        maps = nn.functional.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)
        logits: Tensor = self.fc(maps.flatten(1))
        return logits


def onnx_file(
    path: Path, n_fixed: int | None = None, last: bool = False, network: nn.Module | None = None
) -> nn.Module:
    """Write a `SmallNet` as an ONNX model, built by hand as exporters would, and return it.

    Args:
        path: where.
        n_fixed: the size of a batch; None takes any.
        last: channels come last, as other frameworks export them.
        network: the one; None is one that learned nothing.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    if network is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = SmallNet().eval()
    held = {name: t.detach().numpy() for name, t in network.state_dict().items()}
    norm = ["norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"]
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight", "conv.bias"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", *norm], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("MaxPool", ["c"], ["d"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["d"], ["e"], axis=1),
        helper.make_node("Gemm", ["e", "fc.weight", "fc.bias"], ["y"], transB=1),
    ]
    taken = "x"
    if last:
        nodes.insert(0, helper.make_node("Transpose", ["z"], ["x"], perm=[0, 3, 1, 2]))
        taken = "z"
    n = n_fixed or "n"
    shape = [n, 8, 8, 1] if last else [n, 1, 8, 8]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(taken, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [n, 10])],
        [numpy_helper.from_array(v, k) for k, v in held.items() if v.ndim],
    )
    opset = helper.make_opsetid("", 15)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.save(model, path)
    return network
