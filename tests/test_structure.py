"""저장소의 모든 노트북과 그 둘레의 파일이 `tf_study.authoring.rules`를 지킨다."""

from __future__ import annotations

from pathlib import Path

import pytest

from tf_study.authoring.rules import NOTEBOOK_RULES, TREE_RULES
from tf_study.authoring.tree import Tree

TREE = Tree(Path(__file__).parent.parent)
CASES = [
    pytest.param(notebook, rule, id=f"{notebook.name}-{rule.__name__}")
    for notebook in TREE.notebooks
    for rule in NOTEBOOK_RULES[notebook.kind]
]


@pytest.mark.parametrize(("notebook", "rule"), CASES)
def test_notebook(notebook, rule):
    findings = list(rule(notebook))
    assert not findings, "\n".join([notebook.name, *findings])


@pytest.mark.parametrize("rule", TREE_RULES, ids=lambda rule: rule.__name__)
def test_tree(rule):
    findings = [f"{name}: {finding}" for name, finding in rule(TREE)]
    assert not findings, "\n".join(findings)
