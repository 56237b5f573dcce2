"""파일의 줄에서 글까지: 정해진 크기까지만 읽고, 풀고, 정규화한다. 버리는 줄마다 까닭이 있다."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

LINE_BYTES = 2**20  # 줄바꿈 없는 파일도 한 줄에 이만큼만 메모리에 둔다
RAW_CHARACTERS = 2000
BUCKETS = 100
JSON_SUFFIXES = (".jsonl", ".ndjson")
BOM = b"\xef\xbb\xbf"

SPACES = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")  # 제어 문자는 흔히 구분자의 자리에 있으므로 공백으로 본다
ZWJ = "\u200d"  # 👨‍👩‍👧를 한 글자로 잇는다


class Line(NamedTuple):
    """One line of a file; `data` is its first `LINE_BYTES` bytes at most."""

    file: str
    number: int  # 1부터
    data: bytes
    size: int


class Document(NamedTuple):
    """A text that can be analysed; `topic` is '' where the line named none."""

    file: str
    line: int
    id: str
    text: str
    topic: str


class BadLine(NamedTuple):
    """A line that is left out: `reason` can be counted, `detail` says what came."""

    file: str
    line: int
    reason: str
    detail: str
    raw: str


class _Bad(Exception):
    def __init__(self, reason: str, detail: str = ""):
        super().__init__(reason, detail)


@dataclass(frozen=True)
class Reader:
    """How lines become documents.

    Args:
        text_field, topic_field: names in a JSON line; the topic may be missing, or null.
        max_chars: longest text after normalisation, in characters.
    """

    text_field: str = "text"
    topic_field: str = "topic"
    max_chars: int = 2000

    def parse(self, line: Line, is_json: bool) -> Document | BadLine:
        """Return the line's document, or why there is none."""
        try:
            fields = self._fields(line, is_json)
            text = normalize(fields[self.text_field])
            if not text:
                raise _Bad("빈 줄이다")
            if len(text) > self.max_chars:
                raise _Bad("너무 길다", f"{len(text):,}자, 한계는 {self.max_chars:,}자")
            return Document(line.file, line.number, fields["id"], text, normalize(fields[self.topic_field]))
        except _Bad as bad:
            raw = line.data.decode("utf-8", "backslashreplace")[:RAW_CHARACTERS]
            return BadLine(line.file, line.number, *bad.args, raw)

    def _fields(self, line: Line, is_json: bool) -> dict[str, str]:
        if line.size > LINE_BYTES:
            raise _Bad("너무 길다", f"{line.size:,}바이트, 한계는 {LINE_BYTES:,}바이트")
        text = _decoded(line)
        if not is_json or not text.strip():
            return {self.text_field: text, self.topic_field: "", "id": ""}
        return self._from_json(text)

    def _from_json(self, text: str) -> dict[str, str]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _Bad("JSON이 깨졌다", str(error)) from None
        if not isinstance(value, dict):
            raise _Bad("JSON 객체가 아니다", type(value).__name__)
        if self.text_field not in value:
            raise _Bad("필드가 없다", self.text_field)
        return {
            self.text_field: _string(value, self.text_field, allowed=(str,)),
            self.topic_field: _string(value, self.topic_field),
            "id": _string(value, "id"),
        }


def _decoded(line: Line) -> str:
    try:
        return (line.data.removeprefix(BOM) if line.number == 1 else line.data).decode()
    except UnicodeDecodeError as error:
        raise _Bad("UTF-8이 아니다", f"{error.start + 1}번째 바이트 0x{line.data[error.start]:02x}") from None


def _string(fields: dict, name: str, allowed: tuple[type, ...] = (str, int, type(None))) -> str:
    value = fields.get(name)
    if not isinstance(value, allowed) or isinstance(value, bool):
        raise _Bad("필드가 글이 아니다", f"{name}: {type(value).__name__}")
    text = "" if value is None else str(value)
    if lone := re.search("[\ud800-\udfff]", text):
        raise _Bad("짝이 없는 서로게이트가 있다", f"{name}: U+{ord(lone[0]):04X}")
    return text


def normalize(text: str) -> str:
    """Return the text in one form for what looks the same: NFC, single spaces, nothing invisible.

    NFC joins jamo that were written apart (as in file names of macOS), which no dictionary knows. NFKC is
    not used: it also rewrites 'ㅋㅋ' and '①'. Format characters (zero width space, BOM, soft hyphen,
    direction marks) go, but not the joiner inside emoji.
    """
    text = unicodedata.normalize("NFC", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf" or c == ZWJ)
    return SPACES.sub(" ", text).strip()


def bucket(text: str) -> int:
    """Return 0..99 from the letters and digits alone: texts that differ in spacing and signs stay together."""
    skeleton = re.sub(r"[\W_]", "", text)
    return int.from_bytes(hashlib.sha256(skeleton.encode()).digest()[:8]) % BUCKETS


def is_json(file: str) -> bool:
    return file.endswith(JSON_SUFFIXES)


def read_stream(stream: BinaryIO, name: str, first: int = 1) -> Iterator[Line]:
    """Yield the lines of a binary stream, without their ends, in bounded memory."""
    number = first
    while data := stream.readline(LINE_BYTES + 1):
        size = len(data)
        last = data
        while not last.endswith(b"\n") and size > LINE_BYTES and (last := stream.readline(LINE_BYTES)):
            size += len(last)
        yield Line(name, number, data[:LINE_BYTES].rstrip(b"\r\n"), size)
        number += 1


class Position(NamedTuple):
    """Where a line starts: which file, at which byte, and its number."""

    file: int
    offset: int
    number: int


def read_files(files: list[str], start: Position = Position(0, 0, 1)) -> Iterator[tuple[Position, Line]]:
    """Yield the lines of the files one after the other, each with its position.

    Raises:
        OSError: a file cannot be read.
    """
    for index in range(start.file, len(files)):
        _, offset, number = start if index == start.file else Position(index, 0, 1)
        with Path(files[index]).open("rb") as stream:
            stream.seek(offset)
            for line in read_stream(stream, files[index], number):
                yield Position(index, offset, line.number), line
                offset += line.size
