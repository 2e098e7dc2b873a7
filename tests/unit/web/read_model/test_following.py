"""The index follows the ledger, is rebuilt if the ledger does not continue it, and keeps no read transaction open."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest
from structlog.testing import capture_logs

from common.errors import InUseError
from common.storage import open_writer, transaction
from proto.control.views import plain_fields
from proto.gateway import DealEntry
from proto.trading.enums import AccountMode, Side
from research import ledger_views
from services.portfolio.core.account.events import DealBooked, OrderCreated
from services.portfolio.ledger.ledger import APPLICATION_ID, LEDGER_FILE_NAME, SCHEMA_VERSION, Ledger
from services.web.read_model.filters import EventFilter, FillFilter, OrderFilter, TradeFilter
from services.web.read_model.index import ReadModel
from services.web.read_model.index_file import FILE_NAME, IndexUnavailableError
from tests.support.builders import START_NS, TICK_NS, a_deal, a_deposit, an_instrument_learned, an_order, booked_deals
from tests.unit.web.read_model.ledgers import HandMadeLedger, follow_to_end, followed, ledger_by_hand

D = Decimal


def a_round_trip(ledger: HandMadeLedger, first: int, *, close: str = "1.2") -> None:
    """Commit an order with its deal, and the deal that closes the position; `first` is the number of the deal."""
    number = len(ledger.book.orders) + 1
    order = an_order(number)
    time_ns = START_NS + first * TICK_NS
    ledger.commit(
        OrderCreated(order=order),
        DealBooked(
            deal=a_deal(first, ticket=number, order_id=order.order_id, time_ns=time_ns),
            order_id=order.order_id,
            closings=[],
        ),
    )
    closing_deal = a_deal(
        first + 1, Side.SELL, price=close, entry=DealEntry.OUT, profit=D("100"), time_ns=time_ns + TICK_NS
    )
    ledger.commit(*booked_deals(closing_deal))


def trades_of(model: ReadModel) -> list[dict[str, Any]]:
    """The trades in the form of `ledger_views.trades`."""
    more = {"duration_s", "mae", "mfe", "entry_slippage"}
    rows = model.trades(TradeFilter(sort="number", limit=500)).rows
    return [{name: value for name, value in plain_fields(row).items() if name not in more} for row in rows]


def require_equal(model: ReadModel, data_dir: Path) -> None:
    """Compare orders, deals and trades with those of the ledger."""
    orders = model.orders(OrderFilter(sort="number", limit=500)).rows
    assert [plain_fields(row) for row in orders] == ledger_views.orders(data_dir)
    fills = model.fills(FillFilter(sort="number", limit=500)).rows
    assert [plain_fields(row) for row in fills] == ledger_views.deals(data_dir)
    assert trades_of(model) == ledger_views.trades(data_dir)


def test_new_events_are_added_and_a_restart_continues(tmp_path: Path) -> None:
    with ledger_by_hand(tmp_path) as ledger:
        ledger.commit(*booked_deals(a_deposit()))
        order = an_order()
        ledger.commit(OrderCreated(order=order))
        with followed(tmp_path) as model:
            assert model.orders(OrderFilter(status="open")).rows[0].order_id == order.order_id
            deal = a_deal(2, ticket=1, order_id=order.order_id)
            ledger.commit(DealBooked(deal=deal, order_id=order.order_id, closings=[]))
            assert model.follow() == ledger.book.deal_cursor + 3
            assert model.orders(OrderFilter(status="open")).total == 0
            require_equal(model, tmp_path)
        # The lot is open while the process is restarted.
        ledger.commit(*booked_deals(a_deal(3, Side.SELL, "0.005", "1.2", entry=DealEntry.OUT, profit=D("7.01"))))
        with followed(tmp_path) as model:
            require_equal(model, tmp_path)
            assert [row.profit for row in model.trades(TradeFilter()).rows] == [D("7.01")]
            before = model.revisions
            a_round_trip(ledger, 4)
            follow_to_end(model)
            require_equal(model, tmp_path)
            after = model.revisions
            assert after.trades > before.trades
            assert after.orders == after.fills == after.events == model.source.event
            assert (after.denials, model.source.problem) == (0, "")


def test_a_ledger_that_appears_later_is_followed(tmp_path: Path) -> None:
    with closing(ReadModel(tmp_path)) as model:
        assert model.follow() == 0
        assert "does not exist" in model.source.problem
        assert model.orders(OrderFilter()).total == 0
        with ledger_by_hand(tmp_path) as ledger:
            a_round_trip(ledger, 1)
            follow_to_end(model)
            assert model.source.problem == ""
            require_equal(model, tmp_path)


@pytest.mark.parametrize("mode", AccountMode)
def test_trades_are_computed_again_after_a_late_deal(tmp_path: Path, mode: AccountMode) -> None:
    with ledger_by_hand(tmp_path, mode=mode) as ledger:
        for number, side, volume in ((1, Side.BUY, "0.02"), (3, Side.BUY, "0.01"), (4, Side.SELL, "0.02")):
            ledger.commit(*booked_deals(a_deal(number, side, volume, f"1.{number}", position=1)))
        with followed(tmp_path) as model:
            before = trades_of(model)
            # Venue's deal 2 is reported after deal 4: it closed a part of the first lot.
            ledger.commit(*booked_deals(a_deal(2, Side.SELL, "0.01", "1.2", position=1)))
            follow_to_end(model, limit=1)
            require_equal(model, tmp_path)
            assert trades_of(model) != before
            day = model.pnl(START_NS).today
            assert day.trades == len(trades_of(model))


def test_trades_are_computed_again_after_a_change_of_terms(tmp_path: Path) -> None:
    with ledger_by_hand(tmp_path) as ledger:
        a_round_trip(ledger, 1)
        with followed(tmp_path) as model:
            before = trades_of(model)
            learned = an_instrument_learned()
            terms = learned.instrument
            changed = type(terms)(
                **{**{n: getattr(terms, n) for n in terms.__struct_fields__}, "contract_size": D(1000)}
            )
            ledger.commit(type(learned)(instrument=changed, changes=["contract_size 1000"]))
            follow_to_end(model)
            require_equal(model, tmp_path)
            assert trades_of(model)[0]["gross"] != before[0]["gross"]


def test_a_restored_backup_is_detected(tmp_path: Path) -> None:
    """The backup ends before the last followed event and continues with other events."""
    with ledger_by_hand(tmp_path) as ledger:
        a_round_trip(ledger, 1)
    backup = tmp_path / "backup.db"
    shutil.copy(tmp_path / LEDGER_FILE_NAME, backup)
    with ledger_by_hand_again(tmp_path) as ledger:
        a_round_trip(ledger, 3)
    with followed(tmp_path) as model:
        for close in ("1.3", "1.4"):
            shutil.copy(backup, tmp_path / LEDGER_FILE_NAME)
            with ledger_by_hand_again(tmp_path) as ledger, capture_logs() as logs:
                if close == "1.4":
                    a_round_trip(ledger, 3, close=close)
                follow_to_end(model)
            [line] = [line for line in logs if "rebuilding" in line["event"]]
            assert line["reason"].startswith("the ledger does not continue the index: ")
            require_equal(model, tmp_path)
            with ledger_by_hand_again(tmp_path) as ledger:
                a_round_trip(ledger, 5)
            follow_to_end(model)


def ledger_by_hand_again(data_dir: Path) -> Any:
    """The ledger of the folder, opened again with its state."""
    return closing(ContinuedLedger(data_dir))


class ContinuedLedger(HandMadeLedger):
    """An existing ledger that a test continues."""

    def __init__(self, data_dir: Path) -> None:
        self._ledger = Ledger(data_dir / LEDGER_FILE_NAME)
        self.book, _ = self._ledger.load()


def overwrite_pages(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 3 * 4096)


def change_version(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute("PRAGMA user_version = 77")


def write_text(path: Path) -> None:
    path.write_text("not a database, but long enough to be taken for one" * 100)


def change_kept(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute("UPDATE kept SET value = CAST('{}' AS BLOB) WHERE name = 'position'")


@pytest.mark.parametrize("damage", [overwrite_pages, change_version, write_text, change_kept])
def test_a_damaged_index_is_rebuilt(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    with ledger_by_hand(tmp_path) as ledger:
        a_round_trip(ledger, 1)
        with followed(tmp_path):
            pass
        damage(tmp_path / FILE_NAME)
        with capture_logs() as logs, followed(tmp_path) as model:
            require_equal(model, tmp_path)
        assert [line["log_level"] for line in logs if "rebuilding" in line["event"]] == ["warning"]


@pytest.mark.parametrize("way", ["removed", "damaged row"])
def test_an_index_damaged_while_in_use_is_rebuilt(tmp_path: Path, way: str) -> None:
    with ledger_by_hand(tmp_path) as ledger:
        a_round_trip(ledger, 1)
        with followed(tmp_path) as model:
            path = tmp_path / FILE_NAME
            if way == "removed":
                for suffix in ("", "-wal", "-shm"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
            else:
                with closing(apsw.Connection(str(path))) as db:
                    db.execute("UPDATE orders SET payload = CAST('{' AS BLOB)")
                with pytest.raises(IndexUnavailableError, match="a row cannot be read"):
                    model.orders(OrderFilter())
            a_round_trip(ledger, 3)
            with capture_logs() as logs:
                follow_to_end(model)
                model.follow()
            assert any("rebuilding" in line["event"] for line in logs)
            require_equal(model, tmp_path)


def test_a_second_process_is_refused_and_deletes_nothing(tmp_path: Path) -> None:
    with ledger_by_hand(tmp_path) as ledger:
        a_round_trip(ledger, 1)
        with followed(tmp_path) as model:
            with pytest.raises(InUseError, match="is in use by another process"):
                ReadModel(tmp_path)
            require_equal(model, tmp_path)


def test_a_damaged_ledger_is_a_problem_and_followed_only_up_to_the_damage(tmp_path: Path) -> None:
    with ledger_by_hand(tmp_path) as ledger:
        a_round_trip(ledger, 1)
        with closing(apsw.Connection(str(tmp_path / LEDGER_FILE_NAME))) as db:
            db.execute("UPDATE events SET payload = CAST(replace(payload, '1.2', '1.3') AS BLOB) WHERE number = 5")
        with closing(ReadModel(tmp_path)) as model:
            assert model.follow() == 0
            assert "event 5 does not fit the chain" in model.source.problem


def test_the_writer_can_truncate_its_log_while_the_index_is_built(tmp_path: Path) -> None:
    """While a step processes what it read, and between two steps, no read transaction of the ledger is open."""
    with ledger_by_hand(tmp_path) as ledger:
        for number in range(1, 40, 2):
            a_round_trip(ledger, number)
    db = open_writer(
        tmp_path / LEDGER_FILE_NAME,
        application_id=APPLICATION_ID,
        schema="",
        schema_version=SCHEMA_VERSION,
        synchronous="NORMAL",
    )
    truncated: list[tuple[int, int, int]] = []

    def truncate() -> None:
        with transaction(db):
            db.execute("INSERT OR REPLACE INTO meta VALUES ('turn', ?, 0)", (str(len(truncated)),))
        [row] = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        truncated.append(row)  # type: ignore[arg-type]  # three numbers

    def bars_of(_symbol: str, _from_ns: int, _to_ns: int) -> None:
        truncate()  # the index reads bars while it processes the deals

    with closing(db), closing(ReadModel(tmp_path, extremes=bars_of)) as model:
        while not model.is_complete:
            model.follow(7)
            truncate()
    assert len(truncated) > 25
    assert {(busy, pages) for busy, pages, _ in truncated} == {(0, 0)}


def test_an_open_page_does_not_stop_the_step(tmp_path: Path) -> None:
    """A reader of the index in another thread sees the state before or after a step, never between."""
    with ledger_by_hand(tmp_path) as ledger:
        a_round_trip(ledger, 1)
        with followed(tmp_path) as model:
            first = model.events(EventFilter(limit=2))
            a_round_trip(ledger, 3)
            follow_to_end(model)
            second = model.events(EventFilter(limit=2, cursor=first.next))
            assert [row.number for row in first.rows + second.rows] == [5, 4, 3, 2]


def test_a_failed_step_changes_nothing(tmp_path: Path) -> None:
    """The bars fail in the middle of a step: the step is repeated as a whole."""
    failures = [RuntimeError("no bars today")]

    def bars_of(_symbol: str, _from_ns: int, _to_ns: int) -> None:
        if failures:
            raise failures.pop()

    with ledger_by_hand(tmp_path) as ledger:
        a_round_trip(ledger, 1)
        a_round_trip(ledger, 3)
        with closing(ReadModel(tmp_path, extremes=bars_of)) as model:
            with pytest.raises(RuntimeError, match="no bars today"):
                follow_to_end(model)
            follow_to_end(model)
            require_equal(model, tmp_path)
            assert model.pnl(START_NS).today.trades == 2


def test_the_index_leaves_the_last_space_of_the_disk_to_the_ledger(tmp_path: Path) -> None:
    with ledger_by_hand(tmp_path) as ledger:
        a_round_trip(ledger, 1)
    with closing(ReadModel(tmp_path, reserve_bytes=2**62)) as model:
        assert model.follow() == 0
        assert model.source.problem.endswith("MiB free, which are left to the ledger")
        assert not model.is_complete
    with followed(tmp_path) as model:
        require_equal(model, tmp_path)
