"""English words that no topic is called by."""

_ALL = """
a about above across actually after again against ago all almost along already also although
always am among an and another any anybody anyone anything anyway are aren't around as ask asked
at away back be became because become been before began behind being below best better between
big bit both but by call called came can can't cannot certain certainly come comes coming could
couldn't course day days did didn't different do does doesn't doing don't done down during each
early either else end enough especially even ever every everybody everyone everything exactly
example far feel few find first five for found four from full further gave get gets getting give
given gives go goes going gone gonna good got great guess had hadn't half happen happened happens
hard has hasn't have haven't having he he'd he'll he's hello help her here here's hers herself hey
hi him himself his how however hundred i i'd i'll i'm i've idea if important in indeed instead into
is isn't it it'd it'll it's its itself just keep kept kind knew know known last later least less let
let's like likely little long longer look looking lot lots made make makes making man many may maybe
me mean means meant men might million mine more moreover most mostly much must my myself near nearly
need needs neither never new next no nobody none nor not nothing now number of off often oh ok okay
old on once one ones only onto or other others ought our ours ourselves out over own part parts
people per perhaps place please point probably put question quite rather really right said same saw
say saying says second see seem seemed seems seen sense set several shall she she'd she'll she's
should shouldn't show shown simply since six small so some somebody someone something sometimes soon
sort start started still stuff such sure take taken takes talk talking tell ten than thank thanks
that that's the their theirs them themselves then there there's these they they'd they'll they're
they've thing things think third this those though thought thousand three through thus till time
times to today together told tomorrow too took toward towards tried true try trying turn turned two
um uh under until up upon us use used uses using usually very want wanted wants was wasn't way ways
we we'd we'll we're we've week weeks well went were weren't what what's whatever when where whether
which while who who's whole whom whose why will with within without woman women won't word words
work worked works would wouldn't yeah year years yes yesterday yet you you'd you'll you're you've
young your yours yourself
"""
STOP_WORDS = frozenset(_ALL.split())
