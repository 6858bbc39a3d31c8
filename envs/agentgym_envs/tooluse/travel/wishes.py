"""What travellers want, and how it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from agentgym.env.seeded_random import SeededRandom
from agentgym.tools.tool import ToolCall
from agentgym_envs.tooluse.case import Case, Plan, Turn, call
from agentgym_envs.tooluse.names import CITIES, FIRST, LAST
from agentgym_envs.tooluse.travel.agency import Agency, Booking, Flight, Hotel, Traveller

CHECK = "check_passport"
FIRST_DAY = date(2025, 7, 1)
FLEX = 50


def day(number: int) -> str:
    """A day of summer, counted from 0."""
    return (FIRST_DAY + timedelta(days=number)).isoformat()


@dataclass(frozen=True)
class Trip:
    """From one city to another on one day."""

    origin: str
    destination: str
    day: str


def add_flights(agency: Agency, trip: Trip, rng: SeededRandom, count: int = 4) -> list[Flight]:
    """Flights of a trip, the cheapest first; the very cheapest may be full."""
    prices = sorted(rng.numbers(count, 60, 400))
    hours = rng.numbers(count, 6, 21)
    found = []
    for place, (price, hour) in enumerate(zip(prices, hours, strict=True)):
        seats = 0 if place == 0 and rng.random() < 0.3 else rng.between(1, 9)
        number = f"F{len(agency.flights) + 101}"
        departs = f"{hour:02d}:{rng.pick((0, 15, 30, 45)):02d}"
        flight = Flight(number, trip.origin, trip.destination, trip.day, departs, price, seats)
        agency.flights[number] = flight
        found.append(flight)
    return found


def add_hotels(agency: Agency, city: str, rng: SeededRandom) -> list[Hotel]:
    """Hotels of a city with 2 to 4 stars, two of each, the cheapest first."""
    found = []
    for place, price in enumerate(sorted(rng.numbers(6, 40, 220))):
        hotel = Hotel(f"H{len(agency.hotels) + 101}", city, (3, 2, 4)[place % 3], price)
        agency.hotels[hotel.id] = hotel
        found.append(hotel)
    return found


def shuffle_tables(agency: Agency, rng: SeededRandom) -> None:
    """Let no table tell by its order what is cheapest."""
    flights, hotels = list(agency.flights.items()), list(agency.hotels.items())
    agency.flights = dict(rng.some(flights, len(flights)))
    agency.hotels = dict(rng.some(hotels, len(hotels)))


def book(traveller: Traveller, flight: Flight, fare: str = "basic") -> ToolCall:
    """The call that books a seat."""
    return call("book_flight", traveller_id=traveller.id, flight_id=flight.id, fare=fare)


def decline(traveller: Traveller, reason: str) -> ToolCall:
    """The call that notes a refusal."""
    return call("decline_request", traveller_id=traveller.id, reason=reason)


def search(trip: Trip) -> ToolCall:
    """The call that lists the flights of a trip."""
    return call("search_flights", origin=trip.origin, destination=trip.destination, day=trip.day)


def case(
    travellers: Sequence[Traveller],
    wanted: str,
    details: dict[str, str],
    *turns: Turn,
    answer: str = "Done.",
    expected: tuple[str, ...] = (),
) -> Case:
    """Find the travellers and check their passports, then do the rest."""
    found = tuple(call("find_traveller", name=one.name) for one in travellers)
    checked = tuple(call(CHECK, traveller_id=t.id, number=t.passport) for t in travellers)
    plan = Plan(tuple(turn for turn in (found, checked, *turns) if turn), answer)
    numbers = " and ".join(traveller.passport for traveller in travellers)
    return Case(
        request=f"Hello, this is {travellers[0].name}. {wanted}",
        details={"passport": f"Passport number: {numbers}.", **details},
        plan=plan,
        hasty=plan.without(CHECK),
        expected=expected,
    )


def fly(agency: Agency, people: list[Traveller], trip: Trip, rng: SeededRandom) -> Case:
    """The cheapest flight of a day, or the cheapest that leaves early enough."""
    traveller = people[0]
    free = [flight for flight in add_flights(agency, trip, rng) if flight.seats]
    latest = rng.pick(free).departs if rng.random() < 0.5 else "23:00"
    best = next(flight for flight in free if flight.departs <= latest)
    fare = rng.pick(("basic", "flex"))
    action = book(traveller, best, fare)
    if rng.random() < 0.25:
        traveller = replace(traveller, valid_until=day(-rng.between(1, 90)))
        agency.travellers[traveller.id] = traveller
        action = decline(traveller, "passport")
    return case(
        [traveller],
        f"I need a flight to {trip.destination}.",
        {
            "origin": f"I start from {trip.origin}.",
            "day": f"I fly on {trip.day} and want to leave at {latest} at the latest.",
            "fare": f"Fare {fare}, please.",
        },
        (search(trip),),
        (action,),
    )


def stay(agency: Agency, people: list[Traveller], trip: Trip, rng: SeededRandom) -> Case:
    """Flight and hotel in one, if the budget allows it."""
    traveller, nights, stars = people[0], rng.between(2, 4), rng.pick((2, 3, 4))
    flight = next(flight for flight in add_flights(agency, trip, rng) if flight.seats)
    hotel = next(
        hotel for hotel in add_hotels(agency, trip.destination, rng) if hotel.stars == stars
    )
    cost = flight.price + nights * hotel.price
    enough = rng.random() < 0.65
    budget = cost + rng.between(0, 60) if enough else cost - rng.between(5, 60)
    agency.travellers[traveller.id] = replace(traveller, budget=budget)
    room = call("book_hotel", traveller_id=traveller.id, hotel_id=hotel.id, nights=nights)
    return case(
        [traveller],
        f"I want to spend a few days in {trip.destination}, with flight and hotel.",
        {
            "origin": f"I start from {trip.origin}.",
            "day": f"I fly there on {trip.day}; no flight back.",
            "hotel": f"A hotel with {stars} stars for {nights} nights.",
        },
        (search(trip), call("search_hotels", city=trip.destination)),
        (book(traveller, flight), room) if enough else (decline(traveller, "budget"),),
    )


def together(agency: Agency, people: list[Traveller], trip: Trip, rng: SeededRandom) -> Case:
    """Two travellers on the same flight."""
    flight = next(flight for flight in add_flights(agency, trip, rng) if flight.seats)
    agency.flights[flight.id] = replace(flight, seats=rng.between(2, 9))
    first, second = people[:2]
    return case(
        [first, second],
        f"{second.name} and I need the same flight to {trip.destination}.",
        {"origin": f"We start from {trip.origin}.", "day": f"We fly on {trip.day}."},
        (search(trip),),
        (book(first, flight), book(second, flight)),
    )


def booked(agency: Agency, traveller: Traveller, trip: Trip, rng: SeededRandom) -> Booking:
    """A booking of the trip among two others."""
    fares = ("basic", "flex")
    elsewhere = rng.some(
        [city for city in CITIES if city not in (trip.origin, trip.destination)], 2
    )
    trips = [trip, *(Trip(trip.origin, city, day(rng.between(0, 60))) for city in elsewhere)]
    made: dict[Trip, Booking] = {}
    for one in rng.some(trips, 3):
        flight = rng.pick(add_flights(agency, one, rng, 2))
        booking = Booking(f"B{len(made) + 1:03d}", traveller.id, flight.id, fare=rng.pick(fares))
        agency.bookings[booking.id] = made[one] = booking
    return made[trip]


def cancel(agency: Agency, people: list[Traveller], trip: Trip, rng: SeededRandom) -> Case:
    """A booking that is to be cancelled, if its fare allows it."""
    booking = booked(agency, people[0], trip, rng)
    flex = booking.fare == "flex"
    action = call("cancel_booking", booking_id=booking.id) if flex else decline(people[0], "fare")
    return case(
        people[:1],
        f"Please cancel my flight to {trip.destination}.",
        {},
        (call("list_bookings", traveller_id=people[0].id),),
        (action,),
    )


def move(agency: Agency, people: list[Traveller], trip: Trip, rng: SeededRandom) -> Case:
    """A booking that is to be moved to the cheapest flight of another day."""
    booking = booked(agency, people[0], trip, rng)
    later = replace(trip, day=day(rng.between(61, 80)))
    flight = next(flight for flight in add_flights(agency, later, rng) if flight.seats)
    flex = booking.fare == "flex"
    action = call("change_flight", booking_id=booking.id, flight_id=flight.id)
    return case(
        people[:1],
        f"Please move my flight to {trip.destination} to another day.",
        {"day": f"The new day is {later.day}."},
        (call("list_bookings", traveller_id=people[0].id), search(later)),
        (action if flex else decline(people[0], "fare"),),
    )


def cost(agency: Agency, people: list[Traveller], trip: Trip, rng: SeededRandom) -> Case:
    """What the hotels that are booked will cost; nothing is changed."""
    traveller, total = people[0], 0
    for city in rng.some(CITIES, 3):
        hotel, nights = rng.pick(add_hotels(agency, city, rng)), rng.between(1, 5)
        number = f"B{len(agency.bookings) + 1:03d}"
        agency.bookings[number] = Booking(number, traveller.id, hotel.id, nights=nights)
        total += nights * hotel.price
    return case(
        [traveller],
        f"Before I fly to {trip.destination}: what will all hotels that are booked for me cost?",
        {},
        (call("list_bookings", traveller_id=traveller.id),),
        answer=f"They cost {total} euros.",
        expected=(str(total),),
    )


@dataclass(eq=False)
class Travel(Agency):
    """The agency with travellers in it."""

    def begin(self, rng: SeededRandom) -> Case:
        """Fill the agency and let its first traveller want something."""
        names = zip(rng.some(FIRST, 3), rng.some(LAST, 3), strict=True)
        for place, ((first, last), number) in enumerate(
            zip(names, rng.numbers(3, 100000, 999999), strict=True)
        ):
            one = Traveller(
                f"T{place + 1}{number % 100:02d}",
                f"{first} {last}",
                f"P{number}",
                day(rng.between(90, 1500)),
                100 * rng.between(6, 30),
            )
            self.travellers[one.id] = one
        people = list(self.travellers.values())
        origin, destination = rng.some(CITIES, 2)
        trip = Trip(origin, destination, day(rng.between(0, 60)))
        add_flights(self, replace(trip, origin=destination, destination=origin), rng, 2)
        kinds = (fly, stay, together, cancel, move, cost)
        found = rng.pick(kinds)(self, people, trip, rng)
        shuffle_tables(self, rng)
        return found
