"""Tables of the English review grammar: subjects, adjectives, phrases and templates; no logic.

A template's slots stand for roles relative to what the statement says in effect:

    {y} {z}  an adjective that speaks for it           {b} {c}  its subject
    {x}      an adjective that speaks against it       {a}      its subject
    {w}      an adjective that speaks for it, about a whole film

After the colon: `be` is/are or was/were by number and tense, `a` the indefinite article.
"""

from __future__ import annotations

from typing import NamedTuple


class Aspect(NamedTuple):
    """Subjects (a plural ends in s) and the adjectives that go with every one of them."""

    subjects: str
    positive: str
    negative: str


ASPECTS = {
    "acting": Aspect(
        "acting, lead performance, supporting cast, main actor, leading lady, child actor, "
        "ensemble, villain's performance, "
        "performances, casting",
        "superb, convincing, brilliant, natural, memorable, powerful, impressive, excellent, outstanding, moving, "
        "believable, wonderful, magnetic, touching",
        "wooden, terrible, unconvincing, stiff, awful, weak, lifeless, forgettable, embarrassing, flat, laughable, "
        "unbearable, amateurish, bland",
    ),
    "story": Aspect(
        "story, plot, script, screenplay, premise, narrative, storyline, writing, twists, second act",
        "clever, gripping, original, engaging, fresh, compelling, coherent, smart, intriguing, absorbing, inventive, "
        "surprising, thoughtful, fascinating",
        "predictable, boring, confusing, silly, dull, ridiculous, shallow, tedious, clichéd, messy, pointless, lazy, "
        "contrived, derivative",
    ),
    "dialogue": Aspect(
        "dialogue, narration, conversations, banter, voice-over, speeches, one-liners",
        "witty, sharp, natural, clever, memorable, funny, lively, quotable, smart, charming, honest",
        "cheesy, clumsy, awkward, stilted, painful, corny, dull, unnatural, lazy, forgettable, childish",
    ),
    "direction": Aspect(
        "direction, editing, camera work, directing, staging, framing, pacing, production",
        "assured, elegant, confident, stylish, masterful, skillful, imaginative, bold, impressive, tight, subtle",
        "sloppy, clumsy, uninspired, choppy, heavy-handed, amateurish, messy, lazy, careless, pretentious, uneven",
    ),
    "visuals": Aspect(
        "cinematography, visual effects, scenery, animation, costumes, sets, photography, special effects, lighting, "
        "production design",
        "beautiful, gorgeous, stunning, breathtaking, impressive, rich, striking, lovely, magnificent, spectacular",
        "ugly, cheap, fake, drab, unimpressive, dated, lifeless, murky, garish, shoddy, laughable",
    ),
    "music": Aspect(
        "soundtrack, music, score, songs, sound design, theme song, musical numbers",
        "beautiful, haunting, memorable, lovely, catchy, wonderful, stirring, perfect, delightful, effective",
        "annoying, intrusive, forgettable, repetitive, bland, irritating, grating, generic, obnoxious, tiresome",
    ),
    "people": Aspect(
        "characters, hero, heroine, villain, main character, sidekick, detective, protagonists, family, best friend",
        "likable, charming, complex, believable, sympathetic, fascinating, lovable, memorable, interesting, relatable",
        "annoying, unlikable, flat, boring, unbelievable, forgettable, irritating, shallow, stereotypical, bland",
    ),
    "parts": Aspect(
        "ending, beginning, first half, second half, final act, opening, climax, conclusion, last twenty minutes, "
        "middle section, final scene",
        "satisfying, powerful, thrilling, moving, brilliant, perfect, exciting, memorable, touching, great, gripping",
        "disappointing, boring, rushed, ridiculous, unsatisfying, slow, dull, silly, tedious, weak, anticlimactic",
    ),
    "humor": Aspect(
        "humor, comedy, jokes, slapstick, gags, comic relief, satire",
        "hilarious, funny, clever, charming, delightful, fresh, witty, sharp, amusing, enjoyable",
        "unfunny, childish, crude, tired, embarrassing, stale, annoying, lame, tasteless, forced",
    ),
    "action": Aspect(
        "action, fight scenes, car chase, battle scenes, stunts, suspense, final fight, tension",
        "thrilling, exciting, intense, spectacular, inventive, gripping, impressive, "
        "breathtaking, terrific, relentless",
        "boring, repetitive, unexciting, tedious, ridiculous, clumsy, dull, forgettable, generic, tame",
    ),
    "feeling": Aspect(
        "romance, love story, friendship, emotional core, family drama, relationship, chemistry, "
        "message, mood, atmosphere",
        "touching, believable, sweet, heartfelt, sincere, moving, genuine, warm, convincing, tender",
        "forced, unconvincing, sappy, contrived, hollow, fake, cold, shallow, manipulative, dull",
    ),
    "whole": Aspect(
        "film, movie, picture, whole film, whole movie, entire film, final product",
        "entertaining, wonderful, enjoyable, great, brilliant, charming, excellent, memorable, fun, fascinating, "
        "delightful, superb",
        "boring, terrible, awful, tedious, disappointing, dull, forgettable, mediocre, dreadful, horrible, painful, "
        "pointless",
    ),
}

