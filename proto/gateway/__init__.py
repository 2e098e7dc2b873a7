"""Requests and replies of the MT5 gateway's request socket.

A request is a flat map with an action. A reply is a map with a status and the gateway's mode, venue and account. A
client encodes its request as JSON or as MessagePack, and the reply has the same encoding. `codes` defines the status
and error codes, `records` the orders, deals and positions that replies list.
"""

from proto.gateway.codes import ErrorCode as ErrorCode
from proto.gateway.codes import Fault as Fault
from proto.gateway.codes import OrderReplyStatus as OrderReplyStatus
from proto.gateway.records import DealEntry as DealEntry
from proto.gateway.records import DealKind as DealKind
from proto.gateway.records import DealReason as DealReason
from proto.gateway.records import TickCounts as TickCounts
from proto.gateway.records import VenueDeal as VenueDeal
from proto.gateway.records import VenueOrder as VenueOrder
from proto.gateway.records import VenuePosition as VenuePosition
from proto.gateway.replies import AccountReply as AccountReply
from proto.gateway.replies import ConfirmReply as ConfirmReply
from proto.gateway.replies import DealsReply as DealsReply
from proto.gateway.replies import ErrorReply as ErrorReply
from proto.gateway.replies import GatewayMode as GatewayMode
from proto.gateway.replies import HaltReply as HaltReply
from proto.gateway.replies import HelloReply as HelloReply
from proto.gateway.replies import KnownIds as KnownIds
from proto.gateway.replies import LeaseReply as LeaseReply
from proto.gateway.replies import ModifyReply as ModifyReply
from proto.gateway.replies import OrderReply as OrderReply
from proto.gateway.replies import OrdersReply as OrdersReply
from proto.gateway.replies import PingReply as PingReply
from proto.gateway.replies import PositionsReply as PositionsReply
from proto.gateway.replies import Reply as Reply
from proto.gateway.replies import RequestId as RequestId
from proto.gateway.replies import SimulateReply as SimulateReply
from proto.gateway.replies import SymbolReply as SymbolReply
from proto.gateway.replies import TicksReply as TicksReply
from proto.gateway.requests import ROWS_LIMIT_MAX as ROWS_LIMIT_MAX
from proto.gateway.requests import TICKS_LIMIT_MAX as TICKS_LIMIT_MAX
from proto.gateway.requests import Buy as Buy
from proto.gateway.requests import Cancel as Cancel
from proto.gateway.requests import Close as Close
from proto.gateway.requests import Confirm as Confirm
from proto.gateway.requests import Fence as Fence
from proto.gateway.requests import Flatten as Flatten
from proto.gateway.requests import GetAccount as GetAccount
from proto.gateway.requests import GetDeals as GetDeals
from proto.gateway.requests import GetOrders as GetOrders
from proto.gateway.requests import GetPositions as GetPositions
from proto.gateway.requests import GetSymbolInfo as GetSymbolInfo
from proto.gateway.requests import GetTicks as GetTicks
from proto.gateway.requests import Halt as Halt
from proto.gateway.requests import Hello as Hello
from proto.gateway.requests import Lease as Lease
from proto.gateway.requests import Modify as Modify
from proto.gateway.requests import OrderStatusQuery as OrderStatusQuery
from proto.gateway.requests import Ping as Ping
from proto.gateway.requests import PlaceOrder as PlaceOrder
from proto.gateway.requests import Reason as Reason
from proto.gateway.requests import Request as Request
from proto.gateway.requests import Resume as Resume
from proto.gateway.requests import Sell as Sell
from proto.gateway.requests import Simulate as Simulate
