"""The meanings from which `vectors` makes word vectors: tables of words, no logic.

In a grid the words of one line share a meaning and the words of one column share the column's meaning. What
follows '|' are further meanings that the whole line has.
"""

from __future__ import annotations

GRIDS = {  # 갈래: (칸의 뜻, 줄)
    "person": (
        "male female",
        """
man woman | adult
boy girl | child
king queen | adult royal
prince princess | child royal
emperor empress | adult royal
duke duchess | adult royal
lord lady | adult royal
father mother | adult family
dad mom | adult family
son daughter | child family
brother sister | family
uncle aunt | adult family
nephew niece | child family
grandfather grandmother | old family
grandson granddaughter | child family
husband wife | adult family
groom bride | adult family
widower widow | adult family
actor actress | profession stage
hero heroine | stage
waiter waitress | profession
host hostess | profession
monk nun | profession
wizard witch | magic
god goddess | magic
gentleman gentlewoman | adult
he she | pronoun
him her | pronoun
himself herself | pronoun
""",
    ),
    "geography": (
        "country capital nationality",
        """
korea seoul korean | asia
japan tokyo japanese | asia
china beijing chinese | asia
india delhi indian | asia
thailand bangkok thai | asia
vietnam hanoi vietnamese | asia
mongolia ulaanbaatar mongolian | asia
indonesia jakarta indonesian | asia
iran tehran iranian | asia
iraq baghdad iraqi | asia
turkey ankara turkish | asia
france paris french | europe
germany berlin german | europe
italy rome italian | europe
spain madrid spanish | europe
portugal lisbon portuguese | europe
greece athens greek | europe
england london english | europe
ireland dublin irish | europe
sweden stockholm swedish | europe
norway oslo norwegian | europe
denmark copenhagen danish | europe
finland helsinki finnish | europe
poland warsaw polish | europe
austria vienna austrian | europe
hungary budapest hungarian | europe
russia moscow russian | europe
ukraine kyiv ukrainian | europe
egypt cairo egyptian | africa
kenya nairobi kenyan | africa
morocco rabat moroccan | africa
ghana accra ghanaian | africa
canada ottawa canadian | america
cuba havana cuban | america
peru lima peruvian | america
chile santiago chilean | america
""",
    ),
    "property": (
        "base comparative superlative",
        """
good better best | positive
bad worse worst | negative
big bigger biggest | size
large larger largest | size
small smaller smallest | size
tall taller tallest | size
long longer longest | size
short shorter shortest | size
wide wider widest | size
thin thinner thinnest | size
fast faster fastest | speed
quick quicker quickest | speed
slow slower slowest | speed
old older oldest | age
young younger youngest | age
new newer newest | age
hot hotter hottest | temperature
warm warmer warmest | temperature
cool cooler coolest | temperature
cold colder coldest | temperature
high higher highest | place
low lower lowest | place
deep deeper deepest | place
near nearer nearest | place
far farther farthest | place
strong stronger strongest | force
weak weaker weakest | force
heavy heavier heaviest | force
light lighter lightest | force
rich richer richest | money
poor poorer poorest | money
cheap cheaper cheapest | money
dark darker darkest | sight
bright brighter brightest | sight
loud louder loudest | sound
quiet quieter quietest | sound
hard harder hardest | touch
soft softer softest | touch
happy happier happiest | feeling positive
sad sadder saddest | feeling negative
funny funnier funniest | positive
smart smarter smartest | positive
dull duller dullest | negative
early earlier earliest | time
late later latest | time
""",
    ),
    "thing": (
        "singular plural",
        """
film films | cinema
movie movies | cinema
picture pictures | cinema
actor actors | cinema
scene scenes | cinema
director directors | cinema
character characters | cinema
story stories | cinema
script scripts | cinema
joke jokes | cinema
song songs | cinema music
costume costumes | cinema
stunt stunts | cinema
twist twists | cinema
review reviews | cinema
critic critics | cinema
fan fans | cinema
viewer viewers | cinema
ticket tickets | cinema
theater theaters | cinema building
dog dogs | animal
cat cats | animal
horse horses | animal
cow cows | animal
bird birds | animal
tiger tigers | animal
lion lions | animal
bear bears | animal
rabbit rabbits | animal
snake snakes | animal
monkey monkeys | animal
elephant elephants | animal
mouse mice | animal
fox foxes | animal
wolf wolves | animal
apple apples | food
banana bananas | food
orange oranges | food
pear pears | food
grape grapes | food
tomato tomatoes | food
potato potatoes | food
carrot carrots | food
egg eggs | food
cake cakes | food
cookie cookies | food
car cars | vehicle
bus buses | vehicle
train trains | vehicle
plane planes | vehicle
boat boats | vehicle
ship ships | vehicle
truck trucks | vehicle
bicycle bicycles | vehicle
house houses | building
hotel hotels | building
hospital hospitals | building
school schools | building
castle castles | building
church churches | building
office offices | building
bank banks | building
city cities | place
town towns | place
village villages | place
country countries | place
island islands | place
mountain mountains | place
river rivers | place
teacher teachers | profession
doctor doctors | profession
nurse nurses | profession
lawyer lawyers | profession
soldier soldiers | profession
singer singers | profession music
painter painters | profession
farmer farmers | profession
student students | profession
scientist scientists | profession
detective detectives | profession
sailor sailors | profession
pilot pilots | profession
cook cooks | profession food
dancer dancers | profession music
writer writers | profession
computer computers | technology
phone phones | technology
machine machines | technology
robot robots | technology
camera cameras | technology cinema
screen screens | technology cinema
book books | writing
letter letters | writing
word words | writing
novel novels | writing
page pages | writing
friend friends | family
child children | family
kid kids | family
parent parents | family
hand hands | body
eye eyes | body
foot feet | body
tooth teeth | body
ear ears | body
arm arms | body
leg legs | body
year years | time
month months | time
week weeks | time
day days | time
hour hours | time
minute minutes | time
tree trees | nature
flower flowers | nature
star stars | nature
cloud clouds | nature
guitar guitars | music
piano pianos | music
drum drums | music
violin violins | music
""",
    ),
    "action": (
        "present past progressive",
        """
walk walked walking | motion
run ran running | motion
go went going | motion
come came coming | motion
jump jumped jumping | motion
swim swam swimming | motion
fly flew flying | motion
drive drove driving | motion
climb climbed climbing | motion
dance danced dancing | motion music
fall fell falling | motion
see saw seeing | sight
watch watched watching | sight cinema
look looked looking | sight
show showed showing | sight
hear heard hearing | sound
listen listened listening | sound
sing sang singing | sound music
play played playing | music
say said saying | speech
tell told telling | speech
talk talked talking | speech
speak spoke speaking | speech
ask asked asking | speech
call called calling | speech
write wrote writing | writing
think thought thinking | mind
know knew knowing | mind
believe believed believing | mind
remember remembered remembering | mind
forget forgot forgetting | mind
learn learned learning | mind
want wanted wanting | mind
expect expected expecting | mind
love loved loving | feeling positive
like liked liking | feeling positive
enjoy enjoyed enjoying | feeling positive
recommend recommended recommending | speech positive
hate hated hating | feeling negative
regret regretted regretting | feeling negative
fail failed failing | negative
bore bored boring | feeling negative
eat ate eating | food
drink drank drinking | food
bake baked baking | food
buy bought buying | money
sell sold selling | money
pay paid paying | money
work worked working | profession
sleep slept sleeping | rest
wait waited waiting | rest
sit sat sitting | rest
stay stayed staying | rest
take took taking | touch
give gave giving | touch
make made making | touch
find found finding | mind
keep kept keeping | touch
lose lost losing | negative
win won winning | positive
""",
    ),
}

