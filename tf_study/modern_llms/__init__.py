"""modern_llms 장의 노트북에서 내보낸 모듈."""
