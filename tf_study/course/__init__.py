"""모든 노트북이 쓰는 것: 실행 환경(runtime), 데이터(data), 그림(plot), 채점(check).

>>> from tf_study import course
>>> course.setup(seed=0)
"""

from tf_study.course.runtime import SkipCell, device, scale, setup, skip

__all__ = ["SkipCell", "device", "scale", "setup", "skip"]
