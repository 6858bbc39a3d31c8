"""The original's data files, in the published format."""

import json

import pytest

import agentgym
from agentgym.env.seeded_random import SeededRandom
from agentgym.errors import BadInput
from agentgym_envs.webshop.env import WebShop
from agentgym_envs.webshop.original import read_price

ITEMS = [
    {
        "asin": "B01SHIRT01",
        "name": "Torson Men's Oxford Shirt",
        "category": "fashion",
        "query": "men's dress shirts",
        "product_category": "Clothing › Men › Shirts",
        "full_description": "An oxford shirt.",
        "small_description": ["Machine wash", "Button closure"],
        "pricing": "$21.50",
        "images": ["x.jpg"],
        "customization_options": {
            "Color": [{"value": "Navy/White [new]", "image": None}, {"value": "Red", "image": ""}],
            "Size": [{"value": "Large", "image": None}, {"value": "Small", "image": None}],
        },
    },
    {
        "asin": "B02LAMP002",
        "name": "Desk Lamp",
        "category": "garden",
        "query": "lamps",
        "product_category": "Home › Light › Lamps",
        "full_description": None,
        "small_description": "Bright and small",
        "pricing": "$10.00 to $20.00",
        "images": [],
        "customization_options": None,
    },
    {
        "asin": "B03RUG0003",
        "name": "Rug",
        "category": "garden",
        "query": "rugs",
        "product_category": "Home › Rugs",
        "full_description": "",
        "small_description": None,
        "images": [],
        "customization_options": "",
    },
    {"asin": "nan", "name": "no number"},
    {"asin": "B01SHIRT01", "name": "the same number again"},
    {"asin": "B0123456789X", "name": "too long a number"},
]
NOTES = {
    "B01SHIRT01": {
        "attributes": ["machine wash", "button closure"],
        "instruction": "Find me machine wash men's shirts",
        "instruction_attributes": ["machine wash"],
    },
    "B02LAMP002": {
        "attributes": ["easy install"],
        "instruction": "Find me an easy install lamp.",
        "instruction_attributes": ["easy install"],
    },
    "B03RUG0003": {"attributes": ["soft"], "instruction": None, "instruction_attributes": None},
}
PEOPLE = {
    "B01SHIRT01": [
        {
            "instruction": "i need a navy shirt in large.",
            "instruction_attributes": ["machine wash"],
            "instruction_options": ["Navy/White [new]", "large"],
        },
        {"instruction": "no attributes", "instruction_attributes": [], "instruction_options": []},
    ],
    "B99ABSENT9": [
        {"instruction": "gone", "instruction_attributes": ["x"], "instruction_options": []}
    ],
}


def write(folder, people=None, items=ITEMS, suffix=""):
    (folder / f"items_shuffle{suffix}.json").write_text(json.dumps(items))
    (folder / f"items_ins_v2{suffix}.json").write_text(json.dumps(NOTES))
    if people is not None:
        (folder / "items_human_ins.json").write_text(json.dumps(people))
    return str(folder)


def solve(env, task):
    env.reset(options={"task": task.id})
    for _ in range(20):
        observation, reward, done, _, info = env.step(env.expert())
        if done:
            return reward, info
    raise AssertionError(f"not solved: {observation}")


def test_human_goals(tmp_path):
    env = WebShop(data_dir=write(tmp_path, PEOPLE))
    (task,) = env.tasks("test")
    assert task.id == "original/test/00000"
    assert env.tasks("train") == env.tasks("valid") == []
    assert task.data["options"] == ["navy | white (new)", "large"]
    assert task.data["weight"] == 1.0
    text = str(task.data["instruction"])
    assert text.startswith("i need a navy shirt in large, and price lower than ")
    assert task.data["price_upper"] in (40.0, 50.0, 60.0)
    assert text.endswith(f"{task.data['price_upper']:.2f} dollars")
    assert solve(env, task)[0] == 1.0
    with pytest.raises(BadInput, match="no train tasks"):
        env.reset(seed=0)


