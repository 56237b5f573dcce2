"""KoNLPy의 Okt로 한 문장을 나눠 JVM이 이 컴퓨터에서 도는지 본다."""

from __future__ import annotations

from tf_study.environment import probe


def _probe() -> None:
    from konlpy.tag import Okt

    morphs = Okt().morphs("텐서가 흐른다")
    import jpype

    system = jpype.JClass("java.lang.System")
    probe.answer(
        morphs=morphs,
        version=str(system.getProperty("java.version")),
        machine=str(system.getProperty("os.arch")),
    )


if __name__ == "__main__":
    probe.run(_probe)
