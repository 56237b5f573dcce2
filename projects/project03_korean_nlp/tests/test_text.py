"""줄 읽기, 풀기, 정규화."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest

from projects.project03_korean_nlp.text import (
    LINE_BYTES,
    BadLine,
    Document,
    Line,
    Position,
    Reader,
    bucket,
    normalize,
    read_files,
    read_stream,
)


class TestNormalize:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (unicodedata.normalize("NFD", "값싼 닭갈비"), "값싼 닭갈비"),
            ("  앞\t뒤\u3000사이\u00a0끝 \r\n", "앞 뒤 사이 끝"),
            ("가\x00나\x1b다\x85라\u2028마", "가 나 다 라 마"),
            ("\ufeff한\u200b국\u00ad어\u200f", "한국어"),
            ("ㅋㅋㅋ ① ㎏ ½", "ㅋㅋㅋ ① ㎏ ½"),
            ("👨\u200d👩\u200d👧 ❤\ufe0f", "👨\u200d👩\u200d👧 ❤\ufe0f"),
            (" \u200b\t", ""),
        ],
    )
    def test_forms(self, text, expected):
        assert normalize(text) == expected
        assert normalize(expected) == expected


class TestBucket:
    def test_texts_that_look_alike_stay_together(self):
        assert bucket("선거가 끝났다.") == bucket("선거가  끝났다!!") == bucket("선거가끝났다")

    def test_spread_over_all_hundred(self):
        found = [bucket(f"글 {i}번째") for i in range(5000)]
        assert set(found) == set(range(100))


class TestReadStream:
    def test_line_ends_and_numbers(self):
        lines = list(read_stream(io.BytesIO("하나\r\n\n셋".encode()), "a"))
        assert lines == [Line("a", 1, "하나".encode(), 8), Line("a", 2, b"", 1), Line("a", 3, "셋".encode(), 3)]

    def test_a_line_without_end_is_cut_and_the_next_one_is_whole(self):
        data = b"x" * (3 * LINE_BYTES + 5) + "\n다음\n".encode()
        long, following = read_stream(io.BytesIO(data), "a")
        assert (len(long.data), long.size, following.number) == (LINE_BYTES, 3 * LINE_BYTES + 6, 2)
        assert following.data.decode() == "다음"

    @pytest.mark.parametrize("size", [LINE_BYTES - 1, LINE_BYTES, LINE_BYTES + 1, 2 * LINE_BYTES, 2 * LINE_BYTES + 1])
    def test_sizes_around_the_limit(self, size):
        lines = list(read_stream(io.BytesIO(b"x" * size + b"\ny\n"), "a"))
        assert [line.size for line in lines] == [size + 1, 2]

    def test_reads_no_more_than_it_gives(self):
        class Endless(io.RawIOBase):
            given = 0

            def readable(self):
                return True

            def readinto(self, buffer):
                self.given += len(buffer)
                buffer[:] = b"x" * len(buffer)
                return len(buffer)

        source = Endless()
        stream = io.BufferedReader(source)
        assert len(stream.readline(LINE_BYTES)) == LINE_BYTES
        assert source.given < 2 * LINE_BYTES


class TestReadFiles:
    def test_starts_anywhere(self, tmp_path):
        names = []
        for name, text in {"a": "하나\n둘\n", "b": "", "c": "셋\n넷"}.items():
            names.append(str(tmp_path / name))
            (tmp_path / name).write_text(text, encoding="utf-8")
        found = list(read_files(names))
        assert [line.data.decode() for _, line in found] == ["하나", "둘", "셋", "넷"]
        assert [line.number for _, line in found] == [1, 2, 1, 2]
        for i, (position, _) in enumerate(found):
            assert list(read_files(names, position)) == found[i:]
        assert found[3][0] == Position(2, 4, 2)


def parse(data, is_json=True, number=1, **options):
    data = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    return Reader(**options).parse(Line("f", number, data, len(data)), is_json)


class TestParse:
    def test_json_with_everything(self):
        line = json.dumps({"text": " 선거가  끝났다", "topic": "정치", "id": 7}, ensure_ascii=False)
        assert parse(line) == Document("f", 1, "7", "선거가 끝났다", "정치")

    def test_other_field_names_and_numbers_as_topics(self):
        found = parse('{"title": "제목", "label": 3}', text_field="title", topic_field="label")
        assert (found.text, found.topic) == ("제목", "3")

    def test_text_files_are_not_parsed(self):
        assert parse('{"text": 1}', is_json=False).text == '{"text": 1}'

    def test_byte_order_mark_of_the_first_line(self):
        assert parse(b"\xef\xbb\xbf" + '{"text": "글"}'.encode()).text == "글"

    @pytest.mark.parametrize(
        ("data", "reason", "detail"),
        [
            ("{broken", "JSON이 깨졌다", "Expecting"),
            ("[" * 100_000, "JSON이 깨졌다", "recursion"),
            ('{"text": ' + "9" * 5000 + "}", "JSON이 깨졌다", "digits"),
            ('["글"]', "JSON 객체가 아니다", "list"),
            ('{"body": "글"}', "필드가 없다", "text"),
            ('{"text": null}', "필드가 글이 아니다", "text: NoneType"),
            ('{"text": "글", "topic": ["정치"]}', "필드가 글이 아니다", "topic: list"),
            ('{"text": "글", "topic": true}', "필드가 글이 아니다", "topic: bool"),
            ('{"text": "\\ud83d"}', "짝이 없는 서로게이트가 있다", "U+D83D"),
            (b'{"text": "\xb1\xdb"}', "UTF-8이 아니다", "11번째 바이트 0xb1"),
            ("가".encode("utf-16"), "UTF-8이 아니다", "0xff"),
            ('{"text": " \\u200b\\n"}', "빈 줄이다", ""),
            ("", "빈 줄이다", ""),
            ('{"text": "' + "가" * 2001 + '"}', "너무 길다", "2,001자"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_bad_lines(self, data, reason, detail):
        found = parse(data)
        assert isinstance(found, BadLine) and found.reason == reason and detail in found.detail
        assert (found.file, found.line) == ("f", 1) and len(found.raw) <= 2000
        found.raw.encode()  # 그대로 파일에 쓸 수 있다

    def test_a_line_beyond_the_limit_of_bytes(self):
        found = Reader().parse(Line("f", 1, b"x" * LINE_BYTES, 5 * LINE_BYTES), False)
        assert found.reason == "너무 길다" and "5,242,880바이트" in found.detail