def test_pages_of_original_products(tmp_path):
    env = WebShop(data_dir=write(tmp_path, PEOPLE))
    env.reset(options={"task": "original/test/00000"})
    observation, *_ = env.step("search[Oxford SHIRTS]")
    assert "[b01shirt01] Torson Men's Oxford Shirt, $21.50" in observation
    observation, *_ = env.step("click[B01SHIRT01]")
    assert "color: [navy | white (new)] [red]" in observation
    observation, _, _, _, info = env.step("click[Navy | White (NEW)]")
    assert info["valid"] and "chosen: navy | white (new)" in observation
    observation, *_ = env.step("click[features]")
    assert "Machine wash\nButton closure" in observation
    observation, *_ = env.step("click[< prev]")
    assert "chosen: navy | white (new)" in observation
    observation, *_ = env.step("click[reviews]")
    assert "nothing here" in observation


def test_synthetic_goals_are_weighted_by_rarity(tmp_path):
    env = WebShop(data_dir=write(tmp_path, suffix="_1000"))
    tasks = env.tasks("test")
    assert len(tasks) == 2 * 2 + 1  # every pair of shirt options, and the lamp without any
    shirts = [task for task in tasks if task.data["asin"] == "b01shirt01"]
    assert [task.data["weight"] for task in shirts] == [0.25] * 4
    texts = {str(task.data["instruction"]).split(", and price")[0] for task in shirts}
    assert "Find me machine wash men's shirts with color: red, and size: small" in texts
    (lamp,) = (task for task in tasks if task.data["asin"] == "b02lamp002")
    assert str(lamp.data["instruction"]).startswith("Find me an easy install lamp, and price")
    assert all(solve(env, task)[0] == 1.0 for task in tasks)


def test_the_first_500_goals_test_and_the_next_1000_validate(tmp_path):
    people = {"B01SHIRT01": [PEOPLE["B01SHIRT01"][0]] * 1600}
    env = WebShop(data_dir=write(tmp_path, people))
    assert [len(env.tasks(split)) for split in ("train", "valid", "test")] == [100, 1000, 500]
    env.reset(seed=3)


def test_prices():
    assert read_price("$1,021.50", SeededRandom(0)) == 1021.50
    assert read_price(None, SeededRandom(0)) == read_price("", SeededRandom(0)) == 100.0
    drawn = {read_price("$10.00 to $20.00", SeededRandom(i)) for i in range(50)}
    assert len(drawn) > 10 and all(10 <= price <= 20 for price in drawn)


def test_prices_of_ranges_do_not_depend_on_the_run(tmp_path):
    folder = write(tmp_path)
    lamps = [WebShop(data_dir=folder).shop.products["b02lamp002"] for _ in range(2)]
    assert (
        lamps[0].price
        == lamps[1].price
        != WebShop(data_dir=folder, seed=1).shop.products["b02lamp002"].price
    )
    assert lamps[0].bullets == ("Bright and small",)
    assert WebShop(data_dir=folder).shop.products["b03rug0003"].price == 100.0


def test_only_the_first_products(tmp_path):
    env = WebShop(data_dir=write(tmp_path), products=1)
    assert list(env.shop.products) == ["b01shirt01"]
    with pytest.raises(BadInput, match="no instruction"):
        WebShop(data_dir=write(tmp_path, items=ITEMS[2:]), products=2)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(BadInput, match=r"items_shuffle\*\.json.*items_human_ins"):
        agentgym.make("agentgym/WebShop-v0", data_dir=str(tmp_path))
    write(tmp_path)
    (tmp_path / "items_ins_v2.json").unlink()
    with pytest.raises(BadInput, match=r"no items_ins_v2\*\.json"):
        WebShop(data_dir=str(tmp_path))


@pytest.mark.parametrize(
    "content", ["{", "{}", "[1]", '[{"asin": "B1"}]', "[]", '[{"asin": "B1", "name": 1}]']
)
def test_files_in_another_format_are_refused(tmp_path, content):
    write(tmp_path)
    (tmp_path / "items_shuffle.json").write_text(content)
    with pytest.raises(BadInput):
        WebShop(data_dir=str(tmp_path))
