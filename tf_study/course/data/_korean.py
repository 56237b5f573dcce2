"""Korean particles and verb endings by arithmetic on code points.

A Hangul syllable is U+AC00 + (initial * 21 + medial) * 28 + final. Everything here follows from
that formula and from the school grammar's rules for regular, ㅂ, 르, ㄹ and 하 stems. `Noun` and
`Predicate` plug into format strings, so that a template reads like the sentence that it makes:

>>> "{a:은} {x:지만} {b:이} {y:었다}".format(
...     a=Noun("초반"), x=Predicate("지루하다"), b=Noun("결말"), y=Predicate("아름답다"))
'초반은 지루하지만 결말이 아름다웠다'
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 0xAC00
INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
MEDIALS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"

# 앞말에 받침이 있을 때의 꼴 → 없을 때의 꼴
PARTICLES = {"은": "는", "이": "가", "을": "를", "과": "와", "으로": "로", "이랑": "랑", "이라": "라"}
LATIN_WITH_FINAL = "LMNR"  # 엘, 엠, 엔, 알

# 줄기의 끝 모음이 '아/어'와 만나 줄어드는 꼴
CONTRACTIONS = {"ㅏ": "ㅏ", "ㅓ": "ㅓ", "ㅐ": "ㅐ", "ㅔ": "ㅔ", "ㅕ": "ㅕ", "ㅗ": "ㅘ", "ㅜ": "ㅝ", "ㅣ": "ㅕ", "ㅚ": "ㅙ"}


def split(syllable: str) -> tuple[str, str, str]:
    """Return initial, medial and final of one Hangul syllable; no final is ' '."""
    code = ord(syllable) - FIRST
    return INITIALS[code // 588], MEDIALS[code // 28 % 21], FINALS[code % 28]


def join(initial: str, medial: str, final: str = " ") -> str:
    """Return the syllable made of the three letters; the inverse of `split`."""
    return chr(FIRST + (INITIALS.index(initial) * 21 + MEDIALS.index(medial)) * 28 + FINALS.index(final))


def is_hangul(character: str) -> bool:
    """Return whether the character is one of the 11,172 Hangul syllables."""
    return "가" <= character <= "힣"


def final_of(word: str) -> str:
    """Return the final consonant of the word's last syllable, ' ' for none."""
    if is_hangul(word[-1]):
        return split(word[-1])[2]
    return "ㄹ" if word[-1] in LATIN_WITH_FINAL else " "


def with_final(word: str, final: str) -> str:
    """Return the word with the final consonant of its last syllable replaced."""
    initial, medial, _ = split(word[-1])
    return word[:-1] + join(initial, medial, final)


class Noun(str):
    """A noun whose format spec is the particle, given as it stands after a final consonant.

    After '=' comes the ending of 이다: f"{Noun('영화'):=었다}" is '영화였다'.
    """

    def __format__(self, particle: str) -> str:
        if particle.startswith("="):
            return format(Predicate(self + "이다", "copula"), particle[1:])
        final = final_of(self)
        if particle in PARTICLES and (final == " " or (particle == "으로" and final == "ㄹ")):
            return self + PARTICLES[particle]
        return self + particle


