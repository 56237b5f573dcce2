"""요청과 답의 모양. 검증과 OpenAPI가 여기서 나온다."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from projects.project02_sentiment_analysis.settings import Limits
from projects.project02_sentiment_analysis.text import normalise

VISIBLE = r"[^\s\x00-\x1f\x7f-\x9f]"  # 공백도 제어 문자도 아닌 글자가 하나는 있다


class Answer(BaseModel):
    """모델이 글 하나에 준 답."""

    label: Literal["positive", "negative"]
    score: float = Field(ge=0, le=1, description="긍정일 확률")
    tokens: int = Field(ge=0, description="모델이 읽은 토큰의 수")
    unknown: float = Field(ge=0, le=1, description="읽은 토큰 가운데 어휘에 없는 것의 몫. 1이면 글을 알아보지 못했다")
    truncated: bool = Field(description="글이 길어 뒤를 읽지 않았는가")
    attribution: Attribution | None = Field(description="점수를 움직인 토큰. 요청했을 때만 있다")


class Attribution(BaseModel):
    """로그 오즈 = baseline + 토큰의 weight의 합(적분의 오차 안에서). 양수는 긍정 쪽이다."""

    baseline: float
    tokens: list[Token]


class Token(BaseModel):
    token: str = Field(description="워드피스 조각. ##은 앞 조각에 붙는다")
    weight: float


class Answers(BaseModel):
    model: str = Field(description="답한 모델의 버전")
    results: list[Answer] = Field(description="보낸 차례대로")


class Problem(BaseModel):
    where: str = Field(description="틀린 자리. 예: texts.0")
    what: str


class Error(BaseModel):
    code: str
    message: str
    request_id: str
    details: list[Problem] = []


class Failure(BaseModel):
    """모든 오류의 모양."""

    error: Error


class State(BaseModel):
    status: Literal["ok", "ready"]
    model: str | None = None


def request_model(limits: Limits) -> type[BaseModel]:
    """The body of a request within the limits; its texts come out normalised."""
    text_schema = {"type": "string", "minLength": 1, "maxLength": limits.characters, "pattern": VISIBLE}
    several = {"type": "array", "items": text_schema, "minItems": 1, "maxItems": limits.texts}
    text = Annotated[
        str, StringConstraints(min_length=1, max_length=limits.characters, pattern=VISIBLE), AfterValidator(normalise)
    ]
    texts = Annotated[
        list[text],
        Field(min_length=1, max_length=limits.texts),
        BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
        WithJsonSchema({"anyOf": [text_schema, several], "description": "글 하나, 또는 글의 목록"}),
    ]

    class SentimentRequest(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={
            "examples": [{"texts": ["결말이 좋았다", "전혀 재미있지 않다"], "attribution": True}],
        })  # fmt: skip

        texts: texts
        attribution: bool = Field(default=False, description="점수를 움직인 토큰을 함께 받는다. 열 배쯤 느리다")

    return SentimentRequest


_PROBLEMS = {
    "missing": "있어야 하는 항목이 없다",
    "extra_forbidden": "모르는 항목이다",
    "json_invalid": "JSON이 아니다",
    "model_attributes_type": "JSON 객체여야 한다. Content-Type은 application/json이다",
    "string_type": "글(문자열)이어야 한다",
    "list_type": "글이나 글의 목록이어야 한다",
    "bool_type": "true나 false여야 한다",
    "string_unicode": "UTF-8로 적을 수 없는 글자(짝 없는 서로게이트)가 있다",
    "string_too_short": "글이 비어 있다",
    "string_pattern_mismatch": "글이 비어 있다. 공백과 제어 문자 말고 다른 글자가 있어야 한다",
    "string_too_long": "글 하나는 {max_length}자까지이다",
    "too_short": "글이 하나 이상 있어야 한다",
    "too_long": "글은 한 번에 {max_length}개까지이다. 받은 수: {actual_length}",
}


def problems(errors: Sequence[Any]) -> list[Problem]:
    """Pydantic's errors in Korean. What the client sent is not repeated."""
    found = []
    for error in errors:
        loc = () if error["type"] == "json_invalid" else error["loc"]
        where = ".".join(str(part) for part in loc if part != "body")
        what = _PROBLEMS.get(error["type"], "값이 맞지 않는다").format_map(error.get("ctx", {}))
        found.append(Problem(where=where or "body", what=what))
    return found
