"""시험이 쓰는 그림 폴더: 그린 꽃과, 실제 폴더에 있을 법한 흠."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

from PIL import Image, ImageEnhance

from tf_study.course.data import flowers


def flower_folder(root: Path, per_class: int, classes: int = 5) -> Path:
    for label, name in enumerate(flowers.CLASSES_EN[:classes]):
        (root / name).mkdir(parents=True)
        for i, picture in enumerate(itertools.islice(flowers.pictures(label), per_class)):
            Image.fromarray(picture).save(root / name / f"{i:03d}.jpg", quality=90)
    return root


def spoil(root: Path) -> dict[str, str]:
    """Add what must be left out to a folder with daisy/ and roses/; return {path: word of its reason}."""
    daisy, roses = root / "daisy", root / "roses"
    Image.open(daisy / "000.jpg").save(daisy / "png_inside.jpg", "PNG")
    (daisy / "text.png").write_text("그림이 아니라 글이다")
    (daisy / "notes.txt").write_text("메모")
    (daisy / "empty.jpg").touch()
    whole = (daisy / "001.jpg").read_bytes()
    (daisy / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    Image.open(daisy / "002.jpg").resize((31, 40)).save(daisy / "tiny.png")
    shutil.copy(daisy / "003.jpg", daisy / "zz_copy.jpg")
    shutil.copy(roses / "004.jpg", daisy / "zz_rose.jpg")
    shutil.copy(daisy / "005.jpg", root / "outside.jpg")
    (daisy / ".DS_Store").write_bytes(b"hidden")
    return {
        "daisy/png_inside.jpg": "내용은 PNG", "daisy/text.png": "내용이 그림이 아니다", "daisy/notes.txt": "확장자는",
        "daisy/empty.jpg": "빈 파일", "daisy/cut.jpg": "읽을 수 없다", "daisy/tiny.png": "31×40",
        "daisy/zz_copy.jpg": "같은 파일이 있다: daisy/003.jpg",
        "daisy/zz_rose.jpg": "다른 클래스에 같은 파일이 있다: roses/004.jpg",
        "roses/004.jpg": "다른 클래스에 같은 파일이 있다: daisy/zz_rose.jpg", "outside.jpg": "클래스의 폴더 안",
    }  # fmt: skip


def look_alikes(path: Path) -> list[Path]:
    """Write a brightened, a resized and a recompressed copy beside a picture."""
    picture = Image.open(path)
    copies = {
        "bright": ImageEnhance.Brightness(picture).enhance(1.2),
        "half": picture.resize((picture.width // 2, picture.height // 2)),
        "poor": picture,
    }
    for name, copy in copies.items():
        copy.save(path.with_name(f"{path.stem}_{name}.jpg"), quality=60)
    return [path.with_name(f"{path.stem}_{name}.jpg") for name in copies]
