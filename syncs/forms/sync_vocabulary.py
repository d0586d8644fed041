"""What a name means: `Vorname`, `given_name` and `FNAME` are all a first name. Pure.

A name is cut into words, words and phrases become ideas, and what says nothing is left out. Two names mean
the same where the same ideas are left. The words are those of exports that people have: English, German and
French, with the abbreviations of warehouses, and a few of Spanish.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache


def words(text: str) -> frozenset[str]:
    """The words of a list with blanks between them."""
    return frozenset(text.split())


# An idea, and how people say it. A phrase is its words with blanks between them.
_SAID = {
    "email": (
        "email; e mail; mail; eml; emailaddress; mailaddress; email address; mail address; email addr; "
        "mail adresse; emailadresse; e mail adresse; courriel; adresse mail; adresse email; correo; "
        "correo electronico; email id"
    ),
    "firstname": (
        "first name; first; firstname; fname; first nm; given name; given; givenname; forename; "
        "vorname; prenom; nombre; name first"
    ),
    "lastname": (
        "last name; last; lastname; lname; last nm; family name; familyname; surname; nachname; "
        "familienname; nom de famille; nom; apellido; apellidos; name last"
    ),
    "middlename": "middle name; middlename; zweiter vorname; middle initial",
    "name": (
        "name; full name; fullname; full nm; display name; displayname; nm; nom complet; vollstandiger "
        "name; nombre completo"
    ),
    "username": "user name; username; login; benutzername",
    "salutation": "salutation; anrede; civilite; honorific; prefix; name prefix",
    "title": (
        "title; job title; jobtitle; job; position; job position; job role; role; berufsbezeichnung; "
        "stellenbezeichnung; funktion; fonction; poste; cargo; puesto; title txt; beruf; intitule du "
        "poste"
    ),
    "seniority": "seniority; job seniority; job level; management level; seniority level; hierarchieebene",
    "department": "department; dept; abteilung; departement; service",
    "phone": (
        "phone; phone number; phonenumber; phone no; telephone; telephone number; tel; tel no; tel nr; "
        "telefon; telefonnummer; telefon nr; rufnummer; telefono; telephone fixe; fon"
    ),
    "mobile": (
        "mobile; mobile phone; mobilephone; mobile number; mobile phone number; cell phone number; "
        "mobile no; cell; cell phone; cellphone; handy; handynummer; mobil; mobilnummer; mobiltelefon; "
        "portable; telephone portable; movil"
    ),
    "extension": "extension; ext; phone extension; durchwahl",
    "fax": "fax; fax number; fax no; telefax; faxnummer",
    "linkedin": "linkedin; linked in; li; linkedin url; linkedin profile; linkedin profile url; li url",
    "twitter": "twitter; twitter handle; twitter username; x handle",
    "street": (
        "street; street address; address line; address line 1; address1; strasse; rue; calle; adresse; "
        "anschrift; strasse hausnummer"
    ),
    "city": "city; town; ort; stadt; wohnort; ville; commune; ciudad; localite",
    "state": "state; region; province; bundesland; prov; etat; state code; state province; kanton",
    "country": (
        "country; country name; country region; country code; country cd; ctry; ctry cd; land; "
        "landercode; pays; code pays; pais; nation; country iso; country iso code; iso country; "
        "laendercode; staat"
    ),
    "postcode": (
        "postal code; postalcode; postcode; post code; zip; zip code; zipcode; plz; postleitzahl; code "
        "postal; codigo postal"
    ),
    "company": (
        "company; organization; organisation; org; employer; firm; firma; unternehmen; betrieb; "
        "societe; entreprise; empresa; account; acct; acc; arbeitgeber; compte; client company; "
        "business"
    ),
    "company name": (
        "company name; companyname; organization name; organisation name; org nm; org name; account "
        "name; accountname; acct name; firmenname; unternehmensname; nom de l entreprise; raison "
        "sociale; employer name; nom entreprise; nom societe; business name"
    ),
    "company domain": (
        "company domain; companydomain; domain; domaine; web domain; email domain; account domain; "
        "domain name"
    ),
    "company website": (
        "website; web site; web; url; homepage; home page; site; site web; webseite; internetseite; "
        "company website; company url; website url; www; company site"
    ),
    "company industry": (
        "industry; sector; branche; industrie; secteur; secteur d activite; sector industry; vertical; "
        "company industry; wirtschaftszweig; industria"
    ),
    "company employees": (
        "employees; employee count; employeecount; number of employees; num employees; "
        "numberofemployees; nbr employees; nbr emp; num emp; no of employees; headcount; head count; "
        "employees count; emp count; mitarbeiter; mitarbeiterzahl; mitarbeiteranzahl; anzahl "
        "mitarbeiter; effectif; effectifs; company headcount; company employees; total employees; staff "
        "count; empleados"
    ),
    "company size": "company size; companysize; size; unternehmensgrosse; employee range; taille",
    "company revenue": (
        "revenue; annual revenue; annualrevenue; annual rev; yearly revenue; rev; umsatz; jahresumsatz; "
        "chiffre d affaires; ca annuel; arr; company revenue; turnover; annual turnover"
    ),
    "company type": "company type; account type; unternehmenstyp; type of company",
    "company tier": "account tier; acct tier; company tier; tier",
    "founded": "founded; founded year; year founded; foundation year; grundungsjahr; annee de creation",
    "description": "description; descr; beschreibung; about",
    "notes": (
        "notes; note; comment; comments; remark; remarks; notizen; notiz; bemerkung; bemerkungen; "
        "kommentar; kommentare; commentaire; commentaires; memo; observaciones"
    ),
    "interests": "interests; interest; interessen; centres d interet; topics of interest; intereses",
    "tags": "tags; tag; labels; schlagworter; etiquettes; keywords",
    "score": "score; scr; rating points; punktzahl; punkte",
    "lead score": "lead score; leadscore; lead scr; lead scoring; lead rating score",
    "stage": "stage; phase",
    "lifecycle stage": "lifecycle stage; lifecyclestage; life cycle stage; lifecycle; lifecycle phase",
    "timezone": "time zone; timezone; tz; locale; zeitzone; fuseau horaire; iana timezone; tz name",
    "language": "language; lang; lang cd; sprache; langue; locale code; idioma; language code",
    "owner": (
        "owner; owner id; account manager; account executive; ae; rep; sales rep; inhaber; betreuer; "
        "verantwortlich; proprietaire; assigned to; owned by"
    ),
    "optin": (
        "opt in; optin; opted in; subscribed; consent; einwilligung; marketing consent; newsletter; is "
        "subscribed; permission"
    ),
    "optout": "opt out; optout; opted out; unsubscribed; unsubscribe; has opted out; abgemeldet",
    "donotcontact": "do not contact; donotcontact; dnc; nicht kontaktieren; no contact",
    "donotcall": "do not call; donotcall; no call; no calls",
    "donotemail": "do not email; do not mail; donotemail; donotmail; no email",
    "secondary": "secondary; second; other; alternate; alternative; alt; zweite; weitere; additional; 2",
    "personal": "personal; private; privat; perso; privee; home; privado; personnel; prive",
    "billing": "billing; rechnung; rechnungs; invoice; facturation; bill to",
    "shipping": "shipping; delivery; liefer; livraison; ship to",
    "manager": "manager; mgr; boss; supervisor; vorgesetzter",
    "assistant": "assistant; assistentin; assistent; secretary",
    "parent": "parent; mutter; ultimate; holding; global",
    "created": (
        "created; created at; created date; create date; created on; createdate; date created; creation "
        "date; erstellt; erstellt am; erstelldatum; cree le; date de creation; crt ts; signup date"
    ),
    "updated": (
        "updated; updated at; last modified; last modified date; modified; modified at; upd ts; last "
        "updated; geandert; geandert am; modifie le; update ts; last update"
    ),
    "deleted": "deleted; is deleted; geloscht; archived; is archived; deleted at; archived at",
    "birthday": (
        "birthday; birth date; birthdate; date of birth; dob; geburtsdatum; geburtstag; date de naissance"
    ),
    "id": "id; key; pk; guid; uuid; identifier; kennung; nr; no; num; number; external id; ids",
    "crmid": (
        "crm id; crmid; sfdc id; sf id; salesforce id; salesforceid; sfdc contact id; sfdc lead id; "
        "salesforce contact id; salesforce lead id; crm contact id; sfid"
    ),
    "hash": "hash; md5; sha256; sha1; hashed; encrypted",
    "status": "status; state of; zustand; statut",
    "currency": "currency; currency code; waehrung; wahrung; devise",
    "renewal": "renewal; renews; verlangerung",
}
# Says nothing about what a column is: whose it is, how it is kept.
_NEUTRAL = words(
    "contact lead person people customer client user prospect kontakt kunde primary main default current "
    "text txt value val field raw clean cleaned is has flag flg the of de des du der die das and str string "
    "varchar col column std normalized normalised latest recent crm profile attribute attr"
)
# Says nothing beside this idea: at work is where people's addresses are, an amount of money has a currency.
_NEUTRAL_BESIDE: Mapping[str, frozenset[str]] = {
    "email": words("work business company professional pro geschaftlich office corporate"),
    "phone": words("work business direct office geschaftlich dienstlich"),
    "mobile": words("phone work business"),
    "title": words("work business"),
    "country": words("code cd id iso iso2 2"),
    "city": words("name"),
    "state": words("name code cd"),
    "company revenue": words("eur usd gbp chf amount annual total in company"),
    "company employees": words("count total company"),
    "company website": words("url company address"),
    "company domain": words("company name"),
    "company industry": words("company name"),
    "linkedin": words("url public"),
    "optin": words("email marketing status"),
    "timezone": words("name"),
    "company tier": words("company level"),
    "crmid": words("id"),
    "owner": words("name email id"),
    "seniority": words("title level"),
    "notes": words("sales internal"),
}
# Belongs to a company, whether or not a name says so.
_OF_COMPANY = frozenset({"billing", "target"})

_PHRASES = {tuple(phrase.split()): idea for idea, said in _SAID.items() for phrase in said.split(";")}
_LONGEST = max(map(len, _PHRASES))


def words_of(name: str) -> list[str]:
    """The words of a name, without accents and case: `HTTPStatus_2` → http, status, 2."""
    plain = unicodedata.normalize("NFKD", name.removesuffix("__c").removesuffix("__C").replace("ß", "ss"))
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=[0-9])", " ", plain)
    return re.findall(r"[^\W_]+", apart.casefold())


@lru_cache(maxsize=8_192)
def meaning_of(spoken: tuple[str, ...]) -> frozenset[str]:
    """The ideas that the words say; words that nobody knows are ideas of their own. Empty: says nothing."""
    ideas: list[str] = []
    at = 0
    while at < len(spoken):
        for length in range(min(_LONGEST, len(spoken) - at), 0, -1):
            if idea := _PHRASES.get(spoken[at : at + length]):
                ideas.append(idea)
                at += length
                break
        else:
            if spoken[at] not in _NEUTRAL:
                ideas.append(spoken[at])
            at += 1
    return _settled(ideas)


def is_word(idea: str) -> bool:
    """Whether the idea is one that the vocabulary knows."""
    return idea in _SAID


def _settled(ideas: list[str]) -> frozenset[str]:
    """The ideas without what says nothing beside another; a company alone is known by its name."""
    found = set(ideas)
    for idea in ideas:
        found -= _NEUTRAL_BESIDE.get(idea, frozenset()) - {idea}
    if found == {"company"} or found == {"company", "name"}:
        return frozenset({"company name"})
    if found & _OF_COMPANY:
        found.discard("company")
    joined = {f"company {idea}" for idea in found}
    if "company" in found:
        for idea in joined & set(_SAID):
            found -= {"company", idea.removeprefix("company ")}
            found.add(idea)
    return frozenset(found)
