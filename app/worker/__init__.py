"""The process that does the work: takes wake-ups, walks runs, and looks after what all workers share."""

from app.worker.creation import create_worker, work_on
from app.worker.worker import Worker, worker_name

__all__ = ["Worker", "create_worker", "work_on", "worker_name"]
