"""Words of which the sample companies and people are made. All are made up; the domains are reserved ones."""

# (name, the same in letters that a domain may have)
BRANDS = (
    ("Nordwind", "nordwind"), ("O'Malley", "omalley"), ("Müller & Söhne", "mueller-soehne"),
    ("Café Lumière", "cafe-lumiere"), ("Åkesson", "akesson"), ("Blue Heron", "blueheron"),
    ("Compañía del Sur", "delsur"), ("Zhōngguān", "zhongguan"), ("Kowalski", "kowalski"),
    ("Dvořák", "dvorak"), ("Ørsted & Lund", "orsted-lund"), ("Sakura", "sakura"),
    ("Red Rock", "redrock"), ("São Bento", "saobento"), ("Tír na nÓg", "tirnanog"),
    ("Alder Creek", "aldercreek"), ("Białystok", "bialystok"), ("Çelik", "celik"),
    ("D'Angelo", "dangelo"), ("Église Vieille", "eglise-vieille"), ("Fjällbäcken", "fjallbacken"),
    ("Golden Acre", "goldenacre"), ("Hōrin", "horin"), ("Ísafjörður", "isafjordur"),
    ("Juniper", "juniper"), ("Kestrel", "kestrel"), ("Łódź", "lodz"), ("Maple & Oak", "mapleoak"),
    ("Niño Feliz", "ninofeliz"), ("Oakridge", "oakridge"), ("Pérez Hermanos", "perez-hermanos"),
    ("Quayside", "quayside"), ("Röntgen", "roentgen"), ("Silver Birch", "silverbirch"),
    ("Tübingen", "tuebingen"), ("Umeå", "umea"), ("Vega", "vega"), ("Whitestone", "whitestone"),
    ("Xanadu", "xanadu"), ("Yıldız", "yildiz"), ("Železník", "zeleznik"), ("Amber", "amber"),
    ("Brightwater", "brightwater"), ("Cedar Point", "cedarpoint"), ("Drumlin", "drumlin"),
    ("Eastgate", "eastgate"), ("Foxglove", "foxglove"), ("Granite", "granite"),
)  # fmt: skip

# (what a company does, its word in a domain, its industry as the destination's picklist has it)
TRADES = (
    ("Software", "software", "Software"), ("Analytics", "analytics", "Software"),
    ("Cloud", "cloud", "Software"), ("Robotics", "robotics", "Manufacturing"),
    ("Machines", "machines", "Manufacturing"), ("Steel", "steel", "Manufacturing"),
    ("Foods", "foods", "Retail"), ("Outfitters", "outfitters", "Retail"), ("Market", "market", "Retail"),
    ("Bank", "bank", "Finance"), ("Insurance", "insurance", "Finance"), ("Capital", "capital", "Finance"),
    ("Clinic", "clinic", "Healthcare"), ("Pharma", "pharma", "Healthcare"),
    ("Diagnostics", "diagnostics", "Healthcare"), ("Academy", "academy", "Education"),
    ("Press", "press", "Media"), ("Studios", "studios", "Media"), ("Radio", "radio", "Media"),
    ("Energy", "energy", "Energy"), ("Solar", "solar", "Energy"), ("Wind", "wind", "Energy"),
    ("Logistics", "logistics", "Logistics"), ("Shipping", "shipping", "Logistics"),
    ("Rail", "rail", "Logistics"), ("Consulting", "consulting", "Other"), ("Gardens", "gardens", "Other"),
    ("Architects", "architects", "Other"),
)  # fmt: skip

CITIES = (
    ("Berlin", "Germany"), ("München", "Germany"), ("Zürich", "Switzerland"), ("Paris", "France"),
    ("Saint-Étienne", "France"), ("Kraków", "Poland"), ("København", "Denmark"), ("Malmö", "Sweden"),
    ("Reykjavík", "Iceland"), ("Dublin", "Ireland"), ("Leeds", "United Kingdom"), ("Porto", "Portugal"),
    ("São Paulo", "Brazil"), ("Bogotá", "Colombia"), ("Boston", "United States"),
    ("Austin", "United States"), ("Montréal", "Canada"), ("İzmir", "Türkiye"), ("תל אביב", "Israel"),
    ("القاهرة", "Egypt"), ("東京", "Japan"), ("深圳", "China"), ("Αθήνα", "Greece"), ("Plzeň", "Czechia"),
)  # fmt: skip

