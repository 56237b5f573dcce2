"""연습의 검사와 힌트: 모듈 하나(`chapterNN_exNN`)가 연습 하나이고, 그 안의 `exercise`가 과제를 안다.

모듈은 NumPy만으로 import된다. `python main.py progress`가 TensorFlow를 기다리지 않기 위해서다.
"""
