"""Korean text to train tokenizers and word vectors on: the constitution and ten bills.

The files lie in the KoNLPy package (corpora kolaw and kobill) and are read from there as plain text: no
Java, no import of konlpy. There is no other original, so `TF_STUDY_DATA` changes nothing here.

Licence: the constitution is no protected work (저작권법 제7조 제1호: 헌법·법률). The bills are documents that
members of the National Assembly and the government tabled in November 2010, public record. KoNLPy
itself, which ships both, is under the GPLv3; this course only reads its files.
"""

from __future__ import annotations

import importlib.util
import unicodedata
from pathlib import Path

FOLDERS = {"constitution": "kolaw", "bills": "kobill"}
NAMES = (*FOLDERS, "all")


def load_text(name: str = "all") -> str:
    """Return the text in NFC with '\\n' as line and page end.

    Args:
        name: 'constitution' (18,884 characters), 'bills' (46,315) or 'all', one after the other.

    Raises:
        ValueError: another name.
        FileNotFoundError: KoNLPy is not installed.
    """
    if name not in NAMES:
        raise ValueError(f"name은 {', '.join(NAMES)} 가운데 하나여야 한다. 받은 값: {name!r}")
    folders = FOLDERS.values() if name == "all" else [FOLDERS[name]]
    return "".join(_read(path) for folder in folders for path in sorted((_corpora() / folder).glob("*.txt")))


def describe() -> str:
    """Return one Korean line: which data, how much, where from, licence."""
    return (
        f"한국어 말뭉치(KoNLPy 패키지의 kolaw와 kobill, 원본 그대로): 헌법 {len(load_text('constitution')):,}자, "
        f"의안 10건 {len(load_text('bills')):,}자. 헌법은 저작권법 제7조에 따라 보호받지 않는 저작물이고 의안은 국회 공개 문서다."
    )


def _corpora() -> Path:
    spec = importlib.util.find_spec("konlpy")  # 찾기만 한다. import하면 JVM 준비가 따라온다
    if spec is None:
        raise FileNotFoundError("konlpy 패키지가 없다. `pip install konlpy==0.6.0`으로 설치한다.")
    return Path(spec.origin).parent / "data" / "corpus"


def _read(path: Path) -> str:
    text = path.read_text(encoding="utf-8").replace("\f", "\n")  # read_text가 CRLF를 바꾼다
    return unicodedata.normalize("NFC", text)
