"""Sentences to learn in, so that tokens come to mean the defect and not the picture of it.

Gal et al., "An image is worth one word" (textual inversion), ICLR 2023, section 4.1: at each step
the tokens stand in a sentence drawn at random. AnoGen's and AnomalyDiffusion's released codes learn
so with 80 sentences of four kinds of picture and draw with the bare tokens. Departure: the wording
is the project's own, fitted to photographs of products.
"""

from anogen.prior.text_encoding import PLACEHOLDER

_KINDS = ("a photo of", "a rendering of", "an illustration of", "a depiction of")

_WORDS = (
    "a",
    "the",
    "one",
    "my",
    "a single",
    "a small",
    "a large",
    "a clean",
    "a dirty",
    "a dark",
    "a bright",
    "a new",
    "an old",
    "a typical",
    "a strange",
    "a close view of a",
    "a sharp picture of a",
    "a blurred picture of a",
    "a cropped picture of a",
    "a good picture of a",
)

TEMPLATES = tuple(f"{kind} {words} {PLACEHOLDER}" for kind in _KINDS for words in _WORDS)
"""80 prompts with the placeholder at their end."""
