"""The forty attributes of cartoon faces: a part, and those of its drawings that have it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_ROWS = """
smiling          mouth           SMILE BIG_SMILE TWINKLE
sad_mouth        mouth           SAD CONCERNED DISBELIEF
serious          mouth           SERIOUS DEFAULT
grimacing        mouth           GRIMACE
screaming        mouth           SCREAM_OPEN
tongue_out       mouth           TONGUE
eating           mouth           EATING
vomiting         mouth           VOMIT
eyes_closed      eyes            CLOSED
crying           eyes            CRY
eyes_rolled      eyes            EYE_ROLL
happy_eyes       eyes            HAPPY
heart_eyes       eyes            HEART
looking_aside    eyes            SIDE
squinting        eyes            SQUINT
surprised        eyes            SURPRISED
winking          eyes            WINK WINK_WACKY
dizzy            eyes            X_DIZZY
angry_brows      eyebrows        ANGRY
raised_brows     eyebrows        RAISED_EXCITED UP_DOWN
sad_brows        eyebrows        SAD_CONCERNED
natural_brows    eyebrows        DEFAULT_NATURAL FLAT_NATURAL
small_nose       nose            SMALL
wide_nose        nose            WIDE
beard            facial_hair     BEARD_LIGHT BEARD_MEDIUM
full_beard       facial_hair     BEARD_MEDIUM
eyewear          accessory       PRESCRIPTION_1 ROUND SUNGLASSES WAYFARERS
sunglasses       accessory       SUNGLASSES WAYFARERS
long_hair        top             BIG_HAIR BOB CURLY CURVY LONG_NOT_TOO_LONG MIA_WALLACE STRAIGHT_1 STRAIGHT_STRAND
curly_hair       top             CURLY FRO SHORT_CURLY
bun              top             BUN
bald_on_top      top             SIDES
dark_hair        hair_color      2C1B18 4A312C
blond_hair       hair_color      B58143 D6B370
red_hair         hair_color      A55728 C93305
grey_hair        hair_color      E8E1E1
dark_skin        skin_color      AE5D29 614335
blazer           clothing        BLAZER_SHIRT
hoodie           clothing        HOODIE
blue_background  background_color 65C9FF 5199E4
"""  # noqa: E501 - one line an attribute

FACE_ATTRIBUTES: Mapping[str, tuple[str, frozenset[str]]] = MappingProxyType(
    {
        name: (part, frozenset(drawings))
        for name, part, *drawings in map(str.split, _ROWS.strip().splitlines())
    }
)
"""{attribute: (part, drawings)}, with the names that python-avatars has for them, or colours."""
