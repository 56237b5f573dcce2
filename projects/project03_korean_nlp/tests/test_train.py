"""학습: 기준선, 누출 없음, 저장한 모델, 오류."""

from __future__ import annotations

import json

import numpy as np
import pytest

from projects.common.cli import UserError
from projects.project03_korean_nlp import train
from projects.project03_korean_nlp.prepare import Settings, prepare
from projects.project03_korean_nlp.tests.conftest import write_lines
from tf_study.course.data import topics_ko


@pytest.fixture(scope="module")
def models():
    from projects.project03_korean_nlp import model

    return model


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A prepared folder of 300 labelled documents and 20 without a topic."""
    folder = tmp_path_factory.mktemp("small")
    (texts, labels), _ = topics_ko.load_data()
    rows = [{"text": text, "topic": topics_ko.TOPICS[y]} for text, y in zip(texts[:300], labels)]
    rows += [{"text": f"주제를 모르는 글 {i}번째입니다"} for i in range(20)]
    prepare([str(write_lines(folder / "a.jsonl", rows))], folder / "out", Settings(analyzer="kiwi"), 1, progress=False)
    return folder / "out"


class TestTraining:
    def test_the_run_can_be_resumed_and_seen(self, trained):
        """That a killed run ends with the same curve is tested in projects/common."""
        assert (trained.out / "run" / "checkpoint-0004.npz").exists()
        history = json.loads((trained.out / "results.json").read_text(encoding="utf-8"))["history"]
        assert len(history) == 4 and {"loss", "val_loss", "accuracy", "val_accuracy"} <= set(history[0])
        assert list((trained.out / "run" / "logs").rglob("events.*"))

    def test_it_beats_both_bags_on_the_same_documents(self, trained):
        results = json.loads((trained.out / "results.json").read_text(encoding="utf-8"))
        found = {name: values["accuracy"] for name, values in results["test"].items()}
        assert found["형태소 주머니"] + 0.05 < found["형태소 1–3 주머니"] < found["BiLSTM"] < 0.985
        assert found["형태소 주머니"] > 0.6  # 허수아비가 아니다
        assert results["documents"] == 1400
        assert all(f"{values['accuracy']:.3f}" in trained.stdout for values in results["test"].values())
        for name, paired in results["paired"].items():
            gap = paired["first"] - paired["second"]
            assert gap / 1400 == pytest.approx(found["BiLSTM"] - found[name])

    def test_another_seed_needs_another_folder(self, trained):
        data, test = (trained.out / "data" / f"{name}-kiwi" for name in ("train", "test"))
        with pytest.raises(UserError, match="seed 0 → 1"):
            train.learn(train.split(data, test), trained.out, epochs=4, seed=1, progress=False)

    def test_training_and_test_data_of_two_analyzers(self, trained, small, tmp_path):
        summary = json.loads((small / "dataset.json").read_text(encoding="utf-8"))
        summary["settings"]["package"] = "konlpy 0.6.0"
        (tmp_path / "dataset.json").write_text(json.dumps(summary), encoding="utf-8")
        with pytest.raises(UserError, match="분석기가 같아야 한다. 훈련: kiwipiepy"):
            train.split(small, tmp_path)


class TestData:
    def test_vocabulary_and_topics_come_from_the_part_alone(self, models, small):
        whole = models.survey(models.Part(small))
        assert whole.documents == 300 and set(whole.topics) == set(topics_ko.TOPICS)
        part, rest = models.survey(models.Part(small, 20)), models.survey(models.Part(small, 0, 20))
        assert part.documents + rest.documents == 300 and rest.documents > 20
        assert set(part.vocabulary) < set(whole.vocabulary)

        from projects.project03_korean_nlp.baseline import load

        words = [word for row in load(models.Part(small, 20)).morphemes for word in row]
        assert set(part.vocabulary) == {word for word in set(words) if words.count(word) > 1}
        assert part.length == max(map(len, load(models.Part(small, 20)).morphemes))

    def test_examples_are_numbers_and_topics_of_the_part(self, models, small):
        from projects.project03_korean_nlp.baseline import load

        part = models.Part(small, 20)
        found, expected = models.survey(part), load(part)
        number = {word: i + 2 for i, word in enumerate(found.vocabulary)}
        rows = list(models.examples(part, found).as_numpy_iterator())
        assert len(rows) == len(expected.topics)
        for (x, y), words, topic in zip(rows, expected.morphemes, expected.topics):
            ids = [number.get(word, 1) for word in words][: found.length]
            assert x.tolist() == ids + [0] * (found.length - len(ids))
            assert found.topics[y] == topic

    def test_parts_do_not_overlap(self, models, small):
        from projects.project03_korean_nlp.baseline import load

        places = [set(load(models.Part(small, *bounds)).places) for bounds in ((0, 10), (10, 20), (20, 100))]
        assert len(set.union(*places)) == sum(map(len, places)) == 300


class TestModel:
    def test_probabilities_do_not_depend_on_what_is_beside(self, models, trained):
        model = models.TopicModel(trained.out / "model")
        rows = [["선거", "가", "끝나", "었", "다"], ["없던말"], [], ["골"] * 500] * 30
        together = model(rows)
        assert together.shape == (120, 7) and model([]).shape == (0, 7)
        np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(together[1], model([rows[1]])[0], atol=1e-5)
        np.testing.assert_allclose(together[:4], together[4:8], atol=1e-5)

    def test_a_folder_without_or_with_half_a_model(self, models, trained, tmp_path):
        with pytest.raises(UserError, match="모델이 없다.*project03_korean_nlp.train"):
            models.TopicModel(tmp_path)
        for name in ("model.keras", "settings.json"):
            (tmp_path / name).write_bytes((trained.out / "model" / name).read_bytes())
        models.TopicModel(tmp_path)
        (tmp_path / "model.keras").write_bytes(b"other")
        with pytest.raises(UserError, match="온전하지 않다"):
            models.TopicModel(tmp_path)

    def test_one_topic_is_too_few(self, models, tmp_path):
        rows = [{"text": f"{i}번째 글이다", "topic": "정치"} for i in range(5)]
        file = write_lines(tmp_path / "a.jsonl", rows)
        prepare([str(file)], tmp_path / "out", Settings(analyzer="kiwi"), 1, progress=False)
        with pytest.raises(UserError, match=r"주제가 둘 이상.*\['정치'\]"):
            models.survey(models.Part(tmp_path / "out"))
