"""연습 1.1 텐서 퀴즈의 검사와 힌트."""

from __future__ import annotations

import numpy as np

from tf_study.course.check import Exercise, expect_close, expect_dtype, expect_tensor, expect_tuple, given

exercise = Exercise("chapter01_basics/ex01_tensor_quiz", title="텐서 퀴즈")

EXAMPLE = "예시의 답을 그대로 돌려주었다. 답은 입력으로 계산한다."


@exercise.task(
    "1. 픽셀을 이미지로",
    hints=(
        "세 가지를 한다: 0과 1 사이의 float32로 바꾸기, 모양 바꾸기, 크기가 1인 채널 축 붙이기.",
        "`tf.cast`로 먼저 float32로 바꾸고 255로 나눈다. 모양은 `tf.reshape` 한 번으로 채널 축까지 만들 수 있다.",
        "`tf.reshape`에 줄 모양은 `(-1, height, width, 1)`이다. -1인 축의 크기는 원소의 수에서 정해진다.",
    ),
)
def check_to_images(to_images, rng):
    for n, height, width, brightest in ((3, 4, 5, 255), (2, 6, 6, 127), (1, 7, 2, 255)):
        pixels = rng.integers(0, brightest + 1, size=(n, height * width), dtype=np.uint8)
        pixels[:, -1] = brightest
        expected = pixels.reshape(n, height, width, 1) / 255
        turned = pixels.reshape(n, width, height, 1)
        with given(pixels=pixels, height=height, width=width):
            images = to_images(pixels, height, width)
            expect_tensor(images)
            expect_close(images, expected, causes={
                EXAMPLE: np.linspace(0, 1, 6).reshape(1, 2, 3, 1),
                "height와 width의 순서가 바뀌었다.": turned / 255,
                "픽셀을 열부터 채웠다. 한 행의 픽셀들이 이어져 있다.": turned.swapaxes(1, 2) / 255,
                "255로 나누지 않았다.": expected * 255,
                "256으로 나누었다. 가장 밝은 픽셀 255가 1이 되어야 한다.": expected * 255 / 256,
                "정수 나눗셈(`//`)은 소수점 아래를 버린다.": np.floor(expected),
                "가장 밝은 픽셀로 나누었다. 어두운 이미지도 밝아진다. 언제나 255로 나눈다.": expected * 255 / brightest,
            })
            expect_dtype(images, "float32")
    return "무작위 이미지 6장에서 값, 모양 (N, H, W, 1), float32가 맞다"


