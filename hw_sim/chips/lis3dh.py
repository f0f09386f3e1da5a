"""An LIS3DH accelerometer on I2C: the registers of an LIS2DH12 in a larger case.

After the ST data sheet LIS3DH (DocID17530) beside that of the LIS2DH12 (DocID025056). The same: addresses, WHO_AM_I (0x33),
CTRL_REG1 to 6, REFERENCE, both generators with thresholds and durations, data rates, resolutions, filter, boot time and
the table of currents. Different, and NotSimulated: an LIS3DH has three analog inputs (STATUS_REG_AUX, OUT_ADC1 to 3,
TEMP_CFG_REG bit 7), and its thermometer is read through the third of them. It has 16 pins of 3 × 3 mm in place of 12 of
2 × 2 mm, so one does not replace the other on a board. No program can tell them apart by their registers.
"""

from hw_sim.chips.lis2dh12 import Lis2dh12


class Lis3dh(Lis2dh12):
    """The accelerometer; see `Lis2dh12`."""
