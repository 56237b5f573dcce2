"""Short Korean news-like documents with one of seven topics.

The set is generated: a seeded grammar (`_lexicon_topics`) writes 7,000 different documents of one to
three sentences. No person wrote them and nothing in them happened. The seven topics share people's
deeds as figures of speech (a party that hits a home run), name another topic beside their own ('A in
place of B', 'B who was once A'), and 6 of 100 documents fit two topics equally well: nobody can reach
an accuracy above 0.97. There is no original to download.
"""

from __future__ import annotations

import re

import numpy as np

from tf_study.course.data import _lexicon_topics as lexicon
from tf_study.course.data import _source
from tf_study.course.data._grammar import Draw, distinct, slots_of, words
from tf_study.course.data._korean import Noun, Predicate
from tf_study.course.data.reviews_ko import skeleton

Split = tuple[np.ndarray, np.ndarray]

TOPICS = tuple(lexicon.TOPICS)
TRAIN, TEST = 5600, 1400
SEED = 20250301
SHARES = {"plain": 28, "figure": 18, "role": 18, "contrast": 18, "aside": 12, "ambiguous": 6}  # 백분율
OPENED = 60  # 두 주제에 다 맞는 문장 앞뒤에 때나 맺음말이 붙는 백분율


def load_data() -> tuple[Split, Split]:
    """Return ((texts_train, labels_train), (texts_test, labels_test)).

    Texts are object arrays of `str`, (5600,) and (1400,); labels uint8, places in `TOPICS`, the same
    number of each topic.
    """
    arrays = _build()
    return (
        (arrays["train"].astype(object), arrays["train_labels"]),
        (arrays["test"].astype(object), arrays["test_labels"]),
    )


def phenomena() -> tuple[np.ndarray, np.ndarray]:
    """Return for every document, (5600,) and (1400,), what makes it hard.

    One of 'plain', 'figure' (another topic's deed as a figure of speech), 'role' and 'contrast' (two
    topics named in one sentence), 'aside' (a sentence about another topic) and 'ambiguous' (fits two
    topics; its label is one of them).
    """
    arrays = _build()
    return arrays["train_tags"].astype(object), arrays["test_tags"].astype(object)


def describe() -> str:
    """Return one Korean line: which data, how many, where from, licence."""
    return (
        f"한국어 주제 분류(내장, {len(TOPICS)}개 주제): 훈련 {TRAIN:,}, 시험 {TEST:,}편. "
        "사람이 쓴 글이 아니라 시드가 있는 문법으로 생성했다. CC0 1.0."
    )


@_source.cached
def _build() -> dict[str, np.ndarray]:
    writer = _Writer(Draw(SEED))
    seen: set[str] = set()
    return {**_split("train", TRAIN, writer, seen), **_split("test", TEST, writer, seen)}


def _split(name: str, count: int, writer: _Writer, seen: set[str]) -> dict[str, np.ndarray]:
    rows = [
        (text, label, kind)
        for kind, share in SHARES.items()
        for label, topic in enumerate(TOPICS)
        for text in distinct(
            count * share // (100 * len(TOPICS)), lambda: writer.write(kind, topic), skeleton, seen
        )
    ]
    texts, labels, tags = zip(*(rows[index] for index in writer.draw.order(len(rows))))
    return {name: np.array(texts), f"{name}_labels": np.array(labels, np.uint8), f"{name}_tags": np.array(tags)}


class _Writer:
    """Fills the lexicon's templates. Its roles (p, t, …) are explained in `_lexicon_topics`."""

    def __init__(self, draw: Draw):
        self.draw = draw
        self._topics = {name: lexicon.Topic(*map(words, topic)) for name, topic in lexicon.TOPICS.items()}
        self._lists = {slot: words(table) for slot, table in lexicon.LISTS.items()}
        self._templates = {kind: text.strip().splitlines() for kind, text in lexicon.TEMPLATES.items()}
        self._anybody, self._anything = words(lexicon.ANYBODY), words(lexicon.ANYTHING)
        self._ambiguous = [line.split(" ", 2) for line in lexicon.AMBIGUOUS.strip().splitlines()]

    def write(self, kind: str, topic: str) -> str:
        """Return one document of the topic."""
        endings = self.draw.pick(list(lexicon.STYLES.values()))
        if kind == "ambiguous":
            return self._ambiguous_text(topic, endings)
        template = re.sub("끝}", lambda _: self.draw.pick(endings) + "}", self.draw.pick(self._templates[kind]))
        other = self.draw.pick([name for name in TOPICS if name != topic])
        text = template.format_map(self._filled(slots_of(template), self._topics[topic], self._topics[other]))
        return text if text.endswith(".") else text + "."

    def _ambiguous_text(self, topic: str, endings: tuple[str, ...]) -> str:
        *_, sentence = self.draw.pick([row for row in self._ambiguous if topic in row[:2]])
        text = format(_verb(sentence), self.draw.pick(endings)) + "."
        when, closing = self.draw.pick(self._lists["때"]), self.draw.pick(self._lists["맺음"])
        text = f"{when} {text}" if self.draw.chance(OPENED) else text
        return f"{text} {closing}" if self.draw.chance(OPENED) else text

    def _filled(self, slots: list[str], own: lexicon.Topic, other: lexicon.Topic) -> dict:
        """Return a word for every slot; two slots of one role get different words."""
        tables = {
            "pq": own.people, "tu": own.things, "vw": own.deeds + own.figures, "xy": own.events,
            "P": other.people, "T": other.things, "V": other.deeds + other.figures, "X": other.events,
            "m": other.figures, "n": self._anybody, "z": self._anything,
            **{name: table for name, table in self._lists.items() if name in slots},
        }  # fmt: skip
        filled: dict = {}
        for names, table in tables.items():
            names = [names] if names in self._lists else list(names)
            filled |= dict(zip(names, map(_inflected, self.draw.sample(table, len(names)))))
        return filled


def _inflected(entry: str) -> Noun | Predicate:
    return _verb(entry) if entry.endswith("다") else Noun(entry)


def _verb(entry: str) -> Predicate:
    return Predicate(entry, "verb")
