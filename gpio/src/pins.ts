/** Names of lines on the boards' headers, by the label of the chip that they belong to. */
export interface PinTable {
  /** Offset of a name such as `GPIO17` or `PA6`; null where the chip has no such line. */
  readonly offsetOf: (name: string) => number | null;
  /** Pins of the 40-pin header: number of the pin → name. */
  readonly header: Readonly<Record<number, string>>;
}

/** Raspberry Pi, all models with 40 pins; those with 26 have the first 26 of them. */
const RASPBERRY_PI_HEADER: Readonly<Record<number, number>> = {
  ...{ 3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9, 22: 25, 23: 11 },
  ...{ 24: 8, 26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21 },
};
/** The first Model B (revision codes 2 and 3) differs in three pins. */
const FIRST_MODEL_B_PINS: Readonly<Record<number, number>> = { 3: 0, 5: 1, 13: 21 };

/** Orange Pi PC, its maker's manual. */
const ORANGE_PI_PC_HEADER: Readonly<Record<number, string>> = {
  ...{ 3: 'PA12', 5: 'PA11', 7: 'PA6', 8: 'PA13', 10: 'PA14', 11: 'PA1', 12: 'PD14', 13: 'PA0', 15: 'PA3', 16: 'PC4' },
  ...{ 18: 'PC7', 19: 'PC0', 21: 'PC1', 22: 'PA2', 23: 'PC2', 24: 'PC3', 26: 'PA21', 27: 'PA19', 28: 'PA18' },
  ...{ 29: 'PA7', 31: 'PA8', 32: 'PG8', 33: 'PA9', 35: 'PA10', 36: 'PG9', 37: 'PA20', 38: 'PG6', 40: 'PG7' },
};

function raspberryPi(lines: number): PinTable {
  const header = Object.entries(RASPBERRY_PI_HEADER).map(([pin, gpio]) => [pin, `GPIO${gpio}`]);
  const offsetOf = (name: string): number | null => {
    const gpio = Number(/^GPIO(\d+)$/.exec(name)?.[1] ?? Number.NaN);
    return gpio < lines ? gpio : null;
  };
  return { offsetOf, header: Object.fromEntries(header) };
}

/** Banks of 32 lines each, PA first (drivers/pinctrl/sunxi). */
function allwinner(firstBank: string, header: PinTable['header']): PinTable {
  const offsetOf = (name: string): number | null => {
    const [, bank, line] = /^P([A-Z])(\d+)$/.exec(name) ?? [];
    const at = bank === undefined ? -1 : bank.charCodeAt(0) - firstBank.charCodeAt(0);
    return at >= 0 && at < 7 && Number(line) < 32 ? at * 32 + Number(line) : null;
  };
  return { offsetOf, header };
}

/** Labels that the kernel's drivers give: pinctrl-bcm2835.c (Pi 1 to 3; Pi 4), pinctrl-rp1.c (Pi 5), pinctrl-sunxi.c (H3). */
const TABLES: Readonly<Record<string, PinTable>> = {
  'pinctrl-bcm2835': raspberryPi(54),
  'pinctrl-bcm2711': raspberryPi(58),
  'pinctrl-rp1': raspberryPi(54),
  '1c20800.pinctrl': allwinner('A', ORANGE_PI_PC_HEADER),
  '1f02c00.pinctrl': allwinner('L', {}),
};

export function pinTable(label: string): PinTable | null {
  return Object.hasOwn(TABLES, label) ? (TABLES[label] as PinTable) : null;
}

/**
 * GPIO number of a pin on a Raspberry Pi's header.
 * @param cpuinfo text of /proc/cpuinfo, whose revision tells the first Model B
 */
export function raspberryPiGpio(pin: number, cpuinfo: string): number | null {
  const revision = Number.parseInt(/^Revision\s*:\s*[0-9a-f]*?([0-9a-f]{1,4})$/m.exec(cpuinfo)?.[1] ?? 'ffff', 16);
  const first = revision < 4 ? FIRST_MODEL_B_PINS[pin] : undefined;
  return first ?? RASPBERRY_PI_HEADER[pin] ?? null;
}