@dataclass(frozen=True)
class Predicate:
    """A predicate whose format spec is the ending.

    Args:
        entry: the dictionary form, e.g. '지루하다'.
        kind: 'adjective', 'verb', 'exist' (있다, 없다), 'copula' (이다, 아니다) or 'past'.

    Specs: endings on the stem ('지', '지만', '고', '네', '더라', …), the ones with 으 after a consonant
    ('ㄴ', 'ㄴ데', 'ㄹ', 'ㅁ', 'ㅂ니다', '면', '니', '나'), the ones with 아/어 ('어', '어요', '어서', '어도'),
    '다' and what quotes it ('다고', '다는', '다던데'). A leading '었' puts the predicate into the past.
    """

    entry: str
    kind: str = "adjective"

    @property
    def stem(self) -> str:
        return self.entry[:-1]

    def __format__(self, ending: str) -> str:
        if ending.startswith("었"):
            return format(self._past(), ending[1:])
        if ending.startswith("다"):
            return self._declarative(ending[1:])
        if ending.startswith("어"):
            return self._infinitive(ending[1:])
        if ending.startswith("ㄴ"):
            return self._adnominal(ending[1:])
        if ending.startswith(("ㄹ", "ㅁ", "ㅂ")) or ending in ("면", "니", "나"):
            return self._joined(ending)
        return self._short() + ending if ending[0] != "네" else self._before_nasal() + ending

    def negated(self, link: str) -> Predicate:
        """Return the long negation: the stem, then `link` ('지', '지는', '진'), then 않다."""
        return Predicate(f"{self.stem}{link} 않다", "verb" if self.kind == "verb" else "adjective")

    def _past(self) -> Predicate:
        if self.kind == "past":  # 이미 과거이거나 '-겠-'이다
            return self
        base = self._infinitive_syllables()
        return Predicate(with_final(base, "ㅆ") + "다", "past")

    def _short(self) -> str:
        """Return the stem; the copula's 이 drops after a vowel: 최고이다 → 최고다."""
        noun = self.stem[:-1]
        if self.kind == "copula" and self.stem[-1] == "이" and final_of(noun) == " ":
            return noun
        return self.stem

    def _before_nasal(self) -> str:
        return with_final(self.stem, " ") if final_of(self.stem) == "ㄹ" else self._short()

    def _declarative(self, quoted: str) -> str:
        if self.kind == "verb":
            stem = self._before_nasal()
            present = with_final(stem, "ㄴ") + "다" if final_of(stem) == " " else stem + "는다"
            return present + quoted
        if self.kind == "copula" and quoted:
            return self._short() + "라" + quoted
        return self._short() + "다" + quoted

    def _adnominal(self, rest: str) -> str:
        if self.kind in ("verb", "exist", "past"):
            return self._before_nasal() + "는" + rest
        return self._joined("ㄴ" + rest)

    def _joined(self, ending: str) -> str:
        """Attach an ending that takes 으, or 스 before ㅂ니다, after a consonant."""
        stem, final = self.stem, final_of(self.stem)
        if final == "ㅂ" and self.kind == "adjective":  # 아름답다 → 아름다운, 그러나 아름답습니다
            if ending == "ㅂ니다":
                return stem + "습니다"
            stem, final = with_final(stem, " ") + "우", " "
        if final == "ㄹ" and ending == "ㅁ":
            return with_final(stem, "ㄻ")
        if final == "ㄹ" and ending != "면":
            stem, final = with_final(stem, " "), " "
        if ending[0] not in FINALS:
            return stem + ("으" if final not in " ㄹ" else "") + ending
        if final == " ":
            return with_final(stem, ending[0]) + ending[1:]
        if ending == "ㅂ니다":
            return stem + "습니다"
        return stem + with_final("으", ending[0]) + ending[1:]

    def _infinitive(self, rest: str) -> str:
        if self.kind == "copula":
            return self._copula_infinitive(rest)
        return self._infinitive_syllables() + rest

    def _copula_infinitive(self, rest: str) -> str:
        after_vowel = self._short() != self.stem
        if rest == "":
            return self._short() + "야"
        if rest == "요":
            return self._short() + ("예요" if after_vowel else "에요")
        if rest == "서":
            return self._short() + "라서"
        return self._infinitive_syllables() + rest

    def _infinitive_syllables(self) -> str:
        """Return the stem joined with 아/어: 지루해, 좋아, 아름다워, 슬퍼, 게을러, 최고여."""
        stem = self.stem
        if self.kind == "past":
            return stem + "어"
        if self.kind == "copula":
            return self._short() + "여" if self._short() != stem else stem + "어"
        if stem[-1] == "하":
            return stem[:-1] + "해"
        initial, medial, final = split(stem[-1])
        if final == "ㅂ" and self.kind == "adjective":
            return with_final(stem, " ") + "워"
        if final != " ":
            return stem + ("아" if medial in "ㅏㅗㅑ" else "어")
        if stem[-1] == "르":
            return with_final(stem[:-1], "ㄹ") + ("라" if split(stem[-2])[1] in "ㅏㅗ" else "러")
        if medial == "ㅡ":
            bright = len(stem) > 1 and is_hangul(stem[-2]) and split(stem[-2])[1] in "ㅏㅗ"
            return stem[:-1] + join(initial, "ㅏ" if bright else "ㅓ")
        return stem[:-1] + join(initial, CONTRACTIONS[medial]) if medial in CONTRACTIONS else stem + "어"