# (name, the same in letters that an e-mail address has)
FIRST_NAMES = (
    ("Anna", "anna"), ("José", "jose"), ("Siobhán", "siobhan"), ("Zoë", "zoe"), ("Łukasz", "lukasz"),
    ("Björn", "bjoern"), ("François", "francois"), ("Mary-Jane", "mary-jane"), ("Nguyễn", "nguyen"),
    ("محمد", "mohammed"), ("נועה", "noa"), ("美咲", "misaki"), ("伟", "wei"), ("Ольга", "olga"),
    ("Ελένη", "eleni"), ("Priya", "priya"), ("Kwame", "kwame"), ("Ingrid", "ingrid"), ("Luís", "luis"),
    ("Seán", "sean"), ("Aoife", "aoife"), ("Tomáš", "tomas"), ("Chloé", "chloe"), ("Oliver", "oliver"),
    ("Emma", "emma"), ("Noah", "noah"), ("Sofía", "sofia"), ("Hannah", "hannah"), ("David", "david"),
    ("Grace", "grace"), ("Ayşe", "ayse"), ("Jürgen", "juergen"), ("Mei", "mei"), ("Omar", "omar"),
    ("Lena", "lena"), ("Raúl", "raul"), ("Ruth", "ruth"), ("Samuel", "samuel"), ("Yuki", "yuki"),
    ("Nora", "nora"),
)  # fmt: skip

LAST_NAMES = (
    ("O'Brien", "obrien"), ("Müller", "mueller"), ("García Márquez", "garcia"), ("Nowak", "nowak"),
    ("D'Souza", "dsouza"), ("van der Berg", "vandenberg"), ("Østergaard", "ostergaard"),
    ("Smith-Jones", "smith-jones"), ("Kováč", "kovac"), ("Yılmaz", "yilmaz"), ("Sørensen", "sorensen"),
    ("佐藤", "sato"), ("王", "wang"), ("العربي", "alarabi"), ("כהן", "cohen"), ("Иванова", "ivanova"),
    ("Παππάς", "pappas"), ("Dubois", "dubois"), ("Bianchi", "bianchi"), ("Silva", "silva"),
    ("Okafor", "okafor"), ("Patel", "patel"), ("Trần", "tran"), ("Andersson", "andersson"),
    ("Hernández", "hernandez"), ("O’Connor", "oconnor"), ("Schäfer", "schaefer"), ("Novák", "novak"),
    ("Lindqvist", "lindqvist"), ("MacDonald", "macdonald"), ("Ferreira", "ferreira"), ("Weiß", "weiss"),
    ("Tanaka", "tanaka"), ("Kim", "kim"), ("Johnson", "johnson"), ("Brown", "brown"),
)  # fmt: skip

TITLES = (
    "Head of Sales", "VP Marketing", "Engineer", "Buyer", "Chief Executive", "Product Manager",
    "Customer Success", "Directeur général", "Leiter Einkauf", "Data Analyst", "Account Executive",
    "Operations", "Designer ✨", "Ops 🚀", "مدير المبيعات", "営業部長",
)  # fmt: skip

NOTES = (
    "Met at the fair. Wants a call in spring.",
    'Said "not this year"; ask again.',
    "Prefers e-mail 🙂",
    "اتصل به بعد رمضان",
    "דיברנו בטלפון, מעוניינת",
    "Interested in the <b>pro</b> plan & the API; 50% off?",
    "Line one.\nLine two, with a\ttab.",
    "👩‍💻👨‍👩‍👧‍👦 Team of five",
)

FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com", "web.de", "icloud.com")
