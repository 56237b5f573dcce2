"""강의의 데이터 집합: 모듈 하나가 데이터 하나이고, 서명은 `keras.datasets`를 따른다.

>>> from tf_study.course.data import digits
>>> (x_train, y_train), (x_test, y_test) = digits.load_data()

기본은 내장 데이터다. `TF_STUDY_DATA=real`이면 원본을 내려받는다.
"""
