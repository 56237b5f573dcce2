"""English film reviews with sentiment labels, in the form of IMDB.

The embedded set is generated: a seeded grammar (`_lexicon_en`) writes 5,000 different reviews of 40 to
150 words. No person wrote them and no film is meant. The original is the Large Movie Review Dataset
(Maas et al. 2011): 25,000 and 25,000 reviews, as `keras.datasets.imdb` serves it.

Test accuracy on the embedded set (benchmarks/embedded_texts.py): logistic regression on words 0.78, on
1- and 2-grams 0.88; word CNN 0.96.
"""

from __future__ import annotations

import functools
import re
from collections import Counter

import numpy as np

from tf_study.course.data import _lexicon_en as lexicon
from tf_study.course.data import _source
from tf_study.course.data._grammar import Draw, distinct, slots_of, words

Split = tuple[np.ndarray, np.ndarray]

TRAIN, TEST = 4000, 1000
SEED = 20110619
SHUFFLE_SEED = 113  # keras.datasets.imdb의 기본값
WORDS_FROM_TO = (40, 150)
STATEMENTS = (4, 9)  # 한 리뷰의 평가 문장 수: 4에서 8
AGREEING = 85  # 평가 문장이 총평과 같은 편일 백분율
DENIED = 33  # 총평이 반대편 주장의 부정일 백분율
WHOLE = 20  # 총평과 같은 편일 때 영화 전체를 두고 말할 백분율
SHARES = ("plain",) * 10 + ("negation",) * 5 + ("contrast",) * 5


def load_data(
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = SHUFFLE_SEED,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Split, Split]:
    """Return ((x_train, y_train), (x_test, y_test)) exactly as `keras.datasets.imdb.load_data` would.

    x are object arrays of int lists, (4000,) and (1000,); y int64, 0 negative, 1 positive, half of each.
    With `TF_STUDY_DATA=real`: IMDB, 25,000 and 25,000.

    Args:
        num_words: keep the indices below it; None keeps all.
        skip_top: drop the indices below it.
        maxlen: leave out reviews of this length or longer; None keeps all.
        seed: seed of the shuffle.
        start_char: index put first, None for none.
        oov_char: index put for a dropped word, None to leave it out.
        index_from: added to every word's index; 0 is padding.

    Raises:
        ValueError: `maxlen` leaves no review.
    """
    stored, random = _stored(), np.random.RandomState(seed)
    splits = [_shuffled(stored, name, random) for name in ("train", "test")]
    start = [] if start_char is None else [start_char]
    splits = [([start + [w + index_from for w in ids] for ids in x], y) for x, y in splits]
    if maxlen:
        splits = [_shorter(x, y, maxlen) for x, y in splits]
    if not num_words:  # Keras와 같이: 가장 큰 번호 하나도 밀려난다
        num_words = max(max(ids) for x, _ in splits for ids in x)
    train, test = (
        (np.array([_limited(ids, skip_top, num_words, oov_char) for ids in x], dtype=object), np.asarray(y))
        for x, y in splits
    )
    return train, test


def load_texts() -> tuple[Split, Split]:
    """Return ((texts_train, labels_train), (texts_test, labels_test)) in the default order of `load_data`.

    Texts are object arrays of `str`. The original stores indices only, so its texts come back as lower-case
    words without punctuation.
    """
    stored, random = _stored(), np.random.RandomState(SHUFFLE_SEED)
    if _source.use_real():
        ranked = {rank: word for word, rank in get_word_index().items()}
        stored = stored | {
            f"x_{name}": np.array([" ".join(ranked[rank] for rank in ids) for ids in stored[f"x_{name}"]], dtype=object)
            for name in ("train", "test")
        }
    else:
        stored = stored | {f"x_{name}": stored[f"texts_{name}"] for name in ("train", "test")}
    return _shuffled(stored, "train", random), _shuffled(stored, "test", random)


def get_word_index() -> dict[str, int]:
    """Return each word's rank by frequency in the training reviews, from 1; `load_data` adds `index_from`."""
    if _source.use_real():
        from tf_study.course.data import originals

        return originals.imdb_word_index()
    return dict(_embedded()["word_index"])


