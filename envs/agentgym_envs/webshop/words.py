"""The words of the full level: departments, their products and what can be said of them."""

from dataclasses import dataclass

OPTIONS = {
    "color": """black|white|navy|charcoal|red|burgundy|forest green|sage|teal|sky blue|mustard|
        coral|lavender|ivory|chocolate brown|rust""",
    "size": "x-small|small|medium|large|x-large|3x plus",
    "shoe size": "5|6|7|8|9|10|11|12",
    "fit": "regular|tall|petite",
    "model": "basic|plus|advanced|studio",
    "cable": "1 meter|2 meters|3 meters|5 meters",
    "plug": "us plug|uk plug|eu plug",
    "finish": "matte|glossy|brushed|satin",
    "dimensions": "12 x 18 inch|16 x 24 inch|20 x 30 inch|24 x 36 inch|30 x 40 inch",
    "set": "single|set of 2|set of 4|set of 6",
    "scent": "unscented|rose|citrus|eucalyptus|vanilla|sandalwood|jasmine",
    "volume": "30 ml|60 ml|120 ml|250 ml|500 ml",
    "skin": "dry skin|oily skin|sensitive skin|normal skin",
    "flavor": "original|sea salt|honey|dark chocolate|cinnamon|smoked paprika|lemon|wild berry",
    "pack": "pack of 1|pack of 3|pack of 6|pack of 12|pack of 24",
    "weight": "4 ounce|8 ounce|16 ounce|2 pound|5 pound",
    "age": "3 to 5 years|6 to 8 years|9 to 12 years|teens",
}


@dataclass(frozen=True)
class Department:
    """A part of the shop. The long strings are lists, separated by ``|``."""

    name: str
    shelves: dict[str, str]
    """Second part of the category path -> the kinds of product on it."""
    options: tuple[str, ...]
    """Option groups; a product has the first one and some of the others."""
    attributes: str
    materials: str
    audiences: str
    uses: str
    prices: tuple[float, float]


