"""A tiny causal model of transformers with a tokenizer of its own, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from arena.world.data import load
from arena.world.kinds.tokens import BYTES

VOCABULARY = 400
END = "<|endoftext|>"


def text() -> str:
    """Return the train part of the fables."""
    return BYTES.decode(load("fables").train.images.flatten())


def tokenizer() -> Any:
    """Return pieces of bytes that were learnt from the fables."""
    import tokenizers

    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    letters = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[END], initial_alphabet=letters, show_progress=False
    )
    made.train_from_iterator([text()[:20_000]], trainer)
    return made


def write(folder: Path, **changes: Any) -> Any:
    """Write a model and its tokenizer, and return transformers' own network.

    Args:
        folder: where to.
        changes: of its config.
    """
    import transformers

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, num_attention_heads=2, max_position_embeddings=256, **sizes | changes
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = transformers.LlamaForCausalLM(config)
    network.eval().save_pretrained(folder)  # type: ignore[no-untyped-call]
    tokenizer().save(str(folder / "tokenizer.json"))
    return network
