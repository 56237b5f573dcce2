"""6.1이 내보내는 것: 바이트 쌍 토크나이저와 형태소 분석기."""

from __future__ import annotations

import json
import pickle
import random
import subprocess
import sys
import unicodedata

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from tf_study.course.data import corpus_ko, reviews_ko
from tf_study.nlp.bpe import ANALYZERS, BYTES, PIECE, BytePairTokenizer, merge, morpheme_analyzer, split

SPECIAL = ["[PAD]", "[UNK]", "[BOS]"]
ODD = [
    "", " ", "   \n\t  끝", "안녕하세요. 반가워요!", "👨‍👩‍👧‍👦 🇰🇷 ❤️", unicodedata.normalize("NFD", "값싼 닭갈비 맛없다"),
    "ㅋㅋㅋㅋㅠㅠ", "각각각각각", "a" * 1000, "가" * 200, " " * 300, "1234567 ①②③ ½ 二十", "\x00\x1c\x85\u2028\ufeff\ufffd",
    "مرحبا नमस्ते สวัสดี e\u0301", "[PAD] [BOS]", "def f(x_1):\n\treturn  x_1 ** 2  # 제곱\r\n", "\U0010ffff",
]  # fmt: skip


@pytest.fixture(scope="module")
def corpus():
    return corpus_ko.load_text("constitution")


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return BytePairTokenizer.train([corpus], 2000, SPECIAL)


def random_text(generator, length):
    """Code points of all planes without surrogates, many of them Korean."""
    ranges = [(0, 0x80), (0, 0xD800), (0xE000, 0x110000), (0xAC00, 0xD7A4), (0x1100, 0x1200), (0x1F300, 0x1FA00)]
    return "".join(chr(generator.randrange(*generator.choice(ranges))) for _ in range(length))


def random_texts(count):
    generator = random.Random(0)
    return [random_text(generator, generator.randrange(80)) for _ in range(count)]


@pytest.mark.parametrize("text", ODD)
def test_an_odd_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "".join(split(text)) == text


def test_random_unicode_comes_back(tokenizer):
    for text in random_texts(1000):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert all(len(SPECIAL) <= i < tokenizer.vocab_size for i in ids)


def test_every_byte_has_a_token_and_every_token_its_bytes(tokenizer):
    assert sorted(BYTES) == list(range(256))
    assert tokenizer.tokens[len(SPECIAL) : len(SPECIAL) + 256] == [bytes([b]) for b in BYTES]
    assert len(set(tokenizer.tokens)) == tokenizer.vocab_size == 2000
    assert tokenizer.special == {"[PAD]": 0, "[UNK]": 1, "[BOS]": 2}


def hugging_face(texts, size, special=()):
    other = Tokenizer(models.BPE())
    other.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PIECE.pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=2, show_progress=False, special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    other.train_from_iterator(texts, trainer)
    return other


@pytest.mark.parametrize("name, size", [("constitution", 700), ("bills", 3000), ("all", 10_000)])
def test_the_numbers_are_those_of_tokenizers(name, size):
    texts = corpus_ko.load_text(name).split("\n")
    ours, other = BytePairTokenizer.train(texts, size, SPECIAL), hugging_face(texts, size, SPECIAL)
    assert ours.vocab_size == other.get_vocab_size()
    reviews = reviews_ko.load_data()[1][0][:300]
    assigned = ["".join(c for c in text if unicodedata.category(c) != "Cn") for text in random_texts(200)]
    for text in [*texts, *reviews, *ODD, *assigned]:
        if "[" not in text:  # tokenizers는 글 속의 특수 토큰을 알아본다
            assert ours.encode(text) == other.encode(text).ids


def by_definition(texts, size):
    """Count everything anew before each merge: the definition."""
    tokenizer = BytePairTokenizer()
    words = [tokenizer.encode(piece) for text in texts for piece in split(text)]
    while tokenizer.vocab_size < size:
        counts = {}
        for word in words:
            for pair in zip(word, word[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[pair] < 2:
            break
        new = tokenizer.add(pair)
        words = [merge(word, pair, new) for word in words]
    return tokenizer


@pytest.mark.parametrize("seed", range(5))
def test_training_is_the_definition_on_texts_full_of_repetitions(seed):
    generator = random.Random(seed)
    texts = ["".join(generator.choice("ab가 ") for _ in range(60)) for _ in range(20)]
    assert BytePairTokenizer.train(texts, 400).merges == by_definition(texts, 400).merges


def test_training_does_not_depend_on_the_order_of_the_texts(corpus, tokenizer):
    lines = corpus.split("\n")
    assert BytePairTokenizer.train(lines, 600).merges == BytePairTokenizer.train(lines[::-1], 600).merges


def test_a_small_text_gives_fewer_tokens():
    tokenizer = BytePairTokenizer.train(["abab cd"], 1000)
    assert tokenizer.vocab_size == 257 and tokenizer.tokens[256] == b"ab"


def test_merge_goes_from_left_to_right():
    assert merge([1, 1, 1, 2, 1, 1], (1, 1), 9) == [9, 1, 2, 9] and merge([], (1, 1), 9) == []


def test_special_tokens_are_numbers_that_text_cannot_spell(tokenizer):
    ids = [tokenizer.special["[BOS]"], *tokenizer.encode("[PAD]국민[BOS]"), tokenizer.special["[PAD]"]]
    assert ids.count(0) == ids.count(2) == 1
    assert tokenizer.decode(ids) == "[PAD]국민[BOS]"


def test_a_cut_character_becomes_the_replacement_character():
    tokenizer = BytePairTokenizer()
    assert tokenizer.decode(tokenizer.encode("가나")[:-1]) == "가\ufffd"


def test_a_later_merge_is_seen_by_encode():
    tokenizer = BytePairTokenizer()
    a, b = tokenizer.encode("ab")
    new = tokenizer.add((a, b))
    assert tokenizer.encode("ab") == [new]


def test_what_is_saved_comes_back(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "t.json")
    same = BytePairTokenizer.load(tmp_path / "t.json")
    assert (same.tokens, same.merges, same.special) == (tokenizer.tokens, tokenizer.merges, tokenizer.special)
    text = reviews_ko.load_data()[0][0][0]
    assert same.encode(text) == tokenizer.encode(text) == pickle.loads(pickle.dumps(tokenizer)).encode(text)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"merges": [[1]], "special_tokens": []}',
                                     '{"merges": [[0, 999]], "special_tokens": []}', '{"merges": 3}'])  # fmt: skip
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(ValueError, match="save가 쓴 파일"):
        BytePairTokenizer.load(tmp_path / "t.json")
    with pytest.raises(FileNotFoundError):
        BytePairTokenizer.load(tmp_path / "none.json")


