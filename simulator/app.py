"""The ASGI application: the control plane under /_simulator/, the providers everywhere else."""

import sys
import traceback

from simulator.control import PREFIX, serve_control
from simulator.errors import ClientGoneError, Refusal
from simulator.exchange import Exchange, Receive, Scope, Send
from simulator.provider import serve
from simulator.reply import error_reply
from simulator.simulation import Simulation


class Application:
    """One simulation as an ASGI application; it needs no lifespan and has no web sockets."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a defect is printed here and told to the client without its details."""
        if scope["type"] != "http":
            raise RuntimeError(f"the simulator speaks plain HTTP only, not {scope['type']}")
        exchange = Exchange(scope, receive, send)
        try:
            if exchange.path.startswith(PREFIX):
                await serve_control(self.simulation, exchange)
            else:
                await serve(self.simulation, exchange)
        except ClientGoneError:
            return
        except ConnectionResetError:
            raise
        except Refusal as refusal:
            await exchange.play(error_reply(refusal, "groq"))
        except Exception:  # noqa: BLE001 - the outermost edge
            traceback.print_exc(file=sys.stderr)
            if exchange.status is None:
                defect = Refusal(500, "The simulator has a defect; see its output.", kind="simulator_defect")
                await exchange.play(error_reply(defect, "groq"))
