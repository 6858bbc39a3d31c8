"""The published reward, worked by hand."""

from dataclasses import replace

import pytest

from agentgym.env.seeded_random import SeededRandom
from agentgym_envs.webshop.goals import NO_LIMIT, price_limit
from agentgym_envs.webshop.product import Product
from agentgym_envs.webshop.reward import (
    attribute_matches,
    judge,
    normal_color,
    same_option,
    title_score,
    type_score,
)

SHIRT = Product(
    asin="b123456",
    title="Torson long sleeve oxford shirt",
    query="dress shirt",
    category="clothing › tops › shirts",
    price=35.0,
    attributes=("machine wash", "slim fit"),
    options={"color": ("navy blue", "white"), "size": ("large", "small")},
    description="A shirt for weddings.",
    bullets=("Made of cotton", "Wrinkle resistant collar"),
)
LAMP = replace(
    SHIRT, asin="b654321", title="Zenmark desk lamp", query="lamp", category="home › light › lamps"
)


def score(product=SHIRT, chosen=("navy blue", "large"), options=("navy", "large"), limit=40.0):
    return judge(
        product,
        chosen,
        target=SHIRT,
        attributes=("machine wash", "wrinkle resistant"),
        options=options,
        price_upper=limit,
    )


def test_everything_right_is_one():
    assert score().score == 1.0
    assert (score().attributes, score().options, score().price, score().type) == (1, 1, 1, 1)


def test_each_part_counts_once():
    # Two attributes, two options and the price: five parts.
    assert score(chosen=()).score == pytest.approx(3 / 5)
    assert score(chosen=("white", "large")).score == pytest.approx(4 / 5)
    assert score(limit=34.99).score == pytest.approx(4 / 5)
    assert score(limit=35.0).score == 1.0
    plain = replace(SHIRT, attributes=("slim fit",))
    assert score(plain).score == pytest.approx(4 / 5)
    assert score(plain).attributes == 0.5
    assert score(options=(), chosen=()).score == 1.0


def test_one_choice_serves_every_wanted_option_it_equals():
    assert score(options=("large", "large"), chosen=("large",)).options == 1.0
    assert score(options=("large",), chosen=("large", "large")).options == 1.0


def test_options_in_a_dict_count_by_value():
    assert score(options={"color": "navy", "size": "large"}).score == 1.0


def test_attributes_match_closely_in_the_list_or_literally_in_the_text():
    assert attribute_matches("wash machine", SHIRT)  # same tokens as an attribute
    assert attribute_matches("WEDDINGS", SHIRT)
    assert attribute_matches("sleeve oxford", SHIRT)
    assert attribute_matches("cotton", SHIRT)
    assert not attribute_matches("cotton sleeve", SHIRT)
    assert not attribute_matches("waterproof", SHIRT)


def test_colors_are_normalised_on_both_sides():
    assert normal_color("deep navy (blue)") == "navy"
    assert normal_color("x-large") == "x-large"
    assert same_option("light navy", "NAVY-blend")
    assert not same_option("navy", "white")
    assert not same_option("small", "x-small")


@pytest.mark.parametrize(
    ("title", "query", "category", "expected"),
    [
        # The target's content words: torson, sleeve, oxford, shirt.
        ("Torson sleeve oxford shirt", "x", "y", 1.0),
        ("blue shirt", "x", "y", 1.0),  # 1/4 > 0.2
        ("Torson lamp", "dress shirt", "y", 1.0),
        ("wool hat", "dress shirt", "clothing › tops › shirts", 0.0),  # title rules come last
    ],
)
def test_type_of_purchase(title, query, category, expected):
    bought = replace(SHIRT, title=title, query=query, category=category)
    assert type_score(bought, SHIRT) == expected


def test_type_branches_of_long_titles():
    long = replace(SHIRT, title="aa bb cc dd ee ff gg hh ii jj kk ll".replace(" ", "x "))
    words = long.title.split()
    other = replace(LAMP, title=" ".join(words[:2]))  # 2/12: between 0.1 and 0.2
    assert type_score(other, long) == 0.5
    assert type_score(replace(other, query=long.query), long) == 1.0
    assert type_score(replace(other, category="sale › tops › shirts"), long) == 1.0
    assert type_score(replace(other, category="sale › lamps › shirts"), long) == 0.5
    one = replace(SHIRT, title=words[0])  # 1/12: below 0.1, whatever query and category say
    assert type_score(one, long) == 0.1
    assert type_score(LAMP, long) == 0.0


def test_type_multiplies_the_rest():
    assert score(LAMP).type == 0.0
    assert score(LAMP).score == 0.0


def test_a_title_without_content_words_scores_a_fifth():
    assert title_score("anything", "the soft one") == 0.2


def test_price_limit_is_the_larger_of_two_of_the_next_four_steps():
    limits = {price_limit(35.0, SeededRandom(i)) for i in range(200)}
    assert limits == {50.0, 60.0, 70.0}
    assert {price_limit(40.0, SeededRandom(i)) for i in range(200)} == {60.0, 70.0, 80.0}
    assert {price_limit(975.0, SeededRandom(i)) for i in range(50)} == {990.0}
    assert price_limit(985.0, SeededRandom(0)) == NO_LIMIT
    assert price_limit(5000.0, SeededRandom(0)) == NO_LIMIT
