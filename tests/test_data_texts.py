"""글 데이터: 형식, 균형, 재현성, 누출 없음, 조사와 어미, 현상, Keras와 같은 번호, 난이도."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import BernoulliNB, MultinomialNB
from sklearn.pipeline import make_pipeline

from tf_study.course.data import _lexicon_ko, corpus_ko, reviews_en, reviews_ko, vectors
from tf_study.course.data._grammar import words
from tf_study.course.data._korean import Noun, Predicate, final_of, is_hangul, join, split

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory) -> Iterator[Path]:
    """A state folder of this file's own; what other tests left in memory is forgotten, before and after."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("TF_STUDY_HOME", str(folder))
        patch.delenv("TF_STUDY_DATA", raising=False)
        forget()
        yield folder
        forget()


def forget() -> None:
    for cached in (reviews_ko._build, reviews_en._build, reviews_en._embedded):
        cached.cache_clear()


def sha256(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def python(code: str, folder: Path) -> str:
    """Return what a fresh interpreter prints."""
    environment = os.environ | {"TF_STUDY_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


class TestReviews:
    @pytest.mark.parametrize(
        ("load", "sizes", "label_type"),
        [(reviews_ko.load_data, (5000, 1000), np.uint8), (reviews_en.load_texts, (4000, 1000), np.int64)],
    )
    def test_form_and_balance(self, load, sizes, label_type):
        for (texts, labels), size in zip(load(), sizes):
            assert texts.shape == labels.shape == (size,)
            assert texts.dtype == object and all(type(text) is str and text.strip() == text for text in texts)
            assert labels.dtype == label_type
            assert np.bincount(labels).tolist() == [size // 2, size // 2]

    @pytest.mark.parametrize(
        ("load", "key"),
        [
            (reviews_ko.load_data, reviews_ko.skeleton),
            (reviews_en.load_texts, lambda text: " ".join(reviews_en.words_of(text))),
        ],
    )
    def test_all_different_and_no_leakage(self, load, key):
        (train, _), (test, _) = load()
        keys = [key(text) for text in (*train, *test)]
        assert len(set(keys)) == len(keys)

    @pytest.mark.parametrize(
        ("load", "checksum"),
        [
            (reviews_ko.load_data, "125d48cf7b1d0c454c27b476baefd8245e2bfc4566072f702c2af8e2a891f7b2"),
            (reviews_en.load_texts, "c896a72006b730c3503329a7c07095bf8fbfdc2bed11cace62a6f070eed6fa5e"),
        ],
    )
    def test_same_on_every_machine(self, load, checksum):
        (train, train_labels), (test, test_labels) = load()
        labels = "".join(map(str, (*train_labels, *test_labels)))
        assert sha256(*train, *test, labels) == checksum

    @pytest.mark.parametrize("module", [reviews_ko, reviews_en])
    def test_cold_build_takes_less_than_two_seconds(self, module, tmp_path):
        code = (
            f"import time; from tf_study.course.data import {module.__name__.rpartition('.')[2]} as data\n"
            "start = time.process_time(); data.load_data(); print(time.process_time() - start)"
        )
        assert float(python(code, tmp_path)) < 2

    def test_the_real_data_come_from_originals(self, monkeypatch):
        monkeypatch.setenv("TF_STUDY_DATA", "real")
        from tf_study.course.data import originals

        x = np.array([[1, 2], [3], [2, 2]], dtype=object)
        stored = {"x_train": x, "y_train": np.array([1, 0, 1]), "x_test": x, "y_test": np.array([0, 0, 1])}
        monkeypatch.setattr(originals, "imdb", lambda: stored)
        monkeypatch.setattr(originals, "imdb_word_index", lambda: {"so": 1, "good": 2, "bad": 3})
        monkeypatch.setattr(originals, "nsmc", lambda: "nsmc")
        monkeypatch.setattr(originals, "glove", lambda dimension: Path(f"glove.{dimension}"))
        assert reviews_ko.load_data() == "nsmc"
        assert vectors.path() == Path("glove.50")
        (texts, labels), _ = reviews_en.load_texts()
        assert dict(zip(texts, labels)) == {"so good": 1, "bad": 0, "good good": 1}
        (x_train, _), _ = reviews_en.load_data()
        assert [len(ids) - 1 for ids in x_train] == [len(text.split()) for text in texts]
        assert all("원본" in module.describe() for module in (reviews_ko, reviews_en, vectors))

    def test_descriptions_say_that_they_are_generated(self):
        for module in (reviews_ko, reviews_en):
            line = module.describe()
            assert "\n" not in line and "내장" in line and "생성" in line and "1,000" in line


class TestKorean:
    @pytest.mark.parametrize("syllable", ["가", "힣", "각", "뷁", "않", "요"])
    def test_split_and_join_are_inverse(self, syllable):
        assert join(*split(syllable)) == syllable
        letters = unicodedata.normalize("NFD", syllable)
        assert len(letters) == 2 + (split(syllable)[2] != " ")

    @pytest.mark.parametrize(
        ("noun", "forms"),
        [
            ("결말", "결말은 결말이 결말을 결말과 결말로"),
            ("연기", "연기는 연기가 연기를 연기와 연기로"),
            ("음악", "음악은 음악이 음악을 음악과 음악으로"),
            ("CG", "CG는 CG가 CG를 CG와 CG로"),
        ],
    )
    def test_particles(self, noun, forms):
        assert [format(Noun(noun), particle) for particle in "은 이 을 과 으로".split()] == forms.split()

    @pytest.mark.parametrize(
        ("entry", "kind", "forms"),
        [
            ("지루하다", "adjective", "지루하다 지루한 지루한데 지루해요 지루함 지루합니다 지루했다 지루하지만 지루하다는"),
            ("아름답다", "adjective", "아름답다 아름다운 아름다운데 아름다워요 아름다움 아름답습니다 아름다웠다 아름답지만 아름답다는"),
            ("늘어지다", "verb", "늘어진다 늘어지는 늘어지는데 늘어져요 늘어짐 늘어집니다 늘어졌다 늘어지지만 늘어진다는"),
            ("와닿다", "verb", "와닿는다 와닿는 와닿는데 와닿아요 와닿음 와닿습니다 와닿았다 와닿지만 와닿는다는"),
            ("재미있다", "exist", "재미있다 재미있는 재미있는데 재미있어요 재미있음 재미있습니다 재미있었다 재미있지만 재미있다는"),
            ("인상적이다", "copula", "인상적이다 인상적인 인상적인데 인상적이에요 인상적임 인상적입니다 인상적이었다 인상적이지만 인상적이라는"),
            ("영화이다", "copula", "영화다 영화인 영화인데 영화예요 영화임 영화입니다 영화였다 영화지만 영화라는"),
            ("힘들다", "adjective", "힘들다 힘든 힘든데 힘들어요 힘듦 힘듭니다 힘들었다 힘들지만 힘들다는"),
            ("나쁘다", "adjective", "나쁘다 나쁜 나쁜데 나빠요 나쁨 나쁩니다 나빴다 나쁘지만 나쁘다는"),
            ("게으르다", "adjective", "게으르다 게으른 게으른데 게을러요 게으름 게으릅니다 게을렀다 게으르지만 게으르다는"),
        ],
    )
    def test_endings(self, entry, kind, forms):
        endings = "다 ㄴ ㄴ데 어요 ㅁ ㅂ니다 었다 지만 다는".split()
        assert [format(Predicate(entry, kind), ending) for ending in endings] == forms.split()

    def test_negation_keeps_the_kind_that_the_endings_need(self):
        assert f"{Predicate('지루하다').negated('지'):ㄴ데}" == "지루하지 않은데"
        assert f"{Predicate('늘어지다', 'verb').negated('진'):ㄴ데}" == "늘어지진 않는데"

    def test_no_sentence_breaks_the_particle_rule(self):
        """은·는, 을·를, 이·가 are checked on the nouns of the lexicon wherever they occur."""
        (train, _), (test, _) = reviews_ko.load_data()
        nouns = {noun for aspect in _lexicon_ko.ASPECTS.values() for noun in words(aspect.nouns)}
        wrong = {
            noun + ("는를가" if final_of(noun) != " " else "은을이")[index] + " " for noun in nouns for index in range(3)
        }
        assert not [text for text in (*train, *test) for form in wrong if f" {form}" in f" {text}"]

    def test_only_characters_of_reviews(self):
        (train, _), (test, _) = reviews_ko.load_data()
        others = {character for text in (*train, *test) for character in text if not is_hangul(character)}
        assert others <= set(" .,!~;0123456789CGOSTㅋㅎㅠㅜㄷㄹㅇ")


POLARITY = {
    entry[:-1]: polarity
    for aspect in _lexicon_ko.ASPECTS.values()
    for polarity, entries in enumerate((aspect.negative, aspect.positive))
    for entry in words(entries)
}


def stems_in(text: str) -> list[str]:
    """Return the stems of the predicates that stand in the text as they are in the dictionary."""
    return [stem for stem in POLARITY if stem in text]


def sentences(tag: str) -> list[tuple[str, int]]:
    """Return text and label of the sentences with this tag, training and test."""
    return [
        (text, int(label))
        for (texts, labels), tags in zip(reviews_ko.load_data(), reviews_ko.phenomena())
        for text, label in zip(texts[tags == tag], labels[tags == tag])
    ]


class TestPhenomena:
    def test_no_predicate_is_on_both_sides(self):
        sides = [
            {entry for aspect in _lexicon_ko.ASPECTS.values() for entry in words(aspect[side])} for side in (1, 2)
        ]
        assert not sides[0] & sides[1]

    def test_shares_and_balance(self):
        for (_, labels), tags, size in zip(reviews_ko.load_data(), reviews_ko.phenomena(), (5000, 1000)):
            for tag, share in reviews_ko.SHARES.items():
                assert np.bincount(labels[tags == tag]).tolist() == [size * share // 200] * 2
            assert set(tags) == set(reviews_ko.SHARES)

    def test_plain_statements_keep_the_side_of_their_predicate(self):
        sides = [POLARITY[stems[0]] == label for text, label in sentences("plain") if len(stems := stems_in(text)) == 1]
        assert len(sides) > 500 and all(sides)

    def test_negation_turns_the_side_of_its_predicate(self):
        """…지 않다 with one predicate in the sentence."""
        sides = []
        for text, label in sentences("negation"):
            stems = stems_in(text)
            if len(stems) == 1 and re.search(rf"{stems[0]}(지|지는|진) 않\w+[^가-힣]*$", text):
                sides.append(POLARITY[stems[0]] != label)
        assert len(sides) > 150 and all(sides)

    def test_contrast_follows_its_main_clause(self):
        """A은 X지만 B이 Y: the label is Y's side, and X is on the other."""
        sides = []
        for text, label in sentences("contrast"):
            found = re.search(r"(은|는) (\S+)지만 [^.]*[이가은는] (?:\S+ )?(\S+)$", text)
            if found and "않" not in text and (first := stems_in(found[2])) and (last := stems_in(found[3])):
                sides.append((POLARITY[first[0]] != label, POLARITY[last[0]] == label))
        assert len(sides) > 30
        assert all(other and main for other, main in sides)

    def test_irony_praises_what_is_bad_and_blames_what_is_good(self):
        labels = {text: label for text, label in sentences("irony")}
        assert {label for text, label in labels.items() if re.search(r"강추|최고의|장점", text)} == {0}
        assert {label for text, label in labels.items() if re.search(r"단점|책임|고소", text)} == {1}

    def test_the_words_of_irony_are_said_sincerely_too(self):
        plain = sentences("plain")
        assert {label for text, label in plain if "강추" in text} == {1}
        assert {label for text, label in plain if "책임" in text} == {0}

    def test_noise_is_visible(self):
        """Every one is misspelt, has lost a space, or has ㅅ where ㅆ belongs."""
        wrong = [wrong for _, wrong in _lexicon_ko.MISSPELLINGS]
        for text, _ in sentences("noise"):
            squeezed = " " not in text or max(map(len, text.split())) > 5
            loose = any(is_hangul(letter) and final_of(letter) == "ㅅ" for letter in text)
            assert squeezed or loose or any(form in text for form in wrong), text

    def test_some_predicates_are_negated_in_the_test_part_only(self):
        (train, _), (test, _) = reviews_ko.load_data()
        texts = [" / ".join(part[tags == "negation"]) for part, tags in zip((train, test), reviews_ko.phenomena())]
        negated = [{stem for stem in POLARITY if re.search(rf"{stem}(지|지는|진) 않", text)} for text in texts]
        assert len(negated[1] - negated[0]) >= 10

    def test_the_originals_have_no_tags(self, monkeypatch):
        monkeypatch.setenv("TF_STUDY_DATA", "real")
        with pytest.raises(RuntimeError, match="TF_STUDY_DATA=embedded"):
            reviews_ko.phenomena()


@pytest.fixture(scope="module")
def keras_imdb(tmp_path_factory):
    """Keras's own module, reading our stored arrays instead of the download."""
    from keras.src.datasets import imdb

    file = tmp_path_factory.mktemp("keras") / "imdb.npz"
    stored = reviews_en._embedded()
    np.savez(file, **{name: stored[name] for name in ("x_train", "y_train", "x_test", "y_test")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imdb, "get_file", lambda **_: str(file))
        yield imdb


def test_articles_and_verbs_agree_in_english():
    (train, _), (test, _) = reviews_en.load_texts()
    text = "\n".join((*train, *test))
    assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiouh]|\b[a-z]+(?<!s)s (is|was) (?!a )|[{}]|  ", text)


class TestKerasForm:
    OPTIONS = (
        {},
        {"num_words": 300},
        {"num_words": 300, "skip_top": 20},
        {"maxlen": 90, "seed": 7},
        {"start_char": None},
        {"start_char": None, "index_from": 0},
        {"oov_char": None, "num_words": 200},
    )

    @pytest.mark.parametrize("options", OPTIONS, ids=str)
    def test_equal_to_keras(self, keras_imdb, options):
        for (x, y), (expected_x, expected_y) in zip(reviews_en.load_data(**options), keras_imdb.load_data(**options)):
            assert x.dtype == expected_x.dtype and x.shape == expected_x.shape
            assert x.tolist() == expected_x.tolist()
            assert y.dtype == expected_y.dtype and y.tolist() == expected_y.tolist()

    def test_decodes_to_the_text(self):
        inverted = {rank + 3: word for word, rank in reviews_en.get_word_index().items()}
        (x_train, y_train), _ = reviews_en.load_data()
        (texts, labels), _ = reviews_en.load_texts()
        assert (y_train == labels).all()
        top = max(inverted)  # Keras와 같이 가장 드문 낱말 하나는 OOV가 된다
        for ids, text in list(zip(x_train, texts))[:200]:
            assert ids[0] == 1
            assert [inverted.get(w) for w in ids[1:] if w != 2] == [
                word for word in reviews_en.words_of(text) if word != inverted[top]
            ]

    def test_ranks_follow_the_frequency_in_training(self):
        ranks = reviews_en.get_word_index()
        assert sorted(ranks.values()) == list(range(1, len(ranks) + 1))
        counts = dict.fromkeys(ranks, 0)
        for text in reviews_en.load_texts()[0][0]:
            for word in reviews_en.words_of(text):
                counts[word] += 1
        ordered = [counts[word] for word in sorted(ranks, key=ranks.get)]
        assert ordered == sorted(ordered, reverse=True) and ordered[-1] > 0

    def test_lengths(self):
        for texts, _ in reviews_en.load_texts():
            lengths = [len(text.split()) for text in texts]
            assert min(lengths) >= 40 and max(lengths) <= 150

    def test_maxlen_that_leaves_nothing(self):
        with pytest.raises(ValueError, match="maxlen=5"):
            reviews_en.load_data(maxlen=5)


class TestDifficulty:
    """What word order adds; the figures of neural models are in benchmarks/embedded_texts.py."""

    @pytest.mark.parametrize(
        ("load", "order", "model"),
        [
            (reviews_ko.load_data, {"analyzer": "char", "ngram_range": (1, 5)}, BernoulliNB),
            (reviews_en.load_texts, {"ngram_range": (1, 2)}, MultinomialNB),
        ],
    )
    def test_a_bag_of_words_falls_behind(self, load, order, model):
        train, test = load()
        bag = make_pipeline(CountVectorizer(token_pattern=r"\S+"), model()).fit(*train).score(*test)
        ordered = make_pipeline(CountVectorizer(**order), model()).fit(*train).score(*test)
        assert 0.6 < bag < 0.85
        assert ordered > bag + 0.04


class TestCorpus:
    def test_sizes(self):
        constitution, bills = corpus_ko.load_text("constitution"), corpus_ko.load_text("bills")
        assert len(constitution) == 18_884
        assert len(bills) == 46_315
        assert corpus_ko.load_text() == constitution + bills

    def test_text(self):
        text = corpus_ko.load_text()
        assert text.startswith("대한민국헌법\n\n유구한 역사와 전통에 빛나는 우리 대한국민은")
        assert unicodedata.is_normalized("NFC", text)
        assert not {"\r", "\f", "\ufeff"} & set(text)
        assert sum(line.rstrip().endswith(("법률안", "동의안")) for line in text.splitlines()) >= 10

    def test_unknown_name(self):
        with pytest.raises(ValueError, match="'laws'"):
            corpus_ko.load_text("laws")

    def test_without_konlpy(self, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(FileNotFoundError, match="pip install konlpy"):
            corpus_ko.load_text()

    def test_description(self):
        assert "18,884" in corpus_ko.describe() and "제7조" in corpus_ko.describe()


@pytest.fixture(scope="module")
def table() -> dict[str, np.ndarray]:
    rows = [line.split(" ") for line in vectors.path().read_text(encoding="utf-8").splitlines()]
    table = {word: np.array(numbers, dtype=float) for word, *numbers in rows}
    assert len(table) == len(rows) > 1500
    return {word: vector / np.linalg.norm(vector) for word, vector in table.items()}


def nearest(table, query, without, count) -> list[str]:
    others = [word for word in table if word not in without]
    cosines = np.array([table[word] for word in others]) @ query
    return [others[index] for index in np.argsort(-cosines)[:count]]


class TestVectors:
    def test_form_and_bytes(self, table):
        data = vectors.path().read_bytes()
        assert all(vector.shape == (50,) for vector in table.values())
        assert hashlib.sha256(data).hexdigest() == "6357f4d2f4bef0b8181e15b89dd473af094b8f6e1d479b1c563685b225e7644b"
        assert re.fullmatch(r"\S+( -?\d+\.\d{5}){50}", data.decode().splitlines()[0])

    def test_a_damaged_file_is_written_again(self):
        file = vectors.path()
        data = file.read_bytes()
        file.write_bytes(data[:1000])
        assert vectors.path() == file and file.read_bytes() == data
        assert not list(file.parent.glob("*.part"))

    @pytest.mark.parametrize(
        "analogy",
        [
            "man king woman queen",
            "father son mother daughter",
            "france paris germany berlin",
            "japan tokyo korea seoul",
            "italy italian spain spanish",
            "big bigger small smaller",
            "good best bad worst",
            "dog dogs mouse mice",
            "walk walked go went",
            "sing singing write writing",
        ],
    )
    def test_analogies(self, table, analogy):
        a, b, c, answer = analogy.split()
        assert nearest(table, table[b] - table[a] + table[c], {a, b, c}, 1) == [answer]

    @pytest.mark.parametrize(
        ("word", "kin"),
        [
            ("monday", "tuesday wednesday thursday friday saturday sunday weekend"),
            ("blue", "red green yellow black white brown purple pink gray orange silver gold"),
            ("terrible", "awful horrible silly pointless unbelievable wooden dreadful boring bad weak"),
        ],
    )
    def test_neighbours(self, table, word, kin):
        assert set(nearest(table, table[word], {word}, 4)) <= set(kin.split())

    def test_praise_lies_nearer_to_praise_than_to_blame(self, table):
        praise, blame = ("superb", "brilliant", "excellent", "witty"), ("terrible", "awful", "dull", "predictable")
        same = [table[a] @ table[b] for side in (praise, blame) for a in side for b in side if a != b]
        across = [table[a] @ table[b] for a in praise for b in blame]
        assert np.mean(same) > 0.5 > 0.4 > np.mean(across)

    def test_covers_the_english_reviews(self, table):
        assert set(reviews_en.get_word_index()) <= set(table)
        assert "영화" not in table and "moovie" not in table

    def test_description(self):
        assert "학습한 것이 아니라" in vectors.describe()


def test_nothing_here_loads_tensorflow_or_java(tmp_path):
    code = (
        "import sys; from tf_study.course.data import corpus_ko, reviews_en, reviews_ko, vectors\n"
        "reviews_ko.load_data(), reviews_en.load_data(), corpus_ko.load_text(), vectors.path()\n"
        "print({'tensorflow', 'keras', 'konlpy', 'jpype'} & set(sys.modules))"
    )
    assert python(code, tmp_path).strip() == "set()"
