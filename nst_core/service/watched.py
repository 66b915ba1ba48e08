"""What sessions watch: a job or a batch, which goes on for a while after its page was closed, and is kept for as long."""

import threading
import time

from nst_core.service.limits import LIMITS

GRACE = 60.0  # seconds that anything outlives its page: a reload or a dropped connection comes back by then
LOOK = 0.5  # seconds between looks at what nobody watches


class Watched:
    """End some time after the last watcher has gone, or keep what has ended by itself for as long."""

    def __init__(self) -> None:
        self._claims, self.left = 0, 0.0  # left: when the last watcher went, by time.monotonic; 0: none went yet

    @property
    def finished(self) -> bool:
        raise NotImplementedError

    def cancel(self) -> None:
        raise NotImplementedError

    def abandon(self) -> None:
        """End it because nobody came back."""
        self.cancel()

    def outstayed(self, seconds: float) -> bool:
        """Return whether it has run long enough, so many seconds after its last watcher went."""
        return seconds > GRACE

    def claim(self) -> None:
        """Note that a session watches this."""
        self._claims += 1

    def release(self) -> None:
        """Note that a session has stopped watching; without another one, this is abandoned after a while."""
        self._claims -= 1
        if self._claims <= 0:
            self.left = time.monotonic()
            threading.Thread(target=self._wait_for_watchers, args=[self.left], name="nst-grace", daemon=True).start()

    @property
    def watched(self) -> bool:
        """Return whether anybody watches; True as well before anybody has claimed it."""
        return self._claims > 0 or not self.left

    def _wait_for_watchers(self, left: float) -> None:
        while not self.watched and self.left == left:
            alone = time.monotonic() - left
            if not self.finished and self.outstayed(alone):
                self.abandon()
                return
            if alone > max(GRACE, 60 * LIMITS.grace_minutes):
                return
            time.sleep(LOOK)
