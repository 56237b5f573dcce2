"""tf_study: 노트북에서 자라나는 강의 라이브러리.

`course`, `authoring`, `environment`, `practice`는 손으로 쓰고, 나머지 패키지는 노트북에서 내보낸다.
"""
