"""What others tell a worker: that nobody wants a job any more."""

import asyncio
import contextlib
import logging

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.redis import keys
from shared.wire.outcome import decode_announcement
from workers.leases import Leases

logger = logging.getLogger(__name__)

PAUSE_S = 0.5
WAIT_S = 1.0


async def listen(redis: Redis, worker_id: str, leases: Leases) -> None:
    """Stop the work on jobs as they are cancelled, for ever.

    A message that is lost costs the rest of a call that nobody waits for: the next renewal stops it.
    """
    while True:
        pubsub = redis.pubsub()
        try:
            await pubsub.subscribe(keys.control(worker_id))
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=WAIT_S)
                if message is not None:
                    with contextlib.suppress(msgspec.DecodeError):
                        leases.stop({decode_announcement(message["data"]).job_id}, "cancelled")
        except (RedisError, OSError) as error:
            logger.warning("control channel interrupted", extra={"error": type(error).__name__})
        finally:
            with contextlib.suppress(RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call]
        await asyncio.sleep(PAUSE_S)
