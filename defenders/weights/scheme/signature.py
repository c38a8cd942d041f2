"""RSA signatures whose key pair is expanded from a seed, and the bits that they hash to."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from arena.world.rng import Rng

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

KEY_BITS = 2048
MOST_BITS = 256  # of a SHA-256
_EXPONENT = 65537
_WINDOW = 2048  # odd numbers that are searched at a time
_WITNESSES = 12  # a composite passes with a probability below 4 ** -12, a random one far below


def small_primes(limit: int) -> list[int]:
    """Return the odd primes below a limit, by the sieve of Eratosthenes.

    >>> small_primes(20)
    [3, 5, 7, 11, 13, 17, 19]
    """
    alive = np.ones(limit, dtype=bool)
    for n in range(3, math.isqrt(limit) + 1, 2):
        alive[n * n :: n] = False
    return [n for n in range(3, limit, 2) if alive[n]]


_SMALL = small_primes(2**14)


def is_prime(n: int, random: np.random.Generator) -> bool:
    """Tell whether an odd n > 3 is prime: Miller and Rabin's test with random witnesses."""
    twos = ((n - 1) & (1 - n)).bit_length() - 1  # n - 1 = 2 ** twos * odd
    for _ in range(_WITNESSES):
        witness = 2 + int.from_bytes(random.bytes(n.bit_length() // 8 + 8), "big") % (n - 3)
        x = pow(witness, (n - 1) >> twos, n)
        if x not in (1, n - 1) and not any((x := x * x % n) == n - 1 for _ in range(twos - 1)):
            return False
    return True


def prime_from(rng: Rng, n_bits: int) -> int:
    """Return a prime of `n_bits` bits (a multiple of 8), fit for RSA; its two top bits are 1.

    It is the first one after a number that the stream draws.
    """
    random = rng.numpy()
    while True:
        start = int.from_bytes(random.bytes(n_bits // 8), "big") | 0b11 << n_bits - 2 | 1
        alive = np.ones(_WINDOW, dtype=bool)  # of start, start + 2, start + 4, ...
        for prime in _SMALL:
            alive[-start * (prime + 1) // 2 % prime :: prime] = False
        for place in np.flatnonzero(alive).tolist():
            candidate = start + 2 * place
            if candidate % _EXPONENT != 1 and is_prime(candidate, random):
                return candidate


def private_key(rng: Rng) -> RSAPrivateKey:
    """Return the key pair that a stream expands to: the same stream, the same key."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    p, q = (prime_from(rng.child(name), KEY_BITS // 2) for name in ("p", "q"))
    d = pow(_EXPONENT, -1, math.lcm(p - 1, q - 1))
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, p * q),
    ).private_key()


def signed(message: str, rng: Rng) -> dict[str, Tensor]:
    """Return the modulus and the signature of a message, as bytes (256,) each.

    The padding is that of PKCS #1 v1.5, which draws nothing: one signature for each message.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    key = private_key(rng)
    modulus = key.public_key().public_numbers().n.to_bytes(KEY_BITS // 8, "big")
    signature = key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    return {"modulus": _tensor(modulus), "signature": _tensor(signature)}


def is_signed(message: str, modulus: Tensor, signature: Tensor) -> bool:
    """Tell whether a signature is that of the message under a public key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        public = rsa.RSAPublicNumbers(_EXPONENT, int.from_bytes(_bytes(modulus), "big"))
        public.public_key().verify(
            _bytes(signature), message.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except (InvalidSignature, ValueError):  # ValueError: not the modulus of any key
        return False
    return True


def bits_of(signature: Tensor, n_bits: int) -> Tensor:
    """Return the first bits (n_bits,) of the SHA-256 of a signature, as uint8."""
    hashed = np.frombuffer(hashlib.sha256(_bytes(signature)).digest(), dtype=np.uint8)
    return torch.from_numpy(np.unpackbits(hashed)[:n_bits])


def _tensor(value: bytes) -> Tensor:
    return torch.frombuffer(bytearray(value), dtype=torch.uint8)


def _bytes(value: Tensor) -> bytes:
    return bytes(value.to(torch.uint8).tolist())