def test_a_lone_surrogate_is_one_clear_error(tokenizer):
    for call in (tokenizer.encode, lambda text: BytePairTokenizer.train([text], 300)):
        with pytest.raises(ValueError, match=r"서로게이트.*3번째 U\+D83D"):
            call("가나\ud83d다")


@pytest.mark.parametrize("call, error, message", [
    (lambda t: t.encode(b"abc"), TypeError, "받은 것: bytes"),
    (lambda t: t.decode([3, 2000]), ValueError, "받은 번호: 2000"),
    (lambda t: t.decode([-1]), ValueError, "받은 번호: -1"),
    (lambda t: t.decode([1.5]), TypeError, "float"),
    (lambda t: t.train("글 하나", 300), TypeError, "str 하나"),
    (lambda t: t.train(["글"], 258, SPECIAL), ValueError, "259 이상.*258"),
    (lambda t: BytePairTokenizer((), "[PAD]"), ValueError, "서로 다른 이름"),
    (lambda t: BytePairTokenizer((), ["[PAD]", "[PAD]"]), ValueError, "서로 다른 이름"),
    (lambda t: BytePairTokenizer([(0, 256)]), ValueError, r"0–255이어야 한다. 받은 쌍: \(0, 256\)"),
    (lambda t: BytePairTokenizer([(0, 5)], ["[PAD]"]), ValueError, "1–256이어야"),
])  # fmt: skip
def test_wrong_input_is_refused(tokenizer, call, error, message):
    with pytest.raises(error, match=message):
        call(tokenizer)


def test_kiwi_needs_no_java():
    morphs = morpheme_analyzer("kiwi")
    assert morphs("영화가 재미있다")[:2] == ["영화", "가"]
    assert morphs(" \n") == []


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="okt, komoran, hannanum, kkma, kiwi 가운데 하나여야 한다. 받은 값: 'Mecab'"):
        morpheme_analyzer("Mecab")


def nothing_found():
    import jpype

    raise jpype.JVMNotFoundException("No JVM shared library file (libjvm.so) found.")


def nothing_found_on_a_mac():
    raise subprocess.CalledProcessError(1, ["/usr/libexec/java_home"])


def found_by_java_home_on_a_mac():
    return b"/Users/me/Library/Java/JavaVirtualMachines/openjdk-21/Contents/Home"


@pytest.mark.parametrize("platform, find", [
    ("linux", nothing_found), ("darwin", nothing_found_on_a_mac), ("darwin", found_by_java_home_on_a_mac),
])  # fmt: skip
def test_without_java_konlpys_are_refused_with_the_way_out(monkeypatch, platform, find):
    import jpype

    monkeypatch.setattr(jpype, "isJVMStarted", lambda: False)
    monkeypatch.setattr(jpype, "getDefaultJVMPath", find)
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("okt", "komoran", "hannanum", "kkma"):
        with pytest.raises(RuntimeError, match=f"{ANALYZERS[name]}에는 Java가 필요한데.*'kiwi'를 고른다"):
            morpheme_analyzer(name)


def has_java():
    import jpype

    try:
        return bool(jpype.getDefaultJVMPath())
    except (ValueError, OSError, subprocess.SubprocessError):
        return False


@pytest.mark.skipif(not has_java(), reason="Java가 없다")
def test_konlpys_cut_korean_and_return_plain_lists():
    program = """
import json
from tf_study.nlp.bpe import morpheme_analyzer
names = ("okt", "komoran")
texts = ["영화가 재미있다", " \\n", "👍", "좋다👍🎬 추천", "첫 줄\\n\\n둘째 줄"]
print(json.dumps({name: [morpheme_analyzer(name)(text) for text in texts] for name in names}))
"""
    # JVM은 한 번 켜면 끌 수 없고 시험의 신호 처리와 부딪히므로 다른 프로세스에서 켠다
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    for name, (words, blank, sign, mixed, lines) in json.loads(answer.stdout).items():
        assert words[:2] == ["영화", "가"] and blank == [] and sign == ["👍"], name
        assert "👍🎬" in mixed and mixed[-1] == "추천", name
        assert "둘째" in "".join(lines), name
