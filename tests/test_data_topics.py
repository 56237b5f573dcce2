"""생성한 주제 데이터: 형식, 균형, 재현성, 누출 없음, 현상, 낱말의 목록으로 풀리지 않음."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from tf_study.course.data import _lexicon_topics as lexicon
from tf_study.course.data import topics_ko
from tf_study.course.data._grammar import words
from tf_study.course.data._korean import final_of, is_hangul
from tf_study.course.data.reviews_ko import skeleton

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """A state folder of this file's own; what other tests left in memory is forgotten, before and after."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_STUDY_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("TF_STUDY_DATA", raising=False)
        topics_ko._build.cache_clear()
        yield
        topics_ko._build.cache_clear()


def documents(kind: str) -> list[tuple[str, str]]:
    """Return text and topic of the documents of a kind, training and test."""
    return [
        (text, topics_ko.TOPICS[label])
        for (texts, labels), tags in zip(topics_ko.load_data(), topics_ko.phenomena())
        for text, label in zip(texts[tags == kind], labels[tags == kind])
    ]


def topics_named(text: str) -> set[str]:
    """Return the topics of which a person or thing is named in the text."""
    nouns = {name: words(topic.people) + words(topic.things) for name, topic in lexicon.TOPICS.items()}
    return {name for name, table in nouns.items() if any(re.search(rf"(^|\s){noun}", text) for noun in table)}


def test_form_and_balance():
    assert len(topics_ko.TOPICS) == 7
    for (texts, labels), size in zip(topics_ko.load_data(), (5600, 1400)):
        assert texts.shape == labels.shape == (size,)
        assert texts.dtype == object and all(type(text) is str and text.strip() == text for text in texts)
        assert labels.dtype == np.uint8
        assert np.bincount(labels).tolist() == [size // 7] * 7


def test_all_different_and_no_leakage():
    (train, _), (test, _) = topics_ko.load_data()
    keys = [skeleton(text) for text in (*train, *test)]
    assert len(set(keys)) == len(keys)


def test_same_on_every_machine():
    (train, train_labels), (test, test_labels) = topics_ko.load_data()
    labels = "".join(map(str, (*train_labels, *test_labels)))
    checksum = hashlib.sha256("\n".join((*train, *test, labels)).encode()).hexdigest()
    assert checksum == "e0cb2be9062a217e6d04581a8681758766fe996349da112bf17223b8422ef6e8"


def test_a_fresh_process_builds_it_quickly_without_tensorflow_or_java(tmp_path):
    code = (
        "import sys, time; from tf_study.course.data import topics_ko\n"
        "start = time.process_time(); topics_ko.load_data(); print(time.process_time() - start)\n"
        "print({'tensorflow', 'keras', 'konlpy', 'jpype'} & set(sys.modules))"
    )
    environment = os.environ | {"TF_STUDY_HOME": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, modules = done.stdout.splitlines()
    assert float(seconds) < 20 and modules == "set()"


def test_the_description_says_that_it_is_generated():
    line = topics_ko.describe()
    assert "\n" not in line and "내장" in line and "생성" in line and "5,600" in line


def test_shares_of_the_phenomena():
    for (_, labels), tags, size in zip(topics_ko.load_data(), topics_ko.phenomena(), (5600, 1400)):
        assert set(tags) == set(topics_ko.SHARES)
        for tag, share in topics_ko.SHARES.items():
            assert np.bincount(labels[tags == tag]).tolist() == [size * share // 700] * 7
    assert sum(topics_ko.SHARES.values()) == 100


def test_no_sentence_breaks_the_particle_rule():
    nouns = {noun for topic in lexicon.TOPICS.values() for noun in words(topic.people) + words(topic.things)}
    wrong = {noun + particle for noun in nouns for particle in ("는를가와" if final_of(noun) != " " else "은을이과")} - nouns
    found = [text for texts, _ in topics_ko.load_data() for text in texts]
    assert not [text for text in found for form in wrong if f" {form} " in f" {text} "]


def test_only_characters_of_news():
    found = "".join(text for texts, _ in topics_ko.load_data() for text in texts)
    assert {character for character in found if not is_hangul(character)} <= set(" .3")


def test_plain_documents_name_their_own_topic_alone():
    for text, topic in documents("plain"):
        assert topics_named(text) <= {topic}, text


@pytest.mark.parametrize("kind", ["role", "contrast"])
def test_two_topics_are_named_and_one_is_right(kind):
    found = [(topics_named(text), topic) for text, topic in documents(kind)]
    assert all(len(named) == 2 and topic in named for named, topic in found)


def test_contrast_follows_its_connective():
    """'A이 아니라 B' is about B wherever the pair stands."""
    checked = 0
    for text, topic in documents("contrast"):
        if match := re.search(r"(.+)[이가] 아니라 (\S+ \S+ \S+)", text):
            assert topics_named(match[2]) == {topic} != topics_named(match[1]), text
            checked += 1
    assert checked > 150


def test_a_man_is_what_he_is_now():
    """'A 출신 B' is about B."""
    checked = 0
    for text, topic in documents("role"):
        if match := re.search(r"(.+) 출신의? (.+)", text):
            assert topics_named(match[2]) == {topic} != topics_named(match[1]), text
            checked += 1
    assert checked > 100


def test_figures_of_speech_are_literal_elsewhere():
    """Every deed that is a figure of speech stands in plain documents of its own topic, too."""
    plain = defaultdict(str)
    for text, topic in documents("plain"):
        plain[topic] += text
    for name, topic in lexicon.TOPICS.items():
        literal = [figure for figure in words(topic.figures) if figure.rpartition(" ")[0] in plain[name]]
        assert len(literal) == len(words(topic.figures))


def test_ambiguous_sentences_have_both_topics():
    rows = [line.split(" ", 2) for line in lexicon.AMBIGUOUS.strip().splitlines()]
    topics = defaultdict(set)
    for text, topic in documents("ambiguous"):
        fitting = [sentence for *pair, sentence in rows if sentence.rpartition(" ")[0] in text and topic in pair]
        assert fitting, text
        for sentence in fitting:
            topics[sentence].add(topic)
    assert sum(len(found) == 2 for found in topics.values()) > 0.9 * len(rows)
    assert all({first, second} <= set(topics_ko.TOPICS) and first != second for first, second, _ in rows)


def test_a_keyword_list_does_not_solve_it():
    """Syllable pairs stand for words; order adds a lot. Neural figures are in the project's README."""
    train, test = topics_ko.load_data()
    features = {"analyzer": "word", "token_pattern": r"[가-힣]{2}"}
    bag = make_pipeline(CountVectorizer(**features), MultinomialNB()).fit(*train).score(*test)
    order = make_pipeline(
        CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 3), min_df=2), LogisticRegression(max_iter=300)
    )
    ordered = order.fit(*train).score(*test)
    assert 0.55 < bag < 0.8
    assert bag + 0.03 < ordered < 0.93


def test_nothing_marks_the_ambiguous_ones():
    """No model can do better than a coin on them: their topics do not depend on what stands around."""
    (train, y), (test, y_test) = topics_ko.load_data()
    tags, test_tags = topics_ko.phenomena()
    model = make_pipeline(CountVectorizer(analyzer="char", ngram_range=(1, 4)), MultinomialNB())
    model.fit(train[tags == "ambiguous"], y[tags == "ambiguous"])
    assert model.score(test[test_tags == "ambiguous"], y_test[test_tags == "ambiguous"]) < 0.7