LISTS = {
    "film": "film, movie, picture",
    "very": "very, really, truly, quite, absolutely, surprisingly, extremely, remarkably, incredibly, rather",
    "but": "but, yet",
    "However": "However, Still, Even so, Nevertheless, That said, On the other hand",
    "although": "although, even though, though, even if",
    "Although": "Although, Even though, Though, While",
    "person": (
        "detective, teacher, nurse, soldier, lawyer, painter, widow, farmer, boxer, journalist, priest, thief, doctor, "
        "student, sailor, singer, cook, scientist, mechanic, dancer, pilot, librarian, clerk, carpenter, spy, princess"
    ),
    "kind": "young, retired, lonely, stubborn, quiet, broke, famous, nervous, proud, old, shy, gifted, tired, homeless",
    "place": (
        "a small village, the big city, a desert town, an island town, a mountain cabin, "
        "a space station, a boarding school, "
        "a fishing port, an old hotel, a hospital, a castle, a prison, a circus, a submarine, a border town, a farm, "
        "a suburb, a haunted house, a monastery, an army base"
    ),
    "deed": (
        "finds a strange letter, loses a brother, inherits a fortune, falls in love, "
        "hides a secret, witnesses a crime, "
        "takes one last job, meets a ghost, adopts a dog, starts a band, learns to fly, plans a robbery, returns home, "
        "searches for a lost child, writes a novel, discovers a map, fights a dragon, builds a boat, "
        "wakes up without memory, receives a phone call at midnight, raises an orphan, buys a bakery"
    ),
    "when": (
        "last night, on a rainy Sunday, over the holidays, during a long flight, after work on Friday, late at night, "
        "last weekend, on my birthday, yesterday afternoon, two weeks ago, on a sick day, before breakfast"
    ),
    "with": (
        "with a couple of friends, with my sister, with my parents, alone, with my wife, "
        "with my roommate, with my kids, "
        "with my grandmother, with two colleagues, with my husband, with an old classmate, with the neighbors"
    ),
    "people": (
        "critics, my friends, some reviewers, people online, other viewers, my coworkers, "
        "some fans, a few guests"
    ),
}

# 어느 쪽도 편들지 않는 문장
OPENINGS = """
I saw this {film} {when} {with}.
I watched this one {when} {with}.
I finally got around to this {film} {when}, {with}.
I caught this {film} on television {when} without knowing anything about it.
I went to the theater {when} with no idea what to expect.
I rented it {when} and watched it {with}.
It was playing at a small festival, so I went {with}.
The story follows {kind:a} {person} who {deed} in {place}.
It is about {kind:a} {person} who lives in {place}.
Set in {place}, it follows a {person} who {deed}.
This {film} tells the story of {kind:a} {person} who {deed}.
{kind:a} {person} {deed} in {place}, and everything goes from there.
The plot in one line: a {person} {deed} and ends up in {place}.
I read the book years ago, so I knew that the {person} {deed}.
The trailer showed {kind:a} {person} in {place}, so I bought a ticket.
A friend handed me the DVD {when} and told me to write down my thoughts.
I signed up here just to comment on this {film} about a {person} in {place}.
I usually stay away from films about a {person} in {place}, but we watched it {when}.
""".strip().splitlines()

CLOSINGS = (
    "In the end,",
    "All in all,",
    "Overall,",
    "To sum up,",
    "When all is said and done,",
    "My verdict:",
    "Bottom line:",
    "After thinking it over,",
    "So,",
    "Looking back,",
)

ASIDES = """
It runs for a little under two hours.
I watched the version with subtitles.
The theater was half full.
There is a short scene after the credits.
I will not give away the ending here.
Most of it takes place in {place}.
It was shot in black and white.
I have not seen the earlier films of this series.
The budget must have been small.
It is based on a true story, or so the credits say.
The director also has a small role as a {person}.
There is a side plot about a {person} who {deed}.
Later {kind:a} {person} turns up.
We talked about it on the way home.
It was made in the nineties.
In the book the {person} is somebody else.
There are three main stories, and they meet near the end.
Some scenes were shot near the place where I grew up.
You can find it on most streaming sites now.
I watched it on a small screen, for what it matters.
""".strip().splitlines()

