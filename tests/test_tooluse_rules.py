"""ToolUse: the rules of each domain, on databases made by hand."""

import pytest

from agentgym_envs.tooluse.bank.accounts import Account, Accounts, Customer as BankCustomer, Payee
from agentgym_envs.tooluse.calendar.meetings import Calendars, Meeting, Person, clock
from agentgym_envs.tooluse.case import call
from agentgym_envs.tooluse.files.drive import Drive, File
from agentgym_envs.tooluse.judge import run_on
from agentgym_envs.tooluse.retail.shop import Customer, Order, Shop
from agentgym_envs.tooluse.travel.agency import Agency, Booking, Flight, Traveller


def emptied(domain):
    """A domain without tasks."""
    return type(domain.__name__, (domain,), {"begin": None, "__abstractmethods__": frozenset()})()


def made(domain, *calls):
    """The results of calls, in order."""
    return [run_on(domain, one) for one in calls]


@pytest.fixture
def shop():
    shop = emptied(Shop)
    shop.customers["C1"] = Customer("C1", "Ada Abel", "12345")
    shop.orders["R1"] = Order("R1", "C1", "lamp", 20, "delivered", "card", "home", "2025-06-01")
    return shop


def test_retail_tells_nothing_before_the_postcode_without_noting_it(shop):
    made(shop, call("find_customer", name="Ada Abel"), call("get_product", item="lamp"))
    assert not shop.breaches
    made(shop, call("verify_customer", customer_id="C1", postcode="1"))
    made(shop, call("list_orders", customer_id="C1"))
    assert shop.breaches == {"customer not verified"}


def test_retail_refunds_what_it_is_told_to(shop):
    right, wrong = made(
        shop,
        call("verify_customer", customer_id="C1", postcode=12345),  # a number is text too
        call("refund_order", order_id="R1", method="cash"),
    )
    assert right.content == "verified" and wrong.error == "arguments"
    made(shop, call("refund_order", order_id="R1", method="paypal"))
    assert (shop.orders["R1"].status, shop.orders["R1"].refunded_by) == ("refunded", "paypal")
    assert not shop.breaches


@pytest.fixture
def bank():
    bank = emptied(Accounts)
    bank.customers["C1"] = BankCustomer("C1", "Ada Abel", "1111")
    bank.accounts |= {a: Account(a, "C1", "checking", 100) for a in ("A1", "A2")}
    bank.payees["Q1"] = Payee("Q1", "C1", "Ben Bauer")
    return bank


def test_bank_moves_money_and_keeps_the_sum(bank):
    made(
        bank,
        call("authenticate", customer_id="C1", code="1111"),
        call("list_accounts", customer_id="C1"),
        call("transfer", from_account="A1", to_account="A2", euros=30),
        call("pay", from_account="A2", payee_id="Q1", euros=50),
    )
    assert [account.balance for account in bank.accounts.values()] == [70, 80]
    assert not bank.breaches


def test_bank_wants_code_and_balances_first(bank):
    made(bank, call("pay", from_account="A1", payee_id="Q1", euros=5))
    assert bank.breaches == {"customer not authenticated", "balances not looked at"}
    for euros in (0, -5):
        (result,) = made(bank, call("pay", from_account="A1", payee_id="Q1", euros=euros))
        assert result.content.startswith("NotPossible")
    (result,) = made(bank, call("transfer", from_account="A1", to_account="A1", euros=5))
    assert result.content.startswith("NotPossible")
    assert bank.accounts["A1"].balance == 95


@pytest.fixture
def calendars():
    calendars = emptied(Calendars)
    for number in ("P1", "P2"):
        calendars.people[number] = Person(number, number)
    calendars.meetings["M1"] = Meeting("M1", "audit", "P2", "monday", 540, 60, ())
    calendars.meetings["M2"] = Meeting("M2", "audit", "P1", "monday", 630, 30, ())
    return calendars


def test_the_times_at_which_all_are_free(calendars):
    both, first = frozenset({"P1", "P2"}), frozenset({"P1"})
    assert [clock(start) for start in calendars.starts(both, "monday", 30)][:2] == [
        "10:00",
        "11:00",
    ]
    assert clock(calendars.starts(both, "monday", 60)[0]) == "11:00"
    assert clock(calendars.starts(first, "monday", 90)[0]) == "09:00"
    assert clock(calendars.starts(first, "monday", 90)[-1]) == "15:30"
    assert calendars.starts(both, "monday", 8 * 60) == []
    assert calendars.starts(both, "tuesday", 8 * 60) == [9 * 60]


