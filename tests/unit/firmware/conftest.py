"""The firmware's modules under CPython: only AES has to be lent to them."""

from tests.unit.firmware import aes_provider

aes_provider.install()
