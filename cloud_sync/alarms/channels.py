"""How a message of an alarm reaches the person: by e-mail, or by any sink of `cloud_sync` (webhook, MQTT, callback).

An e-mail is stored by every server on its way, and a chat and a broker keep what they carry: so there is a link in it and nothing
else, and its subject line is the same for every alarm.
"""

from __future__ import annotations

import json
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Protocol

from cloud_sync.errors import ConfigError, LinkError
from cloud_sync.stores import Parcel, Sink

TIMEOUT_S: Final = 10.0  # of each step with the mail server; a message that it does not take is tried again
SUBJECT: Final = "An alarm of your device"
#: One address, in the form that mail servers take without quoting [a line break would begin a header of its own].
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}", re.ASCII
)


class Channel(Protocol):
    """A way to a person."""

    def check(self, to: str) -> None:
        """ConfigError unless `to` is an address of this channel."""

    def send(self, to: str, parcel: Parcel) -> None:
        """Hand over, in bounded time; a CloudSyncError where it was not taken. The same key at every attempt."""


@dataclass(frozen=True)
class SinkChannel:
    """A sink of the integrator's, where all messages go: who may open a link is seen when it is followed."""

    sink: Sink

    def check(self, to: str) -> None:
        """There is no address."""
        if to:
            raise ConfigError("this channel goes to one place for everybody: leave the address out")

    def send(self, to: str, parcel: Parcel) -> None:
        """Deliver."""
        self.sink.deliver(parcel)


class Mailer(Protocol):
    """What of `smtplib.SMTP` is used."""

    def send_message(self, message: EmailMessage) -> object: ...
    def quit(self) -> object: ...


class EmailChannel:
    """Mail by SMTP with STARTTLS, or TLS from the first byte at port 465; never in the clear."""

    def __init__(
        self,
        host: str,
        *,
        sender: str,
        port: int = 587,
        user: str = "",
        password_file: str | Path | None = None,
        connect: Callable[[], Mailer] | None = None,
    ) -> None:
        """`sender` is the address it comes from; `connect` replaces the connection. ConfigError says what is wrong."""
        self._host, self._port, self._user = host, port, user
        self._sender = _checked(sender)
        self._password_file = Path(password_file) if password_file else None
        self._connect = connect or self._connected

    def check(self, to: str) -> None:
        """ConfigError unless it is one address."""
        _checked(to)

    def send(self, to: str, parcel: Parcel) -> None:
        """One message; LinkError where the mail server does not take it. What it answers is not kept [it repeats the address]."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, _checked(to), SUBJECT
        message["Message-ID"] = f"<{parcel.key}@{self._sender.rpartition('@')[2]}>"  # a repeat is known by it
        message.set_content(f"There is something to see: {json.loads(parcel.body)['link']}\n")
        try:
            mailer = self._connect()
            mailer.send_message(message)
            mailer.quit()
        except (OSError, smtplib.SMTPException) as error:
            raise LinkError(f"the mail server did not take it ({type(error).__name__})") from None

    def _connected(self) -> Mailer:
        tls = ssl.create_default_context()
        if self._port == smtplib.SMTP_SSL_PORT:
            mailer: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_S, context=tls)
        else:
            mailer = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S)
            mailer.starttls(context=tls)
        if self._user:
            mailer.login(self._user, self._password())
        return mailer

    def _password(self) -> str:
        try:
            return self._password_file.read_text("utf-8").strip() if self._password_file else ""
        except OSError as error:
            raise ConfigError(f"{self._password_file}: cannot be read ({error.strerror})") from error


def _checked(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise ConfigError("write one e-mail address, such as me@example.org")
    return address
