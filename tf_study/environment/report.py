"""`python main.py`: 환경 점검을 한 줄씩, 또는 JSON으로 낸다."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from tf_study.environment import checks
from tf_study.environment.checks import Check
from tf_study.environment.probe import Probe

MARKS = {checks.OK: "✅", checks.WARNING: "⚠️", checks.FAILED: "❌"}


def report(as_json: bool) -> int:
    """Print the environment check; return 1 if something required fails, else 0.

    The first line is `tensorflow_version : 2.x.x`. With `as_json` one JSON object comes instead:
    'tensorflow_version', 'ok' and 'checks', each of these with 'name', 'status', 'found' and 'fix'.
    """
    version = checks.installed_version("tensorflow") or "없음"
    python = checks.python()
    if python.status != checks.OK:
        return _print(version, [python], as_json)
    if importlib.util.find_spec("tensorflow") is None:
        return _print(version, [python, checks.tensorflow_missing()], as_json)
    numerics, korean = Probe("numerics"), Probe("korean")  # 둘이 도는 동안 나머지를 점검한다
    answers = numerics.answers()
    imported = next(answers)
    version = imported.get("version", version)
    return _print(version, _all(python, imported, answers, korean.answers()), as_json)


def _all(python: Check, imported: dict, numerics: Iterator[dict], korean: Iterator[dict]) -> Iterator[Check]:
    yield python
    yield checks.tensorflow(imported)
    yield checks.backend()
    yield from checks.libraries()
    yield checks.kernel()
    yield checks.korean_font()
    yield checks.disk()
    yield checks.originals()
    if "error" not in imported:
        yield from checks.devices(list(numerics))
    yield checks.java(list(korean))
    yield from checks.engines()


def _print(version: str, found: Iterable[Check], as_json: bool) -> int:
    if not as_json:
        print(f"tensorflow_version : {version}", flush=True)
    shown = []
    for check in found:
        shown.append(check)
        if not as_json:
            print(_line(check), flush=True)
    ok = all(check.status != checks.FAILED for check in shown)
    if as_json:
        values = {"tensorflow_version": version, "ok": ok, "checks": [asdict(check) for check in shown]}
        print(json.dumps(values, ensure_ascii=False, indent=1))
    return 0 if ok else 1


def _line(check: Check) -> str:
    return f"{MARKS[check.status]} {check.name}: {check.found}" + (f" → {check.fix}" if check.fix else "")
