"""`python -m ingress`: one ingress process."""

import logging
import sys

import uvloop

from ingress.app import build
from ingress.batches.feeder import feeding
from ingress.context import ingress_context
from ingress.server import DrainingServer
from ingress.shortcut.start import shortcut_of
from shared import logs, tracing
from shared.errors import BadSetting, SentinelError
from shared.settings import Settings
from shared.settings.loading import load

logger = logging.getLogger(__name__)


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    async with ingress_context(settings) as ctx, feeding(ctx), shortcut_of(ctx) as shortcut:
        logger.info("ingress ready", extra={"host": settings.host, "port": settings.port})
        await DrainingServer(build(ctx), shortcut, ctx.drain, settings).serve()


def main() -> int:
    """Start; returns the exit code: 0 stopped, 2 bad setting, 1 no Redis."""
    try:
        settings = load()
        logs.set_up("ingress", settings.log_level)
        tracing.set_up("ingress", settings)
        uvloop.run(serve(settings))
    except BadSetting as error:
        print(f"sentinel: {error.detail}", file=sys.stderr)  # noqa: T201 - there may be no logs yet
        return 2
    except SentinelError as error:
        logger.error("ingress cannot run", extra={"code": error.code, "detail": error.detail})  # noqa: TRY400
        return 1
    finally:
        tracing.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