DEPARTMENTS = (
    Department(
        "clothing",
        {
            "tops": "button down shirt|crew neck sweater|hooded sweatshirt|polo shirt|tunic|blouse",
            "bottoms": "cargo pants|pencil skirt|yoga leggings|denim jeans|jogger pants|shorts",
            "outerwear": "rain jacket|puffer vest|trench coat|parka|cardigan|windbreaker",
            "sleepwear": "pajama set|bathrobe|nightgown|lounge pants",
        },
        ("size", "color", "fit"),
        """machine wash|long sleeve|elastic waist|quick drying|moisture wicking|button closure|
        drawstring hem|hidden pocket|wrinkle resistant|relaxed cut|stretch fabric|tumble dry|
        zip closure|ribbed cuffs|fleece lined|hand stitched""",
        "cotton|linen|merino wool|polyester|bamboo|flannel",
        "men|women|teen girls|teen boys|maternity",
        "daily wear|winter hikes|the office|travel|weekends|the gym",
        (14, 120),
    ),
    Department(
        "shoes",
        {
            "athletic": "running shoes|trail sneakers|tennis shoes|training shoes",
            "casual": "loafers|canvas slip ons|moccasins|espadrilles",
            "boots": "ankle boots|snow boots|work boots|chelsea boots",
            "sandals": "hiking sandals|wedge sandals|flip flops",
        },
        ("shoe size", "color"),
        """rubber sole|arch support|steel toe|memory foam|water resistant|lace up|slip resistant|
        wide toe box|shock absorbing|breathable mesh|ankle padding|reflective trim|vegan friendly|
        odor control""",
        "leather|suede|canvas|mesh|nubuck",
        "men|women|kids|nurses",
        "long walks|wet trails|standing all day|the beach|school|city streets",
        (19, 160),
    ),
    Department(
        "electronics",
        {
            "audio": "wireless earbuds|bookshelf speaker|over ear headphones|soundbar|clip radio",
            "phones": "phone case|screen protector|car phone mount|power bank|wall charger",
            "computers": "mechanical keyboard|laptop stand|usb hub|webcam|external drive|mouse pad",
            "cameras": "camera tripod|ring light|action camera|lens filter|memory card",
        },
        ("color", "model", "cable", "plug"),
        """noise cancelling|shock proof|hands free|water resistant|plug and play|high speed|
        compact design|easy install|heavy duty|status light|universal fit|dust proof|
        gold plated|braided cord|tangle free|scratch resistant|energy saving""",
        "aluminum|carbon fiber|silicone|tempered glass|recycled plastic",
        "gamers|students|runners|drivers|creators",
        "home office|road trips|video calls|streaming|night shots|small desks",
        (9, 240),
    ),
    Department(
        "home",
        {
            "bedding": "duvet cover|throw blanket|pillow case|quilt|sheet set",
            "textiles": "area rug|curtain panel|table runner|cushion cover|bath towel",
        },
        ("color", "dimensions", "set"),
        """machine washable|fade resistant|stain resistant|quick drying|non slip backing|
        light blocking|hand woven|extra soft|tumble dry|hidden zipper|double stitched|
        hypoallergenic filling|wrinkle free|reversible pattern""",
        "cotton|linen|velvet|bamboo|microfiber|wool",
        "families|pet owners|renters|guests",
        "the living room|the guest room|the dining room|small bedrooms|dorm rooms",
        (12, 160),
    ),
    Department(
        "furniture",
        {
            "seating": "bar stool|storage ottoman|desk chair|entry bench|dining chair",
            "storage": "bookshelf|coat rack|shoe cabinet|night stand",
            "tables": "side table|coffee table|console table|writing desk",
        },
        ("color", "finish", "set"),
        """space saving|easy assembly|solid wood|fully assembled|scratch resistant|eco friendly|
        anti tip|heavy duty|adjustable height|rust proof|rounded corners|hand painted|
        floor protecting|stackable design""",
        "oak|bamboo|walnut|steel|pine|rattan",
        "families|renters|students|small homes",
        "the living room|the patio|narrow halls|home offices|the kitchen",
        (35, 420),
    ),
    Department(
        "kitchen",
        {
            "cooking": "frying pan|stock pot|baking dish|water kettle|loaf pan",
            "tableware": "mixing bowl|serving tray|coffee mug|salad bowl|dinner plate",
            "storage": "storage jar|spice rack|bread box|lunch box",
        },
        ("color", "set", "finish"),
        """dishwasher safe|easy clean|heat resistant|bpa free|rust proof|non stick|oven safe|
        microwave safe|leak proof|easy grip|shatter resistant|lead free|stackable design|
        tight lid""",
        "stainless steel|ceramic|glass|cast iron|enamel|stoneware",
        "bakers|families|home cooks|campers",
        "small kitchens|holiday dinners|daily cooking|picnics|open shelves",
        (8, 140),
    ),
    Department(
        "beauty",
        {
            "skin care": "face serum|body lotion|clay mask|eye cream|sunscreen|cleansing balm",
            "hair care": "shampoo bar|hair oil|leave in conditioner|styling paste|scalp scrub",
            "bath": "bath salts|shower gel|bar soap|bath bombs",
            "tools": "makeup brush set|facial roller|hair dryer|nail kit|hand mirror",
        },
        ("scent", "volume", "skin", "pack"),
        """cruelty free|paraben free|fragrance free|long lasting|dermatologist tested|sulfate free|
        travel size|oil free|anti aging|hypoallergenic|plant based|alcohol free|deep cleansing|
        color safe|easy rinse|non greasy""",
        "shea butter|aloe vera|argan oil|green tea|coconut oil|rosemary",
        "men|women|teens|mothers",
        "morning routine|dry winters|curly hair|night care|sensitive faces|post workout",
        (6, 75),
    ),
    Department(
        "grocery",
        {
            "snacks": "trail mix|protein bars|veggie chips|popcorn|rice crackers|beef jerky",
            "drinks": "loose leaf tea|ground coffee|sparkling water|cocoa mix|herbal infusion",
            "pantry": "pasta sauce|olive oil|granola|pancake mix|lentil soup|nut butter",
            "sweets": "gummy candy|shortbread cookies|caramel bites|fruit jam",
        },
        ("flavor", "pack", "weight"),
        """gluten free|low sodium|sugar free|non gmo|keto friendly|high protein|certified organic|
        dairy free|individually wrapped|nut free|low carb|small batch|ready to eat|soy free|
        fair trade|no artificial colors""",
        "almond|oat|maple|quinoa|cashew|hibiscus",
        "kids|athletes|hikers|office teams",
        "lunch boxes|gift baskets|movie nights|breakfast|camping|parties",
        (4, 60),
    ),
    Department(
        "sports",
        {
            "fitness": "resistance bands|foam roller|exercise mat|jump rope|kettlebell",
            "outdoors": "camping tent|sleeping bag|trekking poles|headlamp|water bottle|backpack",
            "team sports": "soccer ball|batting gloves|shin guards|basketball|goalie gloves",
            "cycling": "bike helmet|bike lock|saddle bag|cycling gloves",
        },
        ("color", "set"),
        """non slip grip|water proof|quick release|carry strap|tear resistant|high visibility|
        impact absorbing|sweat proof|fold flat|leak proof|double stitched|weather sealed|
        tool free setup|extra padding|vented design""",
        "nylon|neoprene|carbon steel|foam|rubber|ripstop",
        "beginners|coaches|kids|adults",
        "home workouts|cold nights|team practice|long rides|mountain trips|travel",
        (8, 190),
    ),
    Department(
        "toys and hobbies",
        {
            "crafts": "yarn bundle|watercolor set|clay kit|embroidery hoop|sketch book",
            "games": "board game|card game|puzzle|dice set",
            "building": "building blocks|model train|marble run|robot kit",
            "music": "ukulele|kalimba|drum pad|guitar strap",
        },
        ("age", "color", "set"),
        """battery operated|non toxic|easy storage|hand crafted|screen free|washable paint|
        rounded edges|step by step guide|gift ready|magnetic closure|learning guide|
        rechargeable|solo play|multi player|odor free""",
        "birch|felt|tin|cardboard|maple|acrylic",
        "toddlers|kids|families|collectors",
        "rainy days|birthdays|classrooms|car rides|family night|quiet time",
        (7, 110),
    ),
)

SYLLABLES = "al|bra|cor|den|el|fin|gar|hol|in|jor|kel|lum|mar|nor|ol|pin|quil|sten|tor|ver|wil|yar"
ENDINGS = "da|den|field|go|ley|lo|mark|na|ra|rin|son|tex|vo|wick|worth|zo"
"""A brand is one or two syllables and an ending."""
