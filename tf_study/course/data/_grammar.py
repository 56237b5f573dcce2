"""What both generated review sets share: seeded draws, roles in templates, distinct samples."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np


class Draw:
    """Seeded choices from tables. `RandomState` streams are the same in every NumPy version."""

    def __init__(self, seed: int):
        self._random = np.random.RandomState(seed)

    def below(self, limit: int) -> int:
        return int(self._random.random_sample() * limit)  # 한 번에 하나씩 뽑을 때 randint보다 빠르다

    def pick(self, table: Sequence):
        return table[self.below(len(table))]

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent

    def order(self, count: int) -> np.ndarray:
        return self._random.permutation(count)

    def sample(self, table: Sequence, count: int) -> list:
        """Return `count` different items of the table in random order."""
        left = list(table)
        return [left.pop(self.below(len(left))) for _ in range(count)]


def slots_of(template: str) -> list[str]:
    """Return the names of the template's slots, each once, in order."""
    return list(dict.fromkeys(re.findall(r"{(\w+)", template)))


def words(table: str) -> list[str]:
    """Return the entries of a table that is one string with commas between them."""
    return [word.strip() for word in table.split(",")]


def distinct(count: int, make: Callable[[], str], key: Callable[[str], str], seen: set[str]) -> list[str]:
    """Return `count` texts from `make` whose keys are new, and add their keys to `seen`.

    Raises:
        RuntimeError: the grammar does not yield enough different texts.
    """
    texts: list[str] = []
    for _ in range(200 * count):
        if len(texts) == count:
            return texts
        text = make()
        if key(text) not in seen:
            seen.add(key(text))
            texts.append(text)
    raise RuntimeError(f"서로 다른 글 {count}개가 필요한데 문법이 {len(texts)}개만 만들었다")
