"""Korean film reviews with sentiment labels, in the form of NSMC.

The embedded set is generated: a seeded grammar (`_lexicon_ko`) writes 6,000 different sentences.
No person wrote them and no film is meant. The original is the Naver Sentiment Movie Corpus
(github.com/e9t/nsmc, CC0): 150,000 and 50,000 reviews.

Test accuracy on the embedded set (benchmarks/embedded_texts.py): logistic regression on words 0.74, on
characters 0.76, on character 1- to 4-grams 0.86; character CNN 0.95, character BiGRU 0.95.
"""

from __future__ import annotations

import re

import numpy as np

from tf_study.course.data import _lexicon_ko as lexicon
from tf_study.course.data import _source
from tf_study.course.data._grammar import Draw, distinct, slots_of, words
from tf_study.course.data._korean import FINALS, Noun, Predicate, final_of, is_hangul, with_final

KINDS = {
    **dict.fromkeys(words(lexicon.COPULAS), "copula"),
    **dict.fromkeys(words(lexicon.VERBS), "verb"),
    **dict.fromkeys(words(lexicon.MODALS), "past"),
}
SHORT, UNNEGATED, PRAISE = set(words(lexicon.SHORT)), set(words(lexicon.UNNEGATED)), words(lexicon.PRAISE)
CASUAL, POLITE = {"나는": "나는", "내눈엔": "내 눈엔"}, {"나는": "저는", "내눈엔": "제 눈엔"}
WHOLE = "작품"  # 영화 전체를 말하는 주어들

Split = tuple[np.ndarray, np.ndarray]

TRAIN, TEST = 5000, 1000
SEED = 20150628
SHARES = {"plain": 42, "negation": 18, "contrast": 18, "irony": 8, "noise": 14}  # 백분율
HELD_OUT = 25  # 부정과 대조마다 훈련에서 빼 두는 서술어의 백분율
TAILED = 40  # 감탄 꼬리가 붙는 백분율


def load_data() -> tuple[Split, Split]:
    """Return ((texts_train, labels_train), (texts_test, labels_test)).

    Texts are object arrays of `str`, (5000,) and (1000,); labels uint8, 0 negative, 1 positive,
    half of each. With `TF_STUDY_DATA=real`: NSMC, 150,000 and 50,000.
    """
    if _source.use_real():
        from tf_study.course.data import originals

        return originals.nsmc()
    arrays = _build()
    return (
        (arrays["train"].astype(object), arrays["train_labels"]),
        (arrays["test"].astype(object), arrays["test_labels"]),
    )


def phenomena() -> tuple[np.ndarray, np.ndarray]:
    """Return for every embedded sentence, (5000,) and (1000,), what makes it hard.

    One of 'plain', 'negation', 'contrast', 'irony', 'noise' (plain with misspellings and lost spaces).

    Raises:
        RuntimeError: the data are the originals, which carry no such tags.
    """
    if _source.use_real():
        raise RuntimeError("현상 표시는 내장 한국어 리뷰에만 있다. TF_STUDY_DATA=embedded로 부른다.")
    arrays = _build()
    return arrays["train_tags"].astype(object), arrays["test_tags"].astype(object)


def describe() -> str:
    """Return one Korean line: which data, how many, where from, licence."""
    if _source.use_real():
        return "NSMC 네이버 영화 리뷰(원본): 훈련 150,000, 시험 50,000문장. github.com/e9t/nsmc, CC0."
    return (
        f"한국어 영화 리뷰(내장, NSMC 형식): 훈련 {TRAIN:,}, 시험 {TEST:,}문장. "
        "사람이 쓴 글이 아니라 시드가 있는 문법으로 생성했다. CC0 1.0."
    )


def skeleton(text: str) -> str:
    """Return the syllables, letters and digits alone: what is left when spacing and signs do not count."""
    return re.sub(r"[^가-힣A-Za-z0-9]", "", text)


@_source.cached
def _build() -> dict[str, np.ndarray]:
    writer = _Writer(Draw(SEED))
    seen: set[str] = set()
    return {
        **_split("train", TRAIN, writer, seen),
        **_split("test", TEST, writer, seen),
    }


def _split(name: str, count: int, writer: _Writer, seen: set[str]) -> dict[str, np.ndarray]:
    rows = [
        (text, label, phenomenon)
        for phenomenon, share in SHARES.items()
        for label in (0, 1)
        for text in distinct(
            count * share // 200, lambda: writer.write(phenomenon, label, name == "train"), skeleton, seen
        )
    ]
    texts, labels, tags = zip(*(rows[index] for index in writer.draw.order(len(rows))))
    return {name: np.array(texts), f"{name}_labels": np.array(labels, np.uint8), f"{name}_tags": np.array(tags)}


# 서술어 자리: 주어의 자리('film'은 영화 전체), 레이블을 편드는지, 꼴
ROLES = {
    "x": ("a", False, "plain"),
    "n": ("a", False, "long"),
    "s": ("a", False, "short"),
    "y": ("b", True, "plain"),
    "m": ("b", True, "long"),
    "z": ("c", True, "plain"),
    "g": ("film", True, "plain"),
    "k": ("film", True, "doubled"),
    "h": ("film", False, "plain"),
    "u": ("film", False, "long"),
    "t": ("film", False, "short"),
}
LINKS = {"long": ("지", "지", "지", "지는", "진"), "doubled": ("지",)}  # 이중 부정에는 '지는'이 어색하다