def test_calendars_are_looked_at_before_a_meeting_is_made(calendars):
    meet = call(
        "create_meeting",
        organiser_id="P1",
        title="anything",
        day="monday",
        start="10:00",
        minutes=30,
        guest_ids=["P2"],
    )
    look = [call("list_meetings", person_id=person, day="monday") for person in ("P1", "P2")]
    early = calendars.copy()
    made(early, look[0], meet)
    assert early.breaches == {"calendar not looked at"}
    made(calendars, *look, meet)
    assert not calendars.breaches and len(calendars.meetings) == 3


def test_a_number_is_never_given_twice(calendars):
    made(calendars, call("cancel_meeting", meeting_id="M1"))
    for person in ("P1", "P2"):
        made(calendars, call("list_meetings", person_id=person, day="friday"))
    for _ in range(2):
        made(
            calendars,
            call(
                "create_meeting",
                organiser_id="P1",
                title="",
                day="friday",
                start="09:00",
                minutes=30,
                guest_ids=[],
            ),
        )
    assert len(calendars.meetings) == 3


def test_the_title_of_a_meeting_and_the_words_of_a_note_do_not_matter(calendars):
    one, other = calendars.copy(), calendars.copy()
    made(one, call("send_note", person_id="P1", text="Hello."))
    made(other, call("send_note", person_id="P1", text="Sorry!"))
    assert one.changes(calendars) == other.changes(calendars) != {}


@pytest.fixture
def drive():
    drive = emptied(Drive)
    drive.files["/a/x.txt"] = File("/a/x.txt", "Ada Abel", "one", "2025-01-01", 3)
    return drive


def test_files_are_looked_at_first_and_never_overwritten(drive):
    made(drive, call("copy_file", path="/a/x.txt", to="/backup/x.txt"))
    assert not drive.breaches
    (result,) = made(drive, call("move_file", path="/backup/x.txt", to="/a/x.txt"))
    assert result.content == "NotPossible: '/a/x.txt' exists"
    (result,) = made(drive, call("copy_file", path="/a/x.txt", to="a folder/"))
    assert "not the path of a file" in result.content
    made(drive, call("delete_file", path="/a/x.txt"))
    assert drive.breaches == {"file not looked at"} and list(drive.files) == ["/backup/x.txt"]


def test_a_line_is_added_and_the_day_of_change_does_not_matter(drive):
    other = drive.copy()
    made(drive, call("file_info", path="/a/x.txt"))
    made(drive, call("append_line", path="/a/x.txt", line=" two "))
    made(other, call("write_file", path="/a/x.txt", text="one\ntwo\n"))
    assert drive.changes(emptied(Drive)) == other.changes(emptied(Drive))


@pytest.fixture
def agency():
    agency = emptied(Agency)
    agency.travellers["T1"] = Traveller("T1", "Ada Abel", "P1", "2030-01-01", 500)
    for number, seats in (("F1", 0), ("F2", 1)):
        agency.flights[number] = Flight(number, "Oslo", "Rome", "2025-07-01", "10:00", 90, seats)
    agency.bookings["B001"] = Booking("B001", "T1", "F2", fare="flex")
    return agency


def test_a_full_flight_cannot_be_booked(agency):
    made(agency, call("check_passport", traveller_id="T1", number="P1"))
    full, free = made(
        agency,
        call("book_flight", traveller_id="T1", flight_id="F1", fare="flex"),
        call("book_flight", traveller_id="T1", flight_id="F2", fare="flex"),
    )
    assert full.content == "NotPossible: flight F1 is full"
    assert free.content == "done, booking B002" and not agency.breaches


def test_the_passport_is_checked_first(agency):
    made(agency, call("search_flights", origin="Oslo", destination="Rome", day="2025-07-01"))
    assert not agency.breaches
    made(agency, call("check_passport", traveller_id="T1", number="P2"))
    made(agency, call("cancel_booking", booking_id="B001"))
    assert agency.breaches == {"passport not checked"}
    assert agency.bookings["B001"].status == "cancelled"


def test_only_flights_are_moved(agency):
    agency.bookings["B002"] = Booking("B002", "T1", "H1", nights=2)
    (result,) = made(agency, call("change_flight", booking_id="B002", flight_id="F2"))
    assert result.content == "NotPossible: B002 is not the booking of a flight"
