"""The names that databases are filled with."""


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


FIRST = words(
    """Ada Ben Cleo Dan Eva Finn Gina Hugo Iris Jan Kim Leo Maya Nils Olga Paul Quinn Rosa Sam Tess
    Uma Vera Will Xenia Yara Zoe Amir Bela Carl Dora"""
)
LAST = words(
    """Abel Bauer Costa Dorn Engel Frost Gale Holm Ilves Jung Kern Lund Marsh Nord Orso Pike Quist
    Reyes Stone Thorn Urban Voss Wirth Young Zeller Ash Birch Crane Drake Elm"""
)
CITIES = words("Oslo Rome Lima Cairo Paris Delhi Quito Seoul Porto Bern Kyoto Dakar")
STREETS = words("Mill Park Lake Hill Church Garden River Station Market Forest")
EASY = words(
    """anna ben carl dora emil fay gus hana ivan jill kurt lena mara nick olga piet rosa sven tina
    udo"""
)
CODES = words(
    """amber birch cedar daisy ember fern ginger hazel jade kelp lotus maple nutmeg olive pearl
    raven sage tulip walnut yarrow"""
)
"""The codes of easy levels: a small model copies a word sooner than a number."""