@exercise.task(
    "2. 모든 쌍의 거리 제곱",
    hints=(
        "모든 쌍 (n, m)을 한 번에 빼려면 a와 b가 서로 다른 축에 놓여야 한다. 두 모양을 오른쪽부터 맞추어 적어 본다.",
        "`a[:, None, :]`의 모양은 (N, 1, D)이다. 이것과 (M, D)를 빼면 어떤 모양이 되는가.",
        "(N, M, D) 모양의 차를 제곱하고, `tf.reduce_sum`으로 마지막 축을 더해 없앤다.",
    ),
)
def check_squared_distances(squared_distances, rng):
    import tensorflow as tf

    for n, m, size in ((3, 4, 5), (4, 4, 3), (2, 5, 2)):
        a, b = rng.normal(size=(n, size)), rng.normal(size=(m, size))
        difference = a[:, None] - b
        expected = (difference**2).sum(axis=-1)
        inputs = {"a": tf.constant(a, "float32"), "b": tf.constant(b, "float32")}
        with given(**inputs):
            distances = squared_distances(*inputs.values())
            expect_tensor(distances)
            expect_close(distances, expected, atol=1e-4, causes={
                EXAMPLE: [[25, 5, 1], [8, 0, 2]],
                "축의 순서가 바뀌었다(전치). 행이 a, 열이 b이다.": expected.T,
                "제곱근을 구했다. 거리가 아니라 거리의 제곱이다.": np.sqrt(expected),
                "좌표 축으로 더하지 않고 평균을 냈다.": expected / size,
                "차를 제곱하지 않고 절댓값을 더했다.": np.abs(difference).sum(axis=-1),
                "차를 제곱하지 않고 더했다.": difference.sum(axis=-1),
                "차를 제곱하기 전에 더했다.": difference.sum(axis=-1) ** 2,
                "좌표 축을 더하지 않았다.": difference**2,
                "좌표가 아니라 a의 축(axis=0)으로 더했다.": (difference**2).sum(axis=0),
                "좌표가 아니라 b의 축(axis=1)으로 더했다.": (difference**2).sum(axis=1),
                "거리가 아니라 내적이다.": a @ b.T,
                "a² + b² - 2ab에서 2가 빠졌다.": (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - a @ b.T,
            })
            expect_dtype(distances, "float32")
    return "무작위 점의 쌍 38개에서 거리의 제곱이 맞다"


@exercise.task(
    "3. 정답 단어의 확률",
    hints=(
        "1.2에서 행마다 다른 열을 고른 `tf.gather`를 다시 본다. 그때 짝을 맞춘 축은 하나였다.",
        "`batch_dims`는 두 텐서에서 짝을 맞추는 앞쪽 축의 수이고, `axis`는 그다음에 고르는 축이다.",
        "짝을 맞추는 축은 b와 t의 둘, 고르는 축은 맨 뒤의 k이다. 두 인수에 그 수를 적는다.",
    ),
)
def check_true_word_probability(true_word_probability, rng):
    import tensorflow as tf

    for batch, t, k, dtype in ((2, 4, 4, "int32"), (3, 2, 5, "int64"), (1, 6, 3, "int32")):
        p = rng.dirichlet(np.ones(k), size=(batch, t))
        y = rng.integers(0, k, size=(batch, t))
        y[0, :2] = 0, k - 1
        b, s = np.ogrid[:batch, :t]
        expected = p[b, s, y]
        kept = p * np.eye(k)[y]
        causes = {
            EXAMPLE: [[0.7, 0.8]],
            "레이블을 1부터 세었다. 번호는 0부터 센다.": np.where(y > 0, p[b, s, y - 1], 0),
            "레이블을 1부터 세었다. 번호는 0부터 센다(-1은 마지막 번호다).": p[b, s, y - 1],
            "가장 큰 확률을 골랐다. 정답의 확률을 고른다.": p.max(axis=2),
            "확률이 아니라 단어 번호다.": p.argmax(axis=2),
            "문장의 모든 레이블을 자리마다 골랐다. 자리 t도 짝을 맞추는 축이다.": p[b[..., None], s[..., None], y[:, None]],
            "모든 문장의 레이블을 자리마다 골랐다. b와 t가 짝을 맞추는 축이다.": p[:, :, y],
            "정답이 아닌 자리를 더해 없애지 않았다.": kept,
            "단어가 아니라 자리의 축(axis=1)으로 더했다.": kept.sum(axis=1),
            "단어가 아니라 문장의 축(axis=0)으로 더했다.": kept.sum(axis=0),
            "확률에 로그를 씌웠다.": np.log(expected),
        }
        if t == k:
            causes |= {"레이블로 단어가 아니라 자리를 골랐다.": p[b, y], "자리와 단어의 축이 바뀌었다.": p[b, y, s]}
        inputs = {"probabilities": tf.constant(p, "float32"), "labels": tf.constant(y, dtype)}
        with given(**inputs):
            chosen = true_word_probability(*inputs.values())
            expect_tensor(chosen)
            expect_close(chosen, expected, causes=causes)
            expect_dtype(chosen, "float32")
    return "무작위 확률의 20자리에서 정답의 확률을 골랐다(int32와 int64 레이블)"


@exercise.task(
    "4. 열마다 표준화",
    hints=(
        "평균과 분산은 열(특성)마다 하나다. 행의 축을 없애서 D개를 얻는다.",
        "`tf.reduce_mean(x, axis=0, keepdims=True)`는 (1, D)라서 (N, D)에서 뺄 수 있다. 분산은 차의 제곱의 평균이다.",
        "차를 `tf.sqrt(분산 + epsilon)`으로 나눈다. epsilon은 제곱근 안에 있다.",
    ),
)
def check_standardize(standardize, rng):
    for n, size, epsilon in ((4, 4, 0.5), (6, 3, 1e-3), (5, 2, 1e-3)):
        x = rng.normal(loc=3, scale=2, size=(n, size)).astype("float32")
        x[:, -1] = 2  # 모든 값이 같은 열: 분산이 0이다
        mean, variance = x.mean(axis=0, dtype="float64"), x.var(axis=0, dtype="float64")
        row_mean, row_variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
        expected = (x - mean) / np.sqrt(variance + epsilon)
        causes = {
            EXAMPLE: [[-0.5, 0], [0.5, 0]],
            "열이 아니라 행마다(axis=1) 표준화했다.": (x - row_mean) / np.sqrt(row_variance + epsilon),
            "축을 주지 않아 전체의 평균과 분산을 썼다.": (x - x.mean()) / np.sqrt(x.var() + epsilon),
            "분산의 제곱근을 구하지 않았다.": (x - mean) / (variance + epsilon),
            "epsilon이 제곱근 밖에 있다.": (x - mean) / (np.sqrt(variance) + epsilon),
            "epsilon을 더하지 않아 분산이 0인 열에서 0/0이 되었다.": np.where(variance, x - mean, np.nan) / variance**0.5,
            "N이 아니라 N-1로 나눈 분산이다.": (x - mean) / np.sqrt(variance * n / (n - 1) + epsilon),
            "분산이 차의 제곱의 평균이 아니라 합이다.": (x - mean) / np.sqrt(n * variance + epsilon),
            "평균을 빼지 않았다.": x / np.sqrt(variance + epsilon),
            "평균만 빼고 나누지 않았다.": x - mean,
        }
        if n == size:
            mixed = (x - row_mean.T) / np.sqrt(row_variance.T + epsilon)
            causes |= {"행마다(axis=1) 구한 평균과 분산이 열에 브로드캐스팅되었다.": mixed}
        with given(x=x, epsilon=epsilon):
            z = standardize(x, epsilon)
            expect_tensor(z)
            expect_close(z, expected, atol=1e-4, causes=causes)
            expect_dtype(z, "float32")
    return "무작위 행렬 3개에서 값이 맞고, 분산이 0인 열에서 0이며, 입력을 바꾸지 않았다"


@exercise.task(
    "5. 쌍선형 점수",
    hints=(
        "식에서 왼쪽에 남는 첨자는 b, t, s이고, 더해 없어지는 첨자는 i, j이다.",
        "`tf.einsum`은 첨자를 그대로 적는다. 피연산자가 셋이면 쉼표로 셋을 적는다.",
        "q는 `bti`, W는 `ij`, k는 `bsj`이다. `->` 뒤에는 남는 첨자를 답의 축 순서로 적는다.",
    ),
)
def check_bilinear_scores(bilinear_scores, rng):
    import tensorflow as tf

    for batch, t, s, i, j in ((2, 3, 4, 5, 5), (3, 4, 4, 3, 2), (1, 2, 5, 1, 6)):
        q, w, k = rng.normal(size=(batch, t, i)), rng.normal(size=(i, j)), rng.normal(size=(batch, s, j))
        expected = q @ w @ k.swapaxes(1, 2)
        inputs = {"q": tf.constant(q, "float32"), "W": tf.constant(w, "float32"), "k": tf.constant(k, "float32")}
        causes = {
            EXAMPLE: [[[8, 2]]],
            "t와 s의 순서가 바뀌었다(전치).": expected.swapaxes(1, 2),
            "배치 b까지 더해 없앴다. b는 답에 남는 첨자다.": expected.sum(axis=0),
            "t까지 더해 없앴다. t는 답에 남는 첨자다.": expected.sum(axis=1),
            "s까지 더해 없앴다. s는 답에 남는 첨자다.": expected.sum(axis=2),
            "배치가 서로 섞였다. q와 k의 배치 첨자는 같은 b이다.": np.einsum("bti,ij,csj->bts", q, w, k),
            "k를 전치하지 않고 모양만 바꾸었다(`reshape`).": q @ w @ k.reshape(batch, j, s),
            "I·J로 나누었다. 평균이 아니라 합이다.": expected / (i * j),
        }
        if i == j:
            causes |= {
                "W가 전치되었다. q의 첨자 i가 W의 행이다.": q @ w.T @ k.swapaxes(1, 2),
                "W를 곱하지 않았다.": q @ k.swapaxes(1, 2),
                "W를 원소끼리만 곱했다(대각 성분만 썼다).": q * np.diag(w) @ k.swapaxes(1, 2),
            }
        with given(**inputs):
            scores = bilinear_scores(*inputs.values())
            expect_tensor(scores)
            expect_close(scores, expected, atol=1e-4, causes=causes)
            expect_dtype(scores, "float32")
    return "무작위 텐서 3벌에서 모든 (b, t, s)의 점수가 맞다"


@exercise.task(
    "6. 선형 모델의 기울기",
    hints=(
        "손실 L을 테이프 안에서 계산하고, 테이프를 나온 뒤 기울기를 묻는다. 테이프는 무엇을 저절로 지켜보는가.",
        "w와 b가 `tf.Variable`이 아니면 `tape.watch([w, b])`가 필요하다. 예측의 모양은 y와 같은 (N,)이어야 한다.",
        "예측은 `tf.linalg.matvec(X, w) + b`이다. 오차의 제곱을 평균 낸 것이 L이고, "
        "`tape.gradient`에 [w, b]를 함께 물으면 둘이 온다.",
    ),
)
def check_mse_gradients(mse_gradients, rng):
    import tensorflow as tf

    for n, size, kind in ((5, 3, tf.Variable), (4, 2, tf.constant), (6, 6, tf.constant)):
        x, y = rng.normal(size=(n, size)), rng.normal(size=n)
        w, b = rng.normal(size=size), rng.normal()
        error = x @ w + b - y
        spread = x @ w + b - y.mean()  # (N, 1) - (N,)의 (N, N)을 평균 낸 오차
        dw, db = 2 / n * x.T @ error, 2 / n * error.sum()
        inputs = {"X": tf.constant(x, "float32"), "y": tf.constant(y, "float32")}
        inputs |= {"w": kind(w.astype("float32")), "b": kind(np.float32(b))}
        with given(**inputs):
            gradients = mse_gradients(*inputs.values())
            expect_tuple(gradients, ("dw", "db"))
            for name, gradient, expected, example, broadcast in (
                ("dw", gradients[0], dw, [1, 4], 2 / n * x.T @ spread),
                ("db", gradients[1], db, 3, 2 / n * spread.sum()),
            ):
                expect_close(gradient, expected, what=name, atol=1e-4, causes={
                    EXAMPLE: example,
                    "dw와 db의 순서가 바뀌었다.": db if name == "dw" else dw,
                    "평균이 아니라 합을 미분했다. 1/N이 빠졌다.": expected * n,
                    "제곱의 미분에서 2가 빠졌다.": expected / 2,
                    "1/N과 2가 모두 빠졌다.": expected * n / 2,
                    "부호가 반대다. 오차는 예측에서 y를 뺀 것이다.": -expected,
                    "예측 (N, 1)에서 y (N,)를 빼 (N, N)이 되었다. 두 모양을 같게 한다.": broadcast,
                })
                expect_tensor(gradient, what=name)
    return "무작위 데이터 3벌에서 손으로 푼 기울기와 같다(tf.Variable과 tf.Tensor)"
