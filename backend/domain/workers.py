"""What a GPU worker can be doing, in the words that it and its operator share."""

from enum import StrEnum


class WorkerState(StrEnum):
    """What a worker is doing."""

    INITIALISING = "initialising"
    LOADING = "loading"
    IDLE = "idle"
    PROCESSING = "processing"
    LOADING_ADAPTERS = "loading_adapters"
    GENERATING = "generating"
    POST_PROCESSING = "post_processing"
    UNLOADING = "unloading"
    ERROR = "error"
    RECOVERING = "recovering"
    UNHEALTHY = "unhealthy"
    STOPPED = "stopped"
