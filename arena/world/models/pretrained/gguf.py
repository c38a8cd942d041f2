"""GGUF files: read once by transformers' own loader, and kept as a folder of safe files."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from importlib import import_module
from pathlib import Path

import torch
from safetensors.torch import save_file

from arena.errors import ModelError
from arena.world.files.cache_folder import cache_folder
from arena.world.files.file_lock import hold, lock_of
from arena.world.json_values import from_json
from arena.world.models.nets.foreign.causal import EXTRA
from arena.world.models.nets.foreign.hugging_face import quiet, transformers

_LOG = logging.getLogger(__name__)
_FORMAT = 1  # raise it when the same file would be written otherwise


def as_folder(path: Path) -> Path:
    """Return a folder of transformers with what is in a GGUF file, made where it is not yet there.

    Reading a file takes minutes (a hundred thousand strings of its tokenizer), so what was read is
    kept beside decoded data, under the file's SHA-256.

    Raises:
        ModelError: it cannot be read, a library is missing, or nothing can be kept.
    """
    kept = cache_folder()
    if kept is None:
        raise ModelError(
            "expected a folder to keep what is read of a GGUF file in, found none that can be "
            "written; name one in ARENA_CACHE"
        )
    with path.open("rb") as file:
        name = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    folder = kept / "gguf" / f"{name}-{_FORMAT}"
    with hold(lock_of(folder)):
        if not folder.is_dir():
            _LOG.warning("%s is read once, which takes minutes, and kept in %s", path.name, folder)
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                made = Path(scratch) / "made"
                _write(path, Path(scratch), made)
                shutil.move(made, folder)
    return folder


def _write(path: Path, scratch: Path, made: Path) -> None:
    """Write model and tokenizer of a file as safetensors and JSON."""
    for name in ("gguf", "accelerate"):
        _need(name)
    library = transformers(EXTRA)
    alone = scratch / "alone"  # of a folder transformers reads more than it is asked for
    alone.mkdir()
    (alone / path.name).symlink_to(path.resolve())
    safe = {"gguf_file": path.name, "local_files_only": True, "trust_remote_code": False}
    try:
        with quiet():
            cut = library.AutoTokenizer.from_pretrained(alone, **safe)
            model = library.AutoModelForCausalLM.from_pretrained(alone, dtype=torch.float32, **safe)
    except Exception as error:  # the library raises anything over a stranger's file
        reason = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        raise ModelError(f"{path} cannot be read by transformers ({reason})") from error
    settings = from_json(model.config.to_json_string(use_diff=False), finite=False)
    settings.pop("quantization_config", None)  # the weights are floats by now
    # what is tied shares its memory, which safetensors does not hold: here each is written
    settings |= {"tie_word_embeddings": False, "architectures": [type(model).__name__]}
    tensors = {name: t.detach().float().clone() for name, t in model.state_dict().items()}
    made.mkdir()
    (made / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    (made / "tokenizer.json").write_text(cut.backend_tokenizer.to_str(), encoding="utf-8")
    save_file(tensors, made / "model.safetensors", metadata={"format": "pt"})


def _need(name: str) -> None:
    try:
        import_module(name)
    except ImportError as error:
        raise ModelError(
            f"expected the library {name} for a GGUF file, found none ({error}); "
            f"try pip install 'copyright-arena[{EXTRA}]'"
        ) from error
