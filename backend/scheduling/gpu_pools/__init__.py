"""Where GPUs come from; the local pool is whatever workers are running."""

from typing import Literal, assert_never

from redis.asyncio import Redis

from backend.scheduling.gpu_pool import GpuPool

GpuPoolName = Literal["local"]


def open_gpu_pool(name: GpuPoolName, *, redis: Redis) -> GpuPool:
    """Open the pool of this name."""
    match name:
        case "local":
            from backend.scheduling.gpu_pools.local import LocalPool

            return LocalPool(redis=redis)
        case _:
            assert_never(name)