class _Writer:
    """Fills the lexicon's templates. Its roles (x, y, …) are explained in `_lexicon_ko`."""

    def __init__(self, draw: Draw):
        self.draw = draw
        self._aspects = {name: (words(aspect.nouns), _sides(aspect)) for name, aspect in lexicon.ASPECTS.items()}
        self._felt = {"v": _sides(lexicon.FELT), "o": _sides(lexicon.FELT_NEGATED)}
        self._lists = {slot: words(table) for slot, table in lexicon.LISTS.items()}
        self._remarks = _sides(lexicon.REMARKS)
        self._templates = {name: _templates(text) for name, text in lexicon.TEMPLATES.items()}
        self._tails = words(lexicon.TAILS)
        self._held = {name: self._hold_out() for name in ("negation", "contrast")}

    def _hold_out(self) -> set[str]:
        entries = sorted({entry for _, sides in self._aspects.values() for side in sides for entry in side})
        return set(self.draw.sample(entries, len(entries) * HELD_OUT // 100))

    def write(self, phenomenon: str, label: int, training: bool) -> str:
        """Return one sentence; in training the predicates held out for the phenomenon do not occur."""
        base = "plain" if phenomenon == "noise" else phenomenon
        held = self._held.get(base, set()) if training else set()
        style = self.draw.pick(list(lexicon.STYLES))
        template = self.draw.pick(self._templates[base][label])
        template = re.sub("끝}", lambda _: self.draw.pick(lexicon.STYLES[style]) + "}", template)
        slots = slots_of(template)
        text = template.format_map(self._words(slots, label, style) | self._clauses(slots, label, held))
        text = " ".join(text.split())
        if phenomenon == "noise":
            text = self._noisy(text)
        return text + (self.draw.pick(self._tails) if self.draw.chance(TAILED) else "")

    def _words(self, slots: list[str], label: int, style: str) -> dict:
        """Return the words that stand alone, in the sentence's style."""
        filled: dict = {slot: Noun(self.draw.pick(self._lists[slot])) for slot in slots if slot in self._lists}
        filled |= {slot: Predicate(*lexicon.WORDS[slot]) for slot in slots if slot in lexicon.WORDS}
        filled |= {slot: _predicate(self.draw.pick(self._felt[slot][label])) for slot in slots if slot in self._felt}
        filled |= {"한마디": self.draw.pick(self._remarks[label]), "칭찬": _predicate(self.draw.pick(PRAISE))}
        return filled | (POLITE if style in lexicon.POLITE_STYLES else CASUAL)

    def _clauses(self, slots: list[str], label: int, held: set[str]) -> dict:
        """Return the subjects, each of another aspect, and their predicates."""
        single = sum(slot in ROLES or slot in self._felt for slot in slots) == 1
        parts = [name for name in self._aspects if single or name != WHOLE]  # '영화는 지루하지만 음악은 좋다'를 막는다
        aspects = {**dict(zip("abc", self.draw.sample(parts, 3))), "film": WHOLE}
        filled: dict = {subject: Noun(self.draw.pick(self._aspects[name][0])) for subject, name in aspects.items()}
        for slot in slots:
            if slot in ROLES:
                subject, agrees, form = ROLES[slot]
                entries = self._aspects[aspects[subject]][1][label if agrees else 1 - label]
                filled[slot] = self._formed([entry for entry in entries if entry not in held], form)
        return filled

    def _formed(self, entries: list[str], form: str) -> Predicate:
        """Return a predicate out of `entries`, negated as `form` says."""
        if form == "plain":
            return _predicate(self.draw.pick(entries))
        short = [entry for entry in entries if entry in SHORT]
        if form == "short" and short:
            predicate = _predicate(self.draw.pick(short))
            return Predicate("안 " + predicate.entry, predicate.kind)
        usable = [entry for entry in entries if entry not in UNNEGATED]
        return _predicate(self.draw.pick(usable)).negated(self.draw.pick(LINKS.get(form, LINKS["long"])))

    def _noisy(self, text: str) -> str:
        """Misspell up to two words, then lose ㅆ's twin and spaces, as hurried typists do."""
        noisy = text
        fitting = [pair for pair in lexicon.MISSPELLINGS if pair[0] in text]
        for right, wrong in self.draw.sample(fitting, min(2, len(fitting))):
            noisy = noisy.replace(right, wrong, 1)
        if self.draw.chance(40):
            noisy = "".join(_plain_final(character) for character in noisy)
        kept = 0 if noisy == text else self.draw.pick((0, 30, 60, 100))  # 무엇인가는 달라진다
        first, *rest = noisy.split()
        return first + "".join((" " if self.draw.chance(kept) else "") + word for word in rest)


def _sides(table: lexicon.Aspect) -> tuple[list[str], list[str]]:
    return words(table.negative), words(table.positive)


def _predicate(entry: str) -> Predicate:
    return Predicate(entry, _kind(entry))


def _kind(entry: str) -> str:
    if entry in KINDS:
        return KINDS[entry]
    if entry.endswith("적이다"):
        return "copula"
    return "exist" if entry.endswith(("있다", "없다", "재밌다")) else "adjective"


def _plain_final(character: str) -> str:
    """Return the syllable with ㅆ below as ㅅ: 했 → 햇."""
    return with_final(character, "ㅅ") if is_hangul(character) and final_of(character) == "ㅆ" else character


def _templates(text: str) -> tuple[list[str], list[str]]:
    """Return the templates usable for label 0 and for label 1."""
    lines = text.strip().splitlines()
    return (
        [line.removeprefix("- ") for line in lines if not line.startswith("+ ")],
        [line.removeprefix("+ ") for line in lines if not line.startswith("- ")],
    )
