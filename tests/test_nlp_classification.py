"""글을 번호로 바꾸는 레이어와 BiLSTM."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tf_study.nlp.classification import build_bilstm, text_vectorizer


class TestTextVectorizer:
    def test_characters_padding_unknown_and_cut(self):
        layer = text_vectorizer(["가나", "가 Aㅠ!"], length=4)
        vocabulary = layer.get_vocabulary()
        assert {"가", "나", " ", "A", "ㅠ", "!"} == set(vocabulary[2:])
        ids = layer(["가힣", "가나가나가나"]).numpy()
        assert ids.shape == (2, 4) and ids[0].tolist() == [vocabulary.index("가"), 1, 0, 0]

    def test_words(self):
        assert text_vectorizer(["좋다 좋다 나쁘다"], 3, "whitespace").get_vocabulary()[2:] == ["좋다", "나쁘다"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [(([], 3), "하나 이상"), ((["가"], 0), "1 이상"), ((["가"], 3, "jamo"), "character나 whitespace")],
    )
    def test_wrong_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            text_vectorizer(*arguments)


class TestBiLSTM:
    def test_padding_changes_nothing(self):
        model = build_bilstm(9, units=3, dimension=4)
        short = np.array([[2, 3, 4], [5, 0, 0]])
        np.testing.assert_allclose(model(short), model(np.pad(short, ((0, 0), (0, 5)))), atol=1e-6)

    def test_parameters_and_both_directions(self):
        model = build_bilstm(9, units=3, dimension=4)
        assert model.count_params() == 9 * 4 + 2 * 4 * (4 + 3 + 1) * 3 + 7
        assert abs(model(np.array([[2, 3]])) - model(np.array([[3, 2]]))).numpy() > 1e-6

    def test_saved_and_read(self, tmp_path):
        model = build_bilstm(9, units=3, dimension=4)
        model.save(tmp_path / "m.keras")
        ids = np.array([[2, 3, 0]])
        np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras")(ids), model(ids))

    def test_logit_stays_float32_in_mixed_precision(self):
        keras.config.set_dtype_policy("mixed_float16")
        try:
            assert build_bilstm(9, units=3, dimension=4)(np.array([[2, 3]])).dtype == "float32"
        finally:
            keras.config.set_dtype_policy("float32")

    @pytest.mark.parametrize("arguments", [{"vocabulary_size": 0}, {"units": 0}, {"dropout": 1.0}])
    def test_wrong_arguments(self, arguments):
        with pytest.raises(ValueError, match="받은 값"):
            build_bilstm(**{"vocabulary_size": 9} | arguments)
