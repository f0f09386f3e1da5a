"""Which release this is: read by the app, by the maker of releases, and by what installs them."""

VERSION = "0.1.0"
SECURITY = 1  # grows with each release that mends a weakness; none with a lower one is ever installed over it
