"""단어 벡터를 읽고 비교하는 함수들."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_study.nlp.embeddings import cosine_similarity, load_vectors, nearest


@pytest.fixture
def write(tmp_path):
    def writer(text: str) -> Path:
        path = tmp_path / "v.txt"
        path.write_bytes(text.encode())
        return path

    return writer


class TestCosine:
    def test_broadcasts_and_ignores_length(self):
        a, b = np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([[10.0, 0.0], [-2.0, 0.0], [0.0, 5.0]])
        expected = [[0.6, -0.6, 0.8], [1, -1, 0]]
        np.testing.assert_allclose(cosine_similarity(a[:, None], b[None]), expected, atol=1e-12)

    def test_zero_vector_has_cosine_and_gradient_without_nan(self):
        zero = tf.Variable([0.0, 0.0])
        with tf.GradientTape() as tape:
            cosine = cosine_similarity(zero, [1.0, 2.0])
        assert cosine.numpy() == 0.0 and np.isfinite(tape.gradient(cosine, zero)).all()

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
    def test_half_precision_neither_overflows_nor_rounds(self, dtype):
        a, b = tf.constant([300.0, 400.0], dtype), tf.constant([400.0, 300.0], dtype)
        cosine = tf.function(cosine_similarity)(a, b)
        assert cosine.dtype == tf.float32
        np.testing.assert_allclose(cosine, 0.96, rtol=1e-5)

    def test_other_dimensions_are_refused(self):
        with pytest.raises(ValueError, match="차원이 같아야"):
            cosine_similarity(np.ones((2, 3)), np.ones((2, 1)))


class TestNearest:
    MATRIX = np.array([[1.0, 0.0], [5.0, 5.0], [0.0, 1.0], [2.0, 0.0]])
    WORDS = ["가", "나", "다", "라"]

    def test_order_ties_and_exclusion(self):
        assert [w for w, _ in nearest([1.0, 0.0], self.MATRIX, self.WORDS)] == ["가", "라", "나", "다"]
        assert [w for w, _ in nearest([1.0, 0.0], self.MATRIX, self.WORDS, 2, {"가"})] == ["라", "나"]

    def test_wrong_shapes_are_refused(self):
        with pytest.raises(ValueError, match="단어 3개"):
            nearest([1.0, 0.0], self.MATRIX, self.WORDS[:3])
        with pytest.raises(ValueError, match="벡터 하나"):
            nearest(self.MATRIX, self.MATRIX, self.WORDS)


class TestLoadVectors:
    def test_rows_follow_the_vocabulary(self, write):
        matrix, missing = load_vectors(write("가 1 2\n나 3 4\n다 5 6\n"), ["다", "", "가", "다"])
        assert matrix.dtype == np.float32 and missing == [""]
        assert matrix.tolist() == [[5, 6], [0, 0], [1, 2], [5, 6]]

    @pytest.mark.parametrize("text", ["2 2\n가 1 2 \n나 3 4 \n", "2 2\r\n가 1 2\r\n나 3 4\r\n"])
    def test_header_trailing_space_and_windows_lines(self, write, text):
        matrix, missing = load_vectors(write(text), ["나"])
        assert matrix.tolist() == [[3, 4]] and not missing

    def test_numbers_are_words_too_and_odd_spaces_stay_in_words(self, write):
        matrix, missing = load_vectors(write("2 1 2\na\u00a0b 3 4\nc\u0085d 5 6\n"), ["2", "a\u00a0b", "c\u0085d"])
        assert matrix.tolist() == [[1, 2], [3, 4], [5, 6]] and not missing

    def test_the_first_of_two_wins(self, write):
        assert load_vectors(write("가 1 2\n가 3 4\n"), ["가"])[0].tolist() == [[1, 2]]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "빈 파일"),
            ("가\n", "1개 이상"),
            ("가 1 2\n나 3\n", "2번째 줄.*2개.*받은 개수: 1"),
            ("가 1 2\n나 3 4 5\n", "2번째 줄.*2개.*받은 개수: 3"),
            ("2 3\n가 1 2\n나 3 4\n", "2번째 줄.*3개"),
            ("가 1 둘\n", "1번째 줄.*유한한 수"),
            ("가 1 nan\n", "1번째 줄.*유한한 수"),
            ("3 2\n가 1 2\n나 3 4\n", "3단어라고 하는데 2단어"),
        ],
    )
    def test_wrong_files(self, write, text, message):
        with pytest.raises(ValueError, match=message):
            load_vectors(write(text), ["가", "나"])
