"""Abbreviations that keep their full stop, for the tokenizer.

Words that often end a sentence in one of these languages, such as `art` or `max`, are left out: their full stop would
be lost. Initials, `z.B.` and `Dipl.-Ing.` need no list. The lists of a tokenizer never change, because runs store its
name.
"""

from __future__ import annotations

import unicodedata

ENGLISH = (
    "Mr Mrs Ms Dr Prof Gen Col Maj Capt Lt Sgt Adm Gov Sen Sens Rep Reps Rev Hon Pres Jr Sr St Mt Ft Inc Corp Co Ltd "
    "Bros No vs Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Ala Ariz Ark Calif Colo Conn Del Fla Ga Ill Ind Kan "
    "Ky La Md Mass Mich Minn Miss Mo Mont Neb Nev Okla Ore Pa Tenn Tex Va Vt Wash Wis Wyo"
).split()
"""Those of `conll04`, which `unicode` and `unicode2` have too."""

MORE = (
    "Messrs Mme Mlle Esq Hr Ave Blvd Rd Dept Univ Assn Bldg Ed Eds Vol Vols Fig Figs Eq Ch Nr Art approx etc al cf ca"
).split()
"""Those that `unicode` and `unicode2` have too."""

# With a capital where it is needed; the others also have one at the beginning of a sentence.
_EUROPEAN = (
    # German
    "abzgl allg bspw bzgl bzw desgl dgl ebd ehem eigtl einschl engl entspr evtl exkl frz geb gegr gest gez ggf ggfs hg "
    "hrsg inkl insb insbes ital jmd lt nördl östl südl westl resp rd sog teilw tgl ugs ungef urspr usf usw uvm verh "
    "versch verst vgl wg zzgl zzt Abb Abg Abs Anh Anm Aufl Bd Bde Bez Bgm Bhf Chr Dez Ew Fa Fr Frhr Frl Ges Hbf "
    "Hrn Jh Jhd Jhdt Jän Kap Mag Mio Mrd Mrz Nrn Okt Pfr Präs Sek Std Stk Str Tsd "
    # French
    "apr av avr bd déc env fasc févr hab janv juill pp réf suiv tél éd éds Cie Mgr MM Mlles Mmes Ste Sté Vve "
    # Spanish and Portuguese
    "admón aprox dcha depto dpto ej ibíd izq máx mín núm núms pág págs teléf Arq Av Avda Cnel Cía Dra Dras Dres Dña EE "
    "Exma Excma Excmo Exmo Gral Hnos Ilma Ilmo Lic Licda Ltda Profa Sgto Sra Sras Sres Srta Srtas Sta Sto Tte UU "
    "Ud Uds Vd Vds "
    # Italian
    "artt avv cfr dott ecc pag pagg segg sett sig sigg Cav Comm Egr Geom Ill Prov Spett "
    # Dutch
    "afb bijv blz bv dhr dr drs ds enz evt excl feb gebr hfst incl ing jhr jl mevr mld mln mr mw nov nr nrs oct okt "
    "prof tel vnl zgn"
).split()


def european() -> list[str]:
    """Regular expressions of abbreviations of German, French, Spanish, Portuguese, Italian and Dutch."""
    forms = [name for word in _EUROPEAN for name in dict.fromkeys([word, unicodedata.normalize("NFD", word)])]
    return [f"[{word[0].upper()}{word[0]}]{word[1:]}" if word[0].islower() else word for word in forms]
