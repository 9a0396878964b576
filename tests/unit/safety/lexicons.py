"""Lexicons of nonsense words, to test rules without any text that needs them."""

SENTINELS = """
version = 1
category = "child_safety"

[sets]
age = "zqyoung, zqtiny one"
cue = "zqlewd*, zqbare|zqstripped"
harmless = "zqlewdberry jam"

[[rules]]
id = "child_safety.test"
all = ["age", "cue"]
"""

WORDS = """
version = 1
category = "violence_gore"

[sets]
tool = "zqblade"
wound = "zqwound*"
thing = "zqthing, 怖物"
excuse = "zqmuseum"

[[rules]]
id = "violence.word"
terms = "zqgrim"
outcome = "review"

[[rules]]
id = "violence.near"
all = ["tool", "wound"]
within = 3
unless = ["excuse"]

[[rules]]
id = "violence.ordered"
all = ["tool", "thing"]
within = 0
ordered = true
"""
