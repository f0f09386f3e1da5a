"""The board's answers about `network.PPP`; a part of `hw_sim.interpreter.services`."""

from hw_sim.errors import NotSimulated
from hw_sim.interpreter.child import Request
from hw_sim.interpreter.services_net import NONE, on
from hw_sim.interpreter.services_notice import NoticeServices
from hw_sim.interpreter.shims import _ops
from hw_sim.interpreter.waits import Result
from hw_sim.network.ppp import PppLink


class CellServices(NoticeServices):
    """PPP over the UART on which the modem is."""

    def _ppp(self, poll_id: int) -> PppLink:
        board = self._board
        port = board.uarts.get(poll_id - _ops.UART_POLL)
        if board.ppp is None or port is None or not port.leads_to(board.modem):
            raise NotSimulated(f"PPP over UART {poll_id - _ops.UART_POLL}: {board.name} has no modem there")
        return board.ppp

    @on(_ops.PPP_CONNECT)
    def _ppp_connect(self, request: Request) -> Result:
        ppp = self._ppp(request.a)
        ppp.connect() if request.b else ppp.disconnect()
        return NONE

    @on(_ops.PPP_STATUS)
    def _ppp_status(self, request: Request) -> Result:
        return self._ppp(request.a).status, b""
