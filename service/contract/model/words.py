"""Words: what a baseline keeps of texts, from which no text can be read back."""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from zlib import compress, crc32, decompress

import numpy as np

BITS = 2**18
GROUPS = 100
READ = 10_000  # characters of a text in which words are looked for
WORD = re.compile(r"\w+")


def group(text: str) -> int:
    """Return the group of a text, below 100: always the same, and in no order.

    Examples
    --------
    >>> group("red"), group("red"), group("blue")
    (55, 55, 64)
    """
    return _hash(text) % GROUPS


def _hash(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, eq=False)
class Words:
    """The words of texts, each as a number below 2**18 that two words seldom share.

    Parameters
    ----------
    rows, numbers : ndarray of shape (n_words,)
        The text, counted from 0, and the word. A word counts once a text.
    groups : ndarray of shape (n_texts,)
        The group of one word of each text, chosen by the text itself; 0 if it has no word. As a
        text has one, rows are as independent as texts are.

    Examples
    --------
    >>> words = Words.of(["The cat", "the dog and the cat"])
    >>> words.rows.tolist(), len(set(words.numbers.tolist()))
    ([0, 0, 1, 1, 1, 1], 4)
    """

    rows: np.ndarray
    numbers: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Read texts, the first 10,000 characters of each; capitals make no difference."""
        found: list[np.ndarray] = []
        groups = []
        for text in texts:
            words = WORD.findall(text[:READ].casefold())
            hashes = sorted({_hash(word) for word in words})
            found.append(np.unique(np.array(hashes, dtype=np.int64) % BITS))
            groups.append(group(words[_hash(text) % len(words)]) if words else 0)
        rows = np.repeat(np.arange(len(found)), [len(numbers) for numbers in found])
        numbers = np.concatenate([np.zeros(0, dtype=np.int64), *found])
        return cls(rows, numbers, np.array(groups, dtype=np.int64))

    @property
    def once(self) -> np.ndarray:
        """For each text the share of its words that no other text has, shape (n_texts,).

        It is the share that would be unseen if the text were new, and so what to compare the
        share of a new text with.

        Examples
        --------
        >>> Words.of(["a b", "b c", "b"]).once.tolist()
        [0.5, 0.5, 0.0]
        """
        texts = np.bincount(self.numbers, minlength=BITS)
        return self._share(texts[self.numbers] == 1)

    def unseen(self, vocabulary: str) -> np.ndarray:
        """For each text the share of its words that a vocabulary lacks, shape (n_texts,).

        Examples
        --------
        >>> Words.of(["b d", ""]).unseen(Words.of(["a b", "b c"]).vocabulary).tolist()
        [0.5, 0.0]
        """
        known = np.unpackbits(np.frombuffer(decompress(b64decode(vocabulary)), dtype=np.uint8))
        return self._share(known[self.numbers] == 0)

    @property
    def vocabulary(self) -> str:
        """All words, as text: a bit for each number, compressed."""
        known = np.zeros(BITS, dtype=np.uint8)
        known[self.numbers] = 1
        return b64encode(compress(np.packbits(known).tobytes(), 9)).decode()

    def _share(self, words: np.ndarray) -> np.ndarray:
        size = len(self.groups)
        all_words = np.bincount(self.rows, minlength=size)
        counted = np.bincount(self.rows, weights=words, minlength=size)
        return counted / np.maximum(all_words, 1)
