# Frost logger: a TMP117 once a minute; frost is told to a broker, now or, if that fails, later.
import os
import time

import network
from machine import I2C, Pin

from minimqtt import Link

HOST, TOPIC = "mqtt.farm.example", "farm/frost"
SSID, KEY = "farm", "hay and straw"
QUEUE = "queue.txt"
PERIOD_S = 60
WIFI_S = 15


def read_c(i2c):
    if i2c.readfrom_mem(0x48, 0x0F, 2) != b"\x01\x17":
        raise OSError("no TMP117")
    raw = int.from_bytes(i2c.readfrom_mem(0x48, 0x00, 2), "big")
    if raw == 0x8000:
        raise OSError("no reading yet")
    return (raw - 0x10000 if raw & 0x8000 else raw) / 128


def waiting():
    try:
        with open(QUEUE) as file:
            return [line for line in file.read().split("\n") if line.endswith(";")]  # a torn line has no end
    except OSError:
        return []


def remember(line):
    with open(QUEUE, "a") as file:
        file.write(line + ";\n")


def associate(wlan):
    if wlan.isconnected():
        return True
    wlan.active(True)
    wlan.connect(SSID, KEY)
    end = time.ticks_add(time.ticks_ms(), WIFI_S * 1000)
    while not wlan.isconnected() and time.ticks_diff(end, time.ticks_ms()) > 0:
        time.sleep_ms(100)
    return wlan.isconnected()


def tell(wlan, lines):
    if not associate(wlan):
        raise OSError("no Wi-Fi")
    link = Link(HOST, "frost-1")
    try:
        for line in lines:
            link.publish(TOPIC, line[:-1].encode())
    finally:
        link.close()
    os.remove(QUEUE)


def main():
    i2c = I2C(0, scl=Pin(9), sda=Pin(8))
    wlan = network.WLAN(network.STA_IF)
    minute = len(waiting())
    while True:
        time.sleep(PERIOD_S)
        minute += 1
        try:
            celsius = read_c(i2c)
            print("%.1f C" % celsius)
            if celsius < 0:
                remember("%d %.1f" % (minute, celsius))
        except OSError as error:
            print("sensor:", error)
        lines = waiting()
        if lines:
            try:
                tell(wlan, lines)
            except OSError as error:
                print("not told:", error)


main()
