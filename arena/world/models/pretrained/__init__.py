"""Models that somebody trained elsewhere, by name: the victims and starts of a task.

`pretrained:PATH` is a folder of transformers with a causal model of language (config.json,
safetensors, tokenizer.json) or a GGUF file; where there is nothing at the path, it is a file of an
installed package, `pretrained:PACKAGE/FILE`. Nothing is unpickled, downloaded, or run.
"""

from arena.world.models.pretrained.folder import Pretrained, is_named, placed, read

__all__ = ["Pretrained", "is_named", "placed", "read"]
