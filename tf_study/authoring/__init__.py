"""노트북을 만들고(build) 어긋난 곳을 찾는(check) 관리자의 도구. 쓰는 법은 docs/maintaining.md에 있다."""
