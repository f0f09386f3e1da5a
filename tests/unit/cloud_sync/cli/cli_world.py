"""An installation made by `sync init`, its commands, and devices that seal as real ones do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Self

from typer.testing import CliRunner, Result

from cloud_sync.cli import sync
from cloud_sync.config import Config
from cloud_sync.service import CloudSync
from cloud_sync.stores import Clock
from cloud_sync.wire import codec
from tests.unit.cloud_sync.ingest.ingest_world import ListLink, Tracker

SECRETS = {
    "board": "esp32s3",
    "wifi": {"ssid": "depot", "key": "correct-horse"},
    "broker": {"host": "broker.example", "port": 1883, "user": "van", "password": "staple"},
}
PROOF = ("--channel", "app", "--act", "tapped_allow", "--language", "en")
RUNNER = CliRunner()


class Installation:
    """A folder with an installation; `do` runs a command on it in this process."""

    def __init__(self, directory: Path, clock: Clock, port: int = 1) -> None:
        """`port` is the broker's; on port 1 nobody listens."""
        self._place(directory, clock)
        self.settings.write_text(json.dumps(SECRETS))
        made = RUNNER.invoke(sync, ["init", str(self.home), "--broker", f"127.0.0.1:{port}"])
        assert made.exit_code == 0, made.output

    @classmethod
    def copied(cls, template: Path, directory: Path, clock: Clock) -> Self:
        """A copy of one that is closed."""
        shutil.copytree(template, directory)
        copy = cls.__new__(cls)
        copy._place(directory, clock)
        return copy

    def _place(self, directory: Path, clock: Clock) -> None:
        self.directory = directory
        self.clock = clock
        self.home = directory / "depot"
        self.config_file = self.home / "cloud-sync.toml"
        self.settings = directory / "board.json"

    @property
    def config(self) -> Config:
        """Its configuration."""
        return Config.from_toml(self.config_file)

    def do(self, *words: str, code: int = 0) -> Result:
        """Run `byleave sync …`; it must end with `code`."""
        result = RUNNER.invoke(sync, [*words, "-c", str(self.config_file)])
        assert result.exit_code == code, f"{words}: {result.exit_code}\n{result.output}\n{result.exception!r}"
        return result

    def ask(self, *words: str, code: int = 0) -> Any:
        """As `do`, with what --json printed."""
        return json.loads(self.do(*words, "--json", code=code).stdout)

    def enrol(self, subject: str = "s-1", name: str = "van.enrolment") -> Tracker:
        """Enrol a device and be it."""
        out = self.directory / name
        self.do("enrol", subject, "--settings", str(self.settings), "--out", str(out))
        _, device, root, _, first_epoch, _, _ = codec.unpack(out.read_bytes())
        return Tracker(device, first_epoch, root)

    def give(self, subject: str = "s-1", *more: str) -> Any:
        """The person says yes to tracking."""
        return self.ask("consent", "give", subject, "tracking", "--by", subject, *PROOF, *more)

    def withdraw(self, subject: str = "s-1") -> Any:
        """The person takes it back."""
        return self.ask("consent", "withdraw", subject, "tracking", "--by", subject, *PROOF)

    def feed(self, tracker: Tracker, *payloads: bytes) -> list[Any]:
        """Hand uplinks to the server, as the service would; what the device is told, opened."""
        link = ListLink()
        with CloudSync.open(self.config, clock=self.clock, link=link) as cloud:
            cloud.handle([(tracker.topic, payload) for payload in payloads])
        return [tracker.open(sealed) for _, sealed in link.sent]
