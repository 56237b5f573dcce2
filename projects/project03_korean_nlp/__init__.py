"""날것의 한국어 글에서 주제까지: prepare, train, classify, report, benchmark.

작업자 프로세스는 명령 모듈(prepare 등)을 다시 import한다. 그래서 명령 모듈은 TensorFlow를 함수 안에서
import한다. 맨 위에 두면 작업자마다 5초와 수백 MB가 더 든다.
"""