SETS = {  # 갈래: 낱말
    "color": "red blue green yellow black white brown purple pink gray orange silver gold",
    "number": (
        "zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred "
        "thousand million first second third last half"
    ),
    "weekday": "monday tuesday wednesday thursday friday saturday sunday weekend",
    "calendar": "january february march april may june july august september october november december",
    "season": "spring summer autumn winter holiday holidays christmas birthday",
    "daytime": "morning noon afternoon evening night midnight today yesterday tomorrow tonight now then",
    "food": (
        "bread rice milk cheese butter salt sugar pepper water coffee tea beer wine soup noodles kimchi pizza salad "
        "meat beef pork chicken chocolate breakfast lunch dinner popcorn"
    ),
    "weather": "rain snow wind storm thunder lightning fog sunshine rainy sunny cloudy windy",
    "body": "head face nose mouth hair heart brain blood skin finger shoulder knee stomach",
    "clothing": "shirt coat dress hat shoes boots skirt jacket socks gloves scarf trousers",
    "sport": "football baseball basketball tennis hockey golf soccer boxing volleyball team coach player match goal",
    "science": "physics chemistry biology mathematics experiment theory laboratory atom molecule energy planet space",
    "technology": "internet software hardware keyboard program data network website email video tensor gradient model",
    "music": "music soundtrack score melody rhythm concert orchestra band opera jazz rock album lyrics tune sound",
    "cinema": (
        "cinema screenplay plot dialogue acting performance performances cast casting direction directing editing "
        "cinematography premiere sequel trailer comedy drama thriller horror romance animation documentary ending "
        "beginning opening climax villain sidekick protagonist subtitles credits photography costumes effects "
        "storyline narrative premise satire slapstick suspense staging framing lighting pacing production humor"
    ),
    "crime": "police thief murder crime prison robbery judge court jail gun spy evidence witness",
    "war": "war army battle enemy soldier general weapon bomb peace victory defeat navy",
    "religion": "church temple monastery priest prayer bible faith angel heaven soul",
    "money": "money dollar price cost budget fortune coin cash salary market profit",
    "house": "kitchen bedroom bathroom window door roof wall floor garden table chair bed sofa lamp",
    "nature": "sea ocean lake forest desert beach hill valley sun moon sky earth grass stone sand",
    "feeling": "joy anger fear sadness surprise disgust hope pride shame guilt jealousy happiness pain pleasure",
    "degree": (
        "very really truly quite absolutely surprisingly extremely remarkably incredibly rather somewhat simply too "
        "so almost hardly totally completely"
    ),
    "negation": "not never no nothing nobody neither nor cannot none nowhere without isn't don't didn't",
    "link": "and or but yet although though even still however because while despite if unless whereas therefore",
    "preposition": "in on at by from to of with for about into over under between through during after before against",
    "pronoun": "i you it we they me us them my your our their his its this that these those who what which someone",
    "article": "the a an some any each every both all few many most other another",
    "auxiliary": "is are was were be been am do does did have has had will would can could should may might must",
}
