"""Shop admin: what its tables hold, and what one may be asked to do there."""

from agentgym.env.seeded_random import SeededRandom
from agentgym_envs.webapps.problem import Edit, Errand, Question, Record, Tables
from agentgym_envs.webapps.words import CODES, NOTES, PEOPLE, PRODUCTS

STATES = ("new", "paid", "shipped", "refunded")


def fill(rng: SeededRandom, size: int, simple: bool) -> Tables:  # noqa: ARG001  like its siblings
    """Products, orders of them and discount codes."""
    names = rng.some(PRODUCTS, size)
    numbers = rng.some(range(301, 400), size)
    customers = rng.some(PEOPLE, size)
    products = [_product(rng, name) for name in names]
    orders: list[Record] = [
        {
            "number": number,
            "customer": customer,
            "product": rng.pick(names),
            "quantity": 1 + rng.below(9),
            "state": rng.pick(STATES),
            "note": rng.pick(("", *NOTES)),
        }
        for number, customer in zip(sorted(numbers), customers, strict=True)
    ]
    codes: list[Record] = [
        {"word": word, "percent": 5 + 5 * rng.below(8)} for word in rng.some(CODES, 2)
    ]
    kinds = {"products": products, "orders": orders, "codes": codes}
    return {
        name: {str(number): record for number, record in enumerate(records, start=1)}
        for name, records in kinds.items()
    }


def errands(rng: SeededRandom, tables: Tables, simple: bool) -> list[Errand]:
    """Something to do with each product, order and code, and something to add."""
    if simple:
        return [_numbers(rng, tables, key) for key in tables["products"]]
    kinds = [_numbers, _hide]
    return [
        *(rng.pick(kinds)(rng, tables, key) for key in tables["products"]),
        *(rng.pick([_state, _note])(rng, tables, key) for key in tables["orders"]),
        _drop(rng, tables),
        _add(rng, tables),
        _code(rng, tables),
    ]


def questions(rng: SeededRandom, tables: Tables) -> list[Question]:
    """What an order or a product says."""
    key, order = rng.pick(list(tables["orders"].items()))
    number = f"order {order['number']}"
    way = (("orders", number),)
    place, product = rng.pick(list(tables["products"].items()))
    name = f"{product['name']}"
    return [
        Question(f"which product is in {number}?", f"{order['product']}", way, f"order/{key}"),
        Question(
            f"what is the price of {name}?",
            f"{product['price']}",
            (("products", name),),
            f"product/{place}",
        ),
    ]


def _product(rng: SeededRandom, name: str) -> Record:
    return {"name": name, "price": 5 + rng.below(95), "stock": rng.below(100), "visible": True}


def _numbers(rng: SeededRandom, tables: Tables, key: str) -> Errand:
    product = tables["products"][key]
    label = rng.pick(("price", "stock"))
    value = rng.other(range(1, 100), product[label])
    edit = _edit("products", key, product, {label: value}, {label: str(value)})
    return Errand(f"set the {label} of {product['name']} to {value}", edit)


def _hide(_: SeededRandom, tables: Tables, key: str) -> Errand:
    product = tables["products"][key]
    edit = _edit("products", key, product, {"visible": False}, {"visible": False})
    return Errand(f"make {product['name']} no longer visible", edit)


def _state(rng: SeededRandom, tables: Tables, key: str) -> Errand:
    order = tables["orders"][key]
    state = rng.other(STATES, f"{order['state']}")
    edit = _edit("orders", key, order, {"state": state}, {"state": state})
    return Errand(f"set the state of order {order['number']} to {state}", edit)


def _note(rng: SeededRandom, tables: Tables, key: str) -> Errand:
    order = tables["orders"][key]
    note = rng.other(NOTES, f"{order['note']}")
    edit = _edit("orders", key, order, {"note": note}, {"note": note})
    return Errand(f'change the note of order {order["number"]} to "{note}"', edit)


def _edit(
    table: str, key: str, record: Record, change: Record, fields: dict[str, str | bool]
) -> Edit:
    kind = table[:-1]
    name = f"order {record['number']}" if kind == "order" else f"{record['name']}"
    return Edit(
        table=table,
        id=key,
        record={**record, **change},
        route=((table, name),),
        page=f"{kind}/{key}",
        fields=fields,
        press="save",
    )


def _drop(rng: SeededRandom, tables: Tables) -> Errand:
    key, code = rng.pick(list(tables["codes"].items()))
    edit = Edit(table="codes", id=key, page="codes", press=f"delete {code['word']}")
    return Errand(f"delete the code {code['word']}", edit)


def _add(rng: SeededRandom, tables: Tables) -> Errand:
    known = [product["name"] for product in tables["products"].values()]
    product = _product(rng, rng.pick([name for name in PRODUCTS if name not in known]))
    edit = Edit(
        table="products",
        record=product,
        route=(("products", "new product"),),
        page="add/product",
        fields={label: f"{product[label]}" for label in ("name", "price", "stock")},
        press="save",
    )
    asked = f"with the price {product['price']} and the stock {product['stock']}"
    return Errand(f"add the product {product['name']} {asked}", edit)


def _code(rng: SeededRandom, tables: Tables) -> Errand:
    known = [code["word"] for code in tables["codes"].values()]
    word = rng.pick([word for word in CODES if word not in known])
    percent = 5 + 5 * rng.below(8)
    edit = Edit(
        table="codes",
        record={"word": word, "percent": percent},
        route=(("codes", "new code"),),
        page="code/new",
        fields={"word": word, "percent": str(percent)},
        press="save",
    )
    return Errand(f"add the code {word} for {percent} percent", edit)