TEMPLATES = {
    "plain": """
The {b:be} {y}.
The {b:be} {very} {y}.
I thought that the {b:be} {very} {y}.
I found the {b} {y}, and the {c:be} {z} too.
The {b:be} {y} and the {c:be} {z}.
For me the {b:be} simply {y}.
The {b:be} as {y} as it gets.
It is {w:a} {film} through and through, and the {c:be} {very} {z}.
What struck me most is how {y} the {b:be}.
From the first minute to the last, the {b:be} {y}.
Everybody in the room agreed that the {b:be} {y}.
And the {b}: so {y} that I still think about it.
""",
    "negation": """
The {a:be} not {x}.
The {a:be} not {x} at all.
The {a:be} never {x}.
The {a:be} far from {x}.
The {a:be} anything but {x}.
The {a:be} hardly {x}.
I would not call the {a} {x}.
Nobody could say that the {a:be} {x}.
I do not think that the {a:be} {x}.
There is nothing {x} about the {a}.
At no point did I find the {a} {x}.
I expected the {a} to be {x}, and it simply isn't so.
I kept waiting for the {a} to become {x}, which never happened.
It would be wrong to call the {a} {x}.
Do not believe anyone who says that the {a:be} {x}.
The {a:be} neither {x} nor anything close to it.
I fail to see what is supposed to be {x} about the {a}.
I cannot agree with {people} that the {a:be} {x}.
Not for one second did the {a} seem {x} to me, and the {b:be} {y}.
You could not find {x:a} moment in the {a}.
""",
    "contrast": """
{Although} the {a:be} {x}, the {b:be} {y}.
{Although} the {a:be} {very} {x}, I found the {b} {very} {y}.
The {a:be} {x}, {but} the {b:be} {very} {y}.
The {b:be} {y}, {although} the {a:be} {x}.
The {b:be} {very} {y}, {although} the {a:be} somewhat {x}.
The {a:be} {x}. {However}, the {b:be} {y}, and that matters more.
Yes, the {a:be} {x}, {but} what stays with you is how {y} the {b:be}.
The {a:be} {x} at times, {but} on the whole the {b:be} {y}.
For all that the {a:be} {x}, the {b:be} {y}.
According to {people} the {a:be} {x}. I thought that the {b:be} {y}.
Forget that the {a:be} {x}; the {b:be} {y}.
The {a:be} {x}, I admit it; the {b:be} {y} all the same.
The {b:be} {y}, so it does not matter that the {a:be} {x}.
""",
}

# 총평이 레이블을 정한다: 제 편의 주장을 하거나 반대편의 주장을 부정한다. 두 레이블이 같은 낱말을 쓰므로
# 낱말의 순서를 보아야 갈린다. (주장, 그 부정)
CLAIMS = (
    (  # 부정
        ("it is a waste of time", "it is not a waste of time"),
        ("it fails", "it does not fail"),
        ("it is a bad {film}", "it is not a bad {film}"),
        ("it deserves the bad reviews", "it does not deserve the bad reviews"),
        ("it tried my patience", "it never tried my patience"),
        ("you should skip it", "you should not skip it"),
        ("it is a mess", "it is by no means a mess"),
        ("there is plenty to complain about", "there is nothing to complain about"),
        ("I regret watching it", "I do not regret watching it"),
        ("I was bored", "I was never bored"),
        ("I wanted to leave early", "I never wanted to leave early"),
        ("I had a bad time", "I did not have a bad time"),
        ("I was disappointed", "I was not disappointed at all"),
        ("I want my money back", "I do not want my money back"),
        ("I hated it", "I could not hate it"),
        ("I fell asleep", "I could not fall asleep for a second"),
    ),
    (  # 긍정
        ("it is worth your time", "it is not worth your time"),
        ("it works", "it does not work"),
        ("it is a good {film}", "it is not a good {film}"),
        ("it deserves the good reviews", "it does not deserve the good reviews"),
        ("it held my attention", "it never held my attention"),
        ("you should see it", "you should not see it"),
        ("it is a success", "it is by no means a success"),
        ("there is plenty to enjoy", "there is nothing to enjoy"),
        ("I recommend it", "I do not recommend it"),
        ("I was entertained", "I was never entertained"),
        ("I wanted to see it again", "I never wanted to see it again"),
        ("I had a good time", "I did not have a good time"),
        ("I was satisfied", "I was not satisfied at all"),
        ("I want a sequel", "I do not want a sequel"),
        ("I loved it", "I could not love it"),
        ("I cared about these people", "I could not care about these people for a second"),
    ),
)
IMPERSONAL = 8  # 앞의 이만큼은 '나'가 없어 남의 말로도 옮길 수 있다

VERDICTS = """
{closing} {for}.
{closing} {for}.
{closing} {for} and {for_too}.
{closing} {for}, and {for_too}.
{closing} {for}, {although} {people} will tell you that {against}.
You may hear that {against}, {but} {for}.
{people} say that {against}. {closing} {for}.
I was ready to write that {against}, {but} {for}.
I went in sure that I would say that {against}. Now I say that {for}.
{closing} {for}. Do not listen to {people} who claim that {against}.
"""
