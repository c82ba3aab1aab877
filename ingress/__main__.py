"""`python -m ingress`: one ingress process."""

import logging
import sys

import uvloop

from ingress.app import build
from ingress.context import ingress_context
from ingress.server import DrainingServer
from shared import logs, settings as settings_module
from shared.errors import BadSetting, SentinelError
from shared.settings import Settings

logger = logging.getLogger(__name__)


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    async with ingress_context(settings) as ctx:
        logger.info("ingress ready", extra={"host": settings.host, "port": settings.port})
        await DrainingServer(build(ctx), ctx.drain, settings).serve()


def main() -> int:
    """Start; returns the exit code: 0 stopped, 2 bad setting, 1 no Redis."""
    try:
        settings = settings_module.load()
        logs.set_up("ingress", settings.log_level)
        uvloop.run(serve(settings))
    except BadSetting as error:
        print(f"sentinel: {error.detail}", file=sys.stderr)  # noqa: T201 - there may be no logs yet
        return 2
    except SentinelError as error:
        logger.error("ingress cannot run", extra={"code": error.code, "detail": error.detail})  # noqa: TRY400
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