def describe() -> str:
    """Return one Korean line: which data, how many, where from, licence."""
    if _source.use_real():
        return "IMDB 영화 리뷰(원본): 훈련 25,000, 시험 25,000편. Maas 외(2011), keras.datasets.imdb와 같은 파일."
    return (
        f"영어 영화 리뷰(내장, IMDB 형식): 훈련 {TRAIN:,}, 시험 {TEST:,}편. "
        "사람이 쓴 글이 아니라 시드가 있는 문법으로 생성했다. CC0 1.0."
    )


def words_of(text: str) -> list[str]:
    """Return the lower-case words of a text; an apostrophe or a hyphen inside stays."""
    return re.findall(r"[^\W_]+(?:['-][^\W_]+)*", text.lower())


def _shuffled(stored: dict, name: str, random: np.random.RandomState) -> Split:
    x, y = stored[f"x_{name}"], stored[f"y_{name}"]
    order = np.arange(len(x))
    random.shuffle(order)
    return x[order], y[order]


def _shorter(x: list[list[int]], y: np.ndarray, maxlen: int) -> tuple[list[list[int]], list[int]]:
    kept = [(ids, label) for ids, label in zip(x, y) if len(ids) < maxlen]
    if not kept:
        raise ValueError(f"maxlen={maxlen}보다 짧은 리뷰가 없다. maxlen을 키운다.")
    ids, labels = zip(*kept)
    return list(ids), list(labels)


def _limited(ids: list[int], skip_top: int, num_words: int, oov_char: int | None) -> list[int]:
    if oov_char is None:
        return [w for w in ids if skip_top <= w < num_words]
    return [w if skip_top <= w < num_words else oov_char for w in ids]


def _stored() -> dict:
    """Return x_train, y_train, x_test, y_test as in imdb.npz: ranks without any offset."""
    if _source.use_real():
        from tf_study.course.data import originals

        return originals.imdb()
    return _embedded()


@functools.cache
def _embedded() -> dict:
    arrays = _build()
    texts = {name: np.array(_unpacked(arrays[name]), dtype=object) for name in ("train", "test")}
    reviews = {name: [words_of(text) for text in texts[name]] for name in texts}
    counts = Counter(word for review in reviews["train"] for word in review)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    word_index = {word: rank for rank, word in enumerate(ranked, start=1)}
    stored: dict = {"word_index": word_index}
    for name in texts:
        ids = np.empty(len(texts[name]), dtype=object)
        ids[:] = [[word_index[word] for word in review if word in word_index] for review in reviews[name]]
        stored |= {f"x_{name}": ids, f"y_{name}": arrays[f"{name}_labels"], f"texts_{name}": texts[name]}
    return stored


