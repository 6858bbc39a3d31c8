"""The agency's database and tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal

from pydantic import JsonValue

from agentgym.tools.tool import tool
from agentgym_envs.tooluse.case import Id
from agentgym_envs.tooluse.domain import Domain, NotPossible, find, unused

POLICY = """You book for the travellers of a company with the tools. Rules:
- Check a traveller's passport by its number before you look at, make, move or cancel bookings.
- A passport must be valid on the day of the flight. Otherwise decline: passport.
- Of the flights that meet a wish take the cheapest that has a seat. Fare basic unless flex is \
wanted; flex costs 50 euros more.
- Of the hotels of a city take the cheapest that has as many stars as wanted.
- Flight and hotel together must not cost more than the traveller's budget. Otherwise decline: \
budget, and book neither.
- Bookings of flights with a basic fare are neither moved nor cancelled. Decline: fare. To move \
one means to change it to another flight; do not cancel and book anew.
- Decline by the tool and change nothing then.
You can make several calls in one message. Say what the traveller wants to know when you are done, \
in a message without calls."""


@dataclass(frozen=True)
class Traveller:
    """Who travels."""

    id: str
    name: str
    passport: str
    valid_until: str
    """The last day of the passport."""
    budget: int
    """In euros, for a trip."""


@dataclass(frozen=True)
class Flight:
    """A flight of one day."""

    id: str
    origin: str
    destination: str
    day: str
    departs: str
    price: int
    """In euros."""
    seats: int


@dataclass(frozen=True)
class Hotel:
    """A hotel with free rooms."""

    id: str
    city: str
    stars: int
    price: int
    """In euros, for a night."""


@dataclass(frozen=True)
class Booking:
    """A seat or a room."""

    id: str = field(compare=False)
    traveller: str
    of: str
    """The id of a flight or a hotel."""
    fare: str | None = None
    """Of a flight: basic or flex."""
    nights: int | None = None
    """In a hotel."""
    status: str = "booked"


@dataclass(eq=False)
class Agency(Domain):
    """Tables and tools; ``wishes.py`` fills the tables."""

    policy: ClassVar[str] = POLICY
    distractors: ClassVar[int] = 4

    travellers: dict[str, Traveller] = field(default_factory=dict)
    flights: dict[str, Flight] = field(default_factory=dict)
    hotels: dict[str, Hotel] = field(default_factory=dict)
    bookings: dict[str, Booking] = field(default_factory=dict)

    def known(self) -> Mapping[str, Sequence[JsonValue]]:
        """See :class:`Domain`."""
        return {
            "traveller_id": list(self.travellers),
            "name": [traveller.name for traveller in self.travellers.values()],
            "number": [traveller.passport for traveller in self.travellers.values()],
            "flight_id": list(self.flights),
            "hotel_id": list(self.hotels),
            "booking_id": list(self.bookings),
            "origin": [flight.origin for flight in self.flights.values()],
            "destination": [flight.destination for flight in self.flights.values()],
            "day": [flight.day for flight in self.flights.values()],
            "city": [hotel.city for hotel in self.hotels.values()],
            "nights": [1, 2, 3],
        }

    @tool
    def find_traveller(self, name: str) -> dict[str, Any]:
        """Find id and budget of a traveller by the full name."""
        known = {traveller.name: traveller for traveller in self.travellers.values()}
        traveller = find(known, name, "traveller")
        return {"traveller_id": traveller.id, "budget": traveller.budget}

    @tool
    def check_passport(self, traveller_id: Id, number: Id) -> str:
        """Check the number of a traveller's passport; tells until when it is valid."""
        traveller = self._traveller(traveller_id)
        if traveller.passport != number:
            return "this is not the number of the passport"
        self.checked.add(traveller_id)
        return f"valid until {traveller.valid_until}"

    @tool
    def search_flights(self, origin: str, destination: str, day: str) -> list[dict[str, Any]]:
        """Flights between two cities on a day, such as 2025-07-01; prices in euros."""
        wanted = (origin, destination, day)
        return [
            {"flight_id": f.id, "departs": f.departs, "price": f.price, "seats": f.seats}
            for f in self.flights.values()
            if (f.origin, f.destination, f.day) == wanted
        ]

    @tool
    def search_hotels(self, city: str) -> list[dict[str, Any]]:
        """Hotels of a city; prices in euros a night."""
        return [
            {"hotel_id": hotel.id, "stars": hotel.stars, "price": hotel.price}
            for hotel in self.hotels.values()
            if hotel.city == city
        ]

    @tool
    def list_bookings(self, traveller_id: Id) -> list[dict[str, Any]]:
        """A traveller's bookings of flights and hotels."""
        self._checked(self._traveller(traveller_id))
        return [
            {"booking_id": booking.id, "status": booking.status} | self._of(booking)
            for booking in self.bookings.values()
            if booking.traveller == traveller_id
        ]

    @tool
    def book_flight(self, traveller_id: Id, flight_id: Id, fare: Literal["basic", "flex"]) -> str:
        """Book a seat."""
        self._checked(self._traveller(traveller_id))
        self._take_seat(flight_id)
        return self._book(Booking(unused(self.bookings, "B"), traveller_id, flight_id, fare=fare))

    @tool
    def book_hotel(self, traveller_id: Id, hotel_id: Id, nights: int) -> str:
        """Book a room."""
        self._checked(self._traveller(traveller_id))
        hotel = find(self.hotels, hotel_id, "hotel")
        return self._book(
            Booking(unused(self.bookings, "B"), traveller_id, hotel.id, nights=nights)
        )

    @tool
    def change_flight(self, booking_id: Id, flight_id: Id) -> str:
        """Move the booking of a flight to another flight."""
        booking = self._booking(booking_id)
        if booking.fare is None:
            raise NotPossible(f"{booking_id} is not the booking of a flight")
        self._take_seat(flight_id)
        return self._book(replace(booking, of=flight_id))

    @tool
    def cancel_booking(self, booking_id: Id) -> str:
        """Cancel the booking of a flight or a hotel."""
        return self._book(replace(self._booking(booking_id), status="cancelled"))

    @tool
    def decline_request(
        self, traveller_id: Id, reason: Literal["passport", "budget", "fare"]
    ) -> str:
        """Note that the rules forbid what a traveller wants."""
        self._checked(self._traveller(traveller_id))
        return self.refuse(traveller_id, reason)

    def _traveller(self, traveller_id: str) -> Traveller:
        return find(self.travellers, traveller_id, "traveller")

    def _booking(self, booking_id: str) -> Booking:
        booking = find(self.bookings, booking_id, "booking")
        self._checked(self._traveller(booking.traveller))
        return booking

    def _checked(self, traveller: Traveller) -> None:
        self.need(traveller.id, "passport not checked")

    def _of(self, booking: Booking) -> dict[str, Any]:
        if booking.nights is not None:
            hotel = self.hotels[booking.of]
            return {"hotel": hotel.city, "nights": booking.nights, "a_night": hotel.price}
        flight = asdict(self.flights[booking.of])
        shown = ("origin", "destination", "day", "departs")
        return {name: flight[name] for name in shown} | {"fare": booking.fare}

    def _take_seat(self, flight_id: str) -> None:
        if find(self.flights, flight_id, "flight").seats < 1:
            raise NotPossible(f"flight {flight_id} is full")

    def _book(self, booking: Booking) -> str:
        self.bookings[booking.id] = booking
        return f"done, booking {booking.id}"
