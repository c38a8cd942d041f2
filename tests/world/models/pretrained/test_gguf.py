"""GGUF files: read by transformers' own loader, once, and kept as safe files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from arena.errors import ModelError
from arena.world.kinds.language import tokens_of
from arena.world.models import pretrained
from arena.world.models.pretrained import gguf as gguf_module
from tests import tiny_causal

pytest.importorskip("accelerate", reason="the extra language is not installed")
gguf: Any = pytest.importorskip("gguf", reason="the extra language is not installed")

_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "model.layers": "blk",
}
HEADS, DEPTH = 2, 2


def interleaved(weight: torch.Tensor) -> torch.Tensor:
    """Return rows in the order that llama.cpp rotates them in."""
    rows, width = weight.shape
    halves = weight.view(HEADS, 2, rows // HEADS // 2, width)
    return halves.transpose(1, 2).reshape(rows, width)


def write_file(path: Path, network: Any) -> None:
    """Write a tiny llama as a GGUF file, in floats."""
    cut = tiny_causal.tokenizer()
    words = sorted(cut.get_vocab().items(), key=lambda item: item[1])
    merges = [" ".join(pair) for pair in json.loads(cut.to_str())["model"]["merges"]]
    made = gguf.GGUFWriter(path, "llama")
    made.add_name("tiny")
    made.add_context_length(256)
    made.add_embedding_length(32)
    made.add_block_count(DEPTH)
    made.add_feed_forward_length(64)
    made.add_head_count(HEADS)
    made.add_head_count_kv(HEADS)
    made.add_layer_norm_rms_eps(1e-6)
    made.add_rope_freq_base(10_000.0)
    made.add_vocab_size(tiny_causal.VOCABULARY)
    made.add_tokenizer_model("gpt2")
    made.add_token_list([word for word, _ in words])
    made.add_token_types([3 if word == tiny_causal.END else 1 for word, _ in words])
    made.add_token_merges(merges)
    for role in ("bos", "eos", "pad", "unk"):
        getattr(made, f"add_{role}_token_id")(0)
    for name, tensor in network.state_dict().items():
        value = interleaved(tensor) if "q_proj" in name or "k_proj" in name else tensor
        for theirs, ours in _NAMES.items():
            name = name.replace(theirs, ours)
        made.add_tensor(name, value.contiguous().numpy())
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARENA_CACHE", str(tmp_path / "cache"))
    network = tiny_causal.write(tmp_path / "folder", rms_norm_eps=1e-6)
    write_file(tmp_path / "tiny.gguf", network)
    return tmp_path / "tiny.gguf"


def test_a_file_is_the_model_that_was_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = pretrained.read(f"pretrained:{file}")
    card = found.card((128,), {})
    folder = pretrained.read(f"pretrained:{file.parent / 'folder'}")
    other = folder.model(folder.card((128,), {}))
    tokens = torch.arange(40)[None]
    with torch.no_grad():
        torch.testing.assert_close(found.model(card)(tokens), other(tokens), rtol=1e-3, atol=1e-4)
    text = tiny_causal.text()[:200]
    assert torch.equal(tokens_of(card).encode(text), tokens_of(other.card).encode(text))
    pretrained.read.cache_clear()
    monkeypatch.setattr(gguf_module, "_write", None)  # nothing is read twice
    assert pretrained.read(f"pretrained:{file}").card((128,), {}) == card


def test_a_damaged_file_gets_a_sentence_and_leaves_nothing(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ModelError, match=r"tiny.gguf cannot be read by transformers \("):
        pretrained.read(f"pretrained:{file}")
    assert list((file.parent / "cache" / "gguf").iterdir()) == []


@pytest.mark.parametrize("missing", ["gguf", "accelerate"])
def test_without_a_library_it_says_which_extra_to_install(
    file: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(name: str) -> None:
        if name == missing:
            raise ImportError(f"no {missing}")

    monkeypatch.setattr(gguf_module, "import_module", none)
    with pytest.raises(ModelError, match=rf"library {missing} .* 'copyright-arena\[language\]'"):
        pretrained.read(f"pretrained:{file}")


def test_without_a_folder_to_keep_it_in_nothing_is_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_module, "cache_folder", lambda: None)
    with pytest.raises(ModelError, match="name one in ARENA_CACHE"):
        pretrained.read(f"pretrained:{file}")
