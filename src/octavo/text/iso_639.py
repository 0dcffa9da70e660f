"""Codes of languages: the two letters of ISO 639-1 and the three of ISO 639-3 that mean the same."""

from __future__ import annotations

from typing import Final


def _pairs(table: str) -> dict[str, str]:
    return dict(entry.split(":", 1) for entry in table.split())


_TWO_AND_THREE: Final = """
    aaaar ababk aeave afafr akaka amamh anarg arara asasm avava ayaym azaze babak bebel bgbul bibis bmbam
    bnben bobod brbre bsbos cacat ceche chcha cocos crcre csces cuchu cvchv cycym dadan dedeu dvdiv dzdzo
    eeewe elell eneng eoepo esspa etest eueus fafas ffful fifin fjfij fofao frfra fyfry gagle gdgla glglg
    gngrn guguj gvglv hahau heheb hihin hohmo hrhrv hthat huhun hyhye hzher iaina idind ieile igibo iiiii
    ikipk ioido isisl itita iuiku jajpn jvjav kakat kgkon kikik kjkua kkkaz klkal kmkhm knkan kokor krkau
    kskas kukur kvkom kwcor kykir lalat lbltz lglug lilim lnlin lolao ltlit lulub lvlav mgmlg mhmah mimri
    mkmkd mlmal mnmon mrmar msmsa mtmlt mymya nanau nbnob ndnde nenep ngndo nlnld nnnno nonor nrnbl nvnav
    nynya ococi ojoji omorm orori ososs papan pipli plpol pspus ptpor quque rmroh rnrun roron rurus rwkin
    sasan scsrd sdsnd sesme sgsag shhbs sisin skslk slslv smsmo snsna sosom sqsqi srsrp ssssw stsot susun
    svswe swswa tatam tetel tgtgk ththa titir tktuk tltgl tntsn toton trtur tstso tttat twtwi tytah uguig
    ukukr ururd uzuzb veven vivie vovol wawln wowol xhxho yiyid yoyor zazha zhzho zuzul
"""
"""ISO 639-1, each code followed by that of ISO 639-3."""

_OTHER_NAMES: Final = _pairs(
    """
    iw:heb in:ind ji:yid jw:jav mo:ron ns:nso alb:sqi arm:hye baq:eus bur:mya chi:zho cze:ces
    dut:nld fre:fra geo:kat ger:deu gre:ell ice:isl mac:mkd mao:mri may:msa per:fas rum:ron
    slo:slk tib:bod wel:cym
    """
)
"""Withdrawn codes, M2M-100's own, and the bibliographic ones of ISO 639-2."""

_STANDARD_FORMS: Final = _pairs(
    """
    als:sqi arb:ara ayr:aym azj:aze cmn:zho ekk:est fil:tgl fuv:ful gaz:orm gug:grn khk:mon
    kmr:kur knc:kau lvs:lav nob:nor npi:nep ory:ori pbt:pus pes:fas plt:mlg quy:que swh:swa
    uzn:uzb ydd:yid zsm:msa
    """
)
"""The form of a macrolanguage (ISO 639-3) that models mean by its name: Standard Arabic, Mandarin, Bokmål."""

_THREE: Final = 3
_TO_THREE: Final = {entry[:2]: entry[2:] for entry in _TWO_AND_THREE.split()} | _OTHER_NAMES
_TO_TWO: Final = {entry[2:]: entry[:2] for entry in _TWO_AND_THREE.split()}


def is_code(language: str) -> bool:
    """Whether it is a code of ISO 639-1, or one of three letters that means the same, in lower case."""
    return language in _TO_THREE or language in _TO_TWO or language in _STANDARD_FORMS


def three_letters(language: str) -> str:
    """The code of ISO 639-3 for a language's code in lower case, "deu" for "de" and "ger"; another stays."""
    return _TO_THREE.get(language, language)


def two_letters(language: str) -> str:
    """The code of ISO 639-1, "de" for "deu", "ar" for "arb"; where there is none, that of ISO 639-3."""
    three = three_letters(language)
    return _TO_TWO.get(three) or _TO_TWO.get(_STANDARD_FORMS.get(three, three), three)


def iso_639_1(language: str) -> str:
    """The code of ISO 639-1 for one of three letters that means the same, "de" for "deu" and "ger"; another
    stays."""
    return _TO_TWO.get(three_letters(language), language) if len(language) == _THREE else language


def language_at_large(language: str) -> str:
    """The code of ISO 639-3 of the language whose standard form this is, "zho" for "cmn"; another stays."""
    three = three_letters(language)
    return _STANDARD_FORMS.get(three, three)
