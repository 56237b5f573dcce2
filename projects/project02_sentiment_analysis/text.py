"""글을 모델에 넣기 전의 정규화. 학습과 서비스가 같은 함수를 쓴다."""

from __future__ import annotations

import re
import unicodedata

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def normalise(text: str) -> str:
    """Return the text composed (NFC), control characters as spaces, runs of white space as one space.

    Signs, emoji and letters of any script stay: 'ㅠㅠ' carries feeling.
    """
    return " ".join(CONTROL.sub(" ", unicodedata.normalize("NFC", text)).split())
