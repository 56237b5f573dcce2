"""Word vectors in GloVe's text format: one word and its 50 numbers a line.

The embedded file is made, not learnt: a word's vector is the sum of the directions of its meanings
(tables in `_lexicon_vectors`, adjectives from the review grammar) and a direction of its own. So
analogies, neighbours and clusters hold by construction, for seeing how one works with vectors. Vectors
learnt from text are the original: GloVe (Pennington et al. 2014), 400,000 words.
"""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path

import numpy as np

from tf_study.course.data import _lexicon_en, _source, reviews_en
from tf_study.course.data import _lexicon_vectors as lexicon
from tf_study.course.data._grammar import words

DIMENSION = 50
SEED = 2014
# 방향의 무게(백분율). 격자의 낱말: 갈래, 칸, 줄, 더 붙는 뜻, 낱말만의 것
CATEGORY, COLUMN, LINE, EXTRA, OWN = 60, 80, 90, 60, 20
LONE, LONE_OWN, ASPECT = 110, 70, 25  # 격자 밖의 낱말: 갈래, 낱말만의 것, 리뷰의 소재
UNIT = 1000  # 방향의 성분은 -1000에서 1000까지의 정수다. 끝까지 정수로 더해 어느 컴퓨터에서나 같다

Meanings = dict[str, dict[str, int]]


def path() -> Path:
    """Return the path of the text file, written on first use.

    Embedded: about 1,600 words × 50 numbers. With `TF_STUDY_DATA=real`: glove.6B.50d.txt, 400,000 words.
    """
    if _source.use_real():
        from tf_study.course.data import originals

        return originals.glove(DIMENSION)
    file = _source.home() / "embedded" / f"vectors.{DIMENSION}d.txt"
    if not file.is_file() or file.read_bytes() != _text():
        _write(file, _text())
    return file


def describe() -> str:
    """Return one Korean line: which data, how many, where from, licence."""
    if _source.use_real():
        return "단어 벡터 GloVe 6B 50차원(원본): 400,000단어. Stanford NLP, Pennington 외(2014), PDDL."
    return (
        f"영어 단어 벡터(내장, GloVe 형식): {len(_meanings()):,}단어, {DIMENSION}차원. "
        "글에서 학습한 것이 아니라 뜻의 표에서 조립했다. CC0 1.0."
    )


@functools.cache
def _text() -> bytes:
    meanings = _meanings()
    names = list(dict.fromkeys(name for weights in meanings.values() for name in weights))
    random = np.random.RandomState(SEED)
    directions = dict(zip(names, random.randint(-UNIT, UNIT + 1, size=(len(names), DIMENSION), dtype=np.int64)))
    lines = []
    for word, weights in meanings.items():
        total = sum(weight * directions[name] for name, weight in weights.items())
        numbers = " ".join(f"{number / (100 * UNIT):.5f}" for number in total.tolist())
        lines.append(f"{word} {numbers}\n")
    return "".join(lines).encode()


@functools.cache
def _meanings() -> Meanings:
    """Return for every word its meanings and their weights."""
    meanings: Meanings = {}
    for category, (columns, table) in lexicon.GRIDS.items():
        for line in table.strip().splitlines():
            _add_line(meanings, category, columns.split(), line)
    for category, table in lexicon.SETS.items():
        for word in table.split():
            _add(meanings, word, {category: LONE}, LONE_OWN)
    in_grids = set(meanings)
    for aspect, (_, positive, negative) in _lexicon_en.ASPECTS.items():
        for side, table in (("positive", positive), ("negative", negative)):
            for word in words(table):
                if word not in in_grids:
                    _add(meanings, word, {"property": CATEGORY, side: LINE, aspect: ASPECT}, LONE_OWN)
    for word in reviews_en.get_word_index():
        if word not in meanings:
            _add(meanings, word, {"review": CATEGORY}, LONE_OWN)
    return meanings


def _add_line(meanings: Meanings, category: str, columns: list[str], line: str) -> None:
    entries, _, extras = line.partition("|")
    for word, column in zip(entries.split(), columns, strict=True):
        shared = {category: CATEGORY, f"{category} {entries}": LINE, f"{category}.{column}": COLUMN}
        _add(meanings, word, shared | dict.fromkeys(extras.split(), EXTRA), OWN)


def _add(meanings: Meanings, word: str, weights: dict[str, int], own: int) -> None:
    meanings.setdefault(word, {}).update(weights | {f"own {word}": own})


def _write(file: Path, data: bytes) -> None:
    """Write through a temporary file, so that a reader never sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
        part.write(data)
    os.replace(part.name, file)
