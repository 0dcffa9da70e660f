"""The plural forms of languages, as the GNU gettext manual lists them."""

from __future__ import annotations

from typing import Final

_SLAVIC: Final = (
    "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"
)
_ARABIC: Final = (
    "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);"
)
_FORMS: Final = {
    "nplurals=1; plural=0;": "id ja ko lo ms my th vi zh",
    "nplurals=2; plural=(n > 1);": "am fa fr hi oc pt_BR ti tr uz",
    _SLAVIC: "be bs hr ru sr uk",
    "nplurals=3; plural=(n==1) ? 0 : (n>=2 && n<=4) ? 1 : 2;": "cs sk",
    "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);": "pl",
    "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && (n%100<10 || n%100>=20) ? 1 : 2);": "lt",
    "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n != 0 ? 1 : 2);": "lv",
    "nplurals=3; plural=(n==1 ? 0 : (n==0 || (n%100 > 0 && n%100 < 20)) ? 1 : 2);": "ro",
    "nplurals=4; plural=(n%100==1 ? 0 : n%100==2 ? 1 : n%100==3 || n%100==4 ? 2 : 3);": "sl",
    _ARABIC: "ar",
}
_BY_LANGUAGE: Final = {
    language: forms for forms, languages in _FORMS.items() for language in languages.split()
}


def plural_forms_of(language: str) -> str:
    """A header's Plural-Forms for a language such as "de" or "pt_BR"; two forms where none is known."""
    language = language.replace("-", "_")
    found = _BY_LANGUAGE.get(language) or _BY_LANGUAGE.get(language.partition("_")[0])
    return found or "nplurals=2; plural=(n != 1);"
