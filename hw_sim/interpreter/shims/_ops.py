"""Numbers of the requests that a board's program sends to the simulator; read by both sides.

A request is `<BIqqI`: number, clock readings since the last one (1 µs each), two integers, length of the bytes that
follow. An answer is `<bqqI`: 0, 1 (measure the heap), 2 (Ctrl-C was typed), 3 (the bytes name what is not simulated), 4 (an
interrupt comes first: the integer is its kind, id << 8 and flags << 24; RESUME gets the answer behind it) or -1 (the integer
is an errno), time since the start of the program (µs), an integer, length of the bytes that follow.
"""

REQUEST = "<BIqqI"
ANSWER = "<bqqI"

BOOT = 0  # -> JSON: what to run
SOURCE = 1  # -> program text
FILE = 2  # (index) -> bytes of a file that lives in RAM only
CRASH = 3  # data: traceback
MISSING = 4  # data: name of what is not simulated
HEAP = 5  # (free, used)
RESUME = 6  # the interrupt is served -> the answer that it went before

SYNC = 10
SLEEP = 11  # (us)
POLL = 12  # (timeout us or -1, count) data: count x <HH id, mask -> count x <HH index, events
LIGHTSLEEP = 13  # (us or -1)
RESET = 14  # (kind, us): no answer
RTC_GET = 15  # -> us since 2000-01-01
RTC_SET = 16  # (us since 2000-01-01)

RESET_CAUSE = 20
WDT_MOST = 18  # -> ms, of a chip whose watchdog has a limit
MACHINE = 19  # -> what `os.uname()` says of the machine
UNIQUE_ID = 21
RANDOM = 22  # (n)
WDT_START = 23  # (ms)
WDT_FEED = 24
RETAINED_GET = 25
RETAINED_SET = 26
WAKE_REASON = 28
WAKE_ON = 27  # (pin, level): ends the next deep sleep, besides those named before; pin -1: none does any more

PIN_KNOWN = 29  # (pin, 1: to drive) -> 0, or 1: no such pin, 2: it can only be read
IRQ_HOLD = 98  # (1: no interrupt, 0: as they come) -> what it was
PIN_MODE = 30  # (pin, mode | pull << 4)
PIN_GET = 31
PIN_SET = 32
ADC_READ = 33  # (pin) -> uV
PIN_HOLD = 34  # (pin, 1 or 0)
PWM = 35  # (pin, Hz << 17 | share of the time that it is high, of 65536): a square wave, 0 for none
PIN_IRQ = 36  # (pin, edges: 1 rising, 2 falling, 0 for none)
TIMER = 37  # (number, period us: negative for once, 0 to stop)
BITSTREAM = 38  # (pin) data: what is shifted out
PIN_NAMED = 39  # data: name -> number of the pin

UART_OPEN = 40  # (id, baud) data: <hhH tx, rx, rxbuf
UART_READ = 41  # (id, n)
UART_WRITE = 42
UART_ANY = 43  # (id, 0: bytes that have come, 1: us until what was written has passed)
UART_CLOSE = 44
UART_IRQ = 45  # (id, trigger: 1 a byte, 2 the line rests behind bytes)

FLASH_TABLE = 50  # -> JSON
FLASH_READ = 51  # (offset, n)
FLASH_PROGRAM = 52  # (offset)
FLASH_ERASE = 53  # (offset, n)
STORAGE = 54  # (0 or 1) -> offset or size of what `rp2.Flash` spans

WLAN_ACTIVE = 60  # (0, 1 or -1 to ask)
WLAN_CONNECT = 61  # data: ssid NUL key
WLAN_DISCONNECT = 62
WLAN_STATUS = 63
WLAN_RSSI = 64
WLAN_SCAN = 68  # -> JSON: names of the networks around
BLE_ACTIVE = 65  # (0, 1 or -1 to ask)
BLE_ADDRESS = 66  # a new static random one
BLE_ADVERTISE = 67  # (interval us or -1 to end, length of the data << 1 | connectable) data: data, scan response
PPP_CONNECT = 55  # (id of the UART, 1: connect, 0: disconnect)
PPP_STATUS = 56  # (id of the UART) -> as of network.PPP.status()

RESOLVE = 70  # data: host -> data: address
SOCKET = 71
CONNECT = 72  # (id, timeout us or -1) data: address:port
SEND = 73  # (id, timeout us)
RECV = 74  # (id, n << 40 | timeout us + 1)
CLOSE = 75

BUS_OPEN = 80  # (id or -1 for software, freq) data: <hhI scl, sda, timeout us -> port
BUS_WRITE = 81  # (port, address << 1 | stop) -> bytes acknowledged
BUS_READ = 82  # (port, n << 16 | address << 1 | stop) -> bytes
BUS_READ_MEM = 83  # (port, n << 16 | address) data: memory address -> bytes
BUS_START = 84  # (port)
BUS_STOP = 85
BUS_RAW_WRITE = 86  # (port) -> bytes acknowledged
BUS_RAW_READ = 87  # (port, n) -> bytes

RUNNING = 90  # the program begins: Ctrl-C stops it from now on
PROMPT = 91  # data: what the last program died of -> 1 for a line whose value is shown, else 0; text to run
STDIN_READ = 92  # (n, timeout us or -1) -> bytes
STDOUT_WRITE = 93  # data: bytes, sent as they are
KBD_INTR = 94  # (character that interrupts, or -1)

# kinds of interrupts
PIN, TICK, SERIAL = 1, 2, 3

# kinds of RESET
HARD = 0
SOFT = 1
DEEPSLEEP = 2
BOOT_LOADER = 3  # the one in the chip's ROM

UART_POLL = 0x1000  # poll ids of UARTs; sockets have their own number
STDIN_POLL = 0x2000