@_source.cached
def _build() -> dict[str, np.ndarray]:
    writer, seen = _Writer(Draw(SEED)), set()
    arrays = {}
    for name, count in (("train", TRAIN), ("test", TEST)):
        rows = [
            (text, label)
            for label in (0, 1)
            for text in distinct(count // 2, lambda: writer.write(label), lambda text: " ".join(words_of(text)), seen)
        ]
        texts, labels = zip(*(rows[index] for index in writer.draw.order(count)))
        arrays |= {name: _packed(texts), f"{name}_labels": np.array(labels, np.int64)}
    return arrays


def _packed(texts: tuple[str, ...]) -> np.ndarray:
    """Return the texts as UTF-8 bytes, one a line: a '<U…' array would pad all to the longest."""
    return np.frombuffer("\n".join(texts).encode(), dtype=np.uint8)


def _unpacked(stored: np.ndarray) -> list[str]:
    return stored.tobytes().decode().split("\n")


class _Subject(str):
    """A subject after 'the'; the spec 'is' or 'was' adds the verb in its number."""

    def __format__(self, verb: str) -> str:
        if not verb:
            return str(self)
        plural = self.endswith("s")
        return f"{self} { {'is': 'are', 'was': 'were'}[verb] if plural else verb}"


class _Word(str):
    """A word; the spec 'a' puts the indefinite article before it."""

    def __format__(self, article: str) -> str:
        if not article:
            return str(self)
        return f"{'an' if self[0] in 'aeiou' or self == 'honest' else 'a'} {self}"


class _Writer:
    """Fills the lexicon's templates. Its roles (x, y, …) are explained in `_lexicon_en`."""

    def __init__(self, draw: Draw):
        self.draw = draw
        self._aspects = [
            ([_Subject(word) for word in words(subjects)], tuple(map(_word_list, (negative, positive))))
            for subjects, positive, negative in lexicon.ASPECTS.values()
        ]
        self._whole = self._aspects.pop()  # 표의 마지막: 영화 전체
        self._lists = {slot: _word_list(table) for slot, table in lexicon.LISTS.items()}
        self._templates = {name: text.strip().splitlines() for name, text in lexicon.TEMPLATES.items()}
        self._verdicts = lexicon.VERDICTS.strip().splitlines()

    def write(self, label: int) -> str:
        """Return one review whose verdict, and most of whose statements, are on the label's side."""
        while True:
            text = self._review(label)
            if WORDS_FROM_TO[0] <= len(text.split()) <= WORDS_FROM_TO[1]:
                return text

    def _review(self, label: int) -> str:
        count = STATEMENTS[0] + self.draw.below(STATEMENTS[1] - STATEMENTS[0])
        sides = [label if self.draw.chance(AGREEING) else 1 - label for _ in range(count)]
        while 2 * sides.count(label) <= count:
            sides = [label if self.draw.chance(AGREEING) else 1 - label for _ in range(count)]
        tense = self.draw.pick(("is", "was"))
        sentences = [self.draw.pick(lexicon.OPENINGS)]
        sentences += [self._statement(side, tense, side == label) for side in sides]
        if self.draw.chance(60):
            sentences.insert(1 + self.draw.below(count), self.draw.pick(lexicon.ASIDES))
        sentences.append(self._verdict(label))
        return " ".join(_capital(self._filled(sentence)) for sentence in sentences)

    def _statement(self, side: int, tense: str, agreeing: bool) -> str:
        """Return a statement on `side`; only one that agrees with the verdict is about the whole film."""
        kind = self.draw.pick(SHARES)
        template = self.draw.pick(self._templates[kind]).replace(":be}", f":{tense}}}")
        aspects = self.draw.sample(self._aspects, 3)
        if agreeing and self.draw.chance(WHOLE):
            aspects[0 if kind == "negation" else 1] = self._whole
        filled = {"w": self.draw.pick(self._whole[1][side])}
        for subject, slot, (nouns, adjectives), of in zip("abc", "xyz", aspects, (1 - side, side, side)):
            filled |= {subject: self.draw.pick(nouns), slot: self.draw.pick(adjectives[of])}
        return self._filled(template, **filled)

    def _verdict(self, label: int) -> str:
        """Return a verdict whose main clause is on the label's side, in words that both labels use."""
        first, second = self.draw.sample(range(len(lexicon.CLAIMS[0])), 2)
        roles = {
            "closing": self.draw.pick(lexicon.CLOSINGS),
            "for": self._claim(label, first),
            "for_too": self._claim(label, second),
            "against": self._claim(1 - label, self.draw.below(lexicon.IMPERSONAL)),
        }
        return self._filled(self._filled(self.draw.pick(self._verdicts), **roles))

    def _claim(self, side: int, number: int) -> str:
        """Return a claim on `side`: its own, or the other side's denied."""
        denied = int(self.draw.chance(DENIED))
        return lexicon.CLAIMS[1 - side if denied else side][number][denied]

    def _filled(self, template: str, **roles: str) -> str:
        """Return the template with its roles, and words drawn from the lists for the other slots."""
        drawn = {slot: self.draw.pick(self._lists[slot]) for slot in slots_of(template) if slot in self._lists}
        return template.format_map(drawn | roles)


def _word_list(table: str) -> list[_Word]:
    return [_Word(word) for word in words(table)]


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
