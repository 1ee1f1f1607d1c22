/**
 * The one catalogue of errors a user can meet. Each code has the next step; docs/errors.md lists the same codes,
 * and a test compares the two.
 */
export const ERROR_HINTS = {
  // input files
  INPUT_INVALID: 'Correct the field named in the message; `docs/` describes the format.',
  FILE_UNREADABLE: 'Check that the path exists and that you may read it.',
  BOARD_UNKNOWN: 'List the boards with `nodeos boards`.',
  VERSION_INVALID: 'Use a semantic version such as 1.2.0.',
  APP_NO_START: 'Add a "start" script, a "bin" entry or `nodeos.start` to package.json.',
  QUERY_INVALID: 'Correct the query at the column named in the message; `docs/fleet.md` describes the language.',
  APP_NAME_INVALID: 'Use lower-case letters, digits and dashes, at most 32, starting with a letter.',
  APP_SPEC_INVALID:
    'Name a folder with a package.json, a packed file (.tgz), or a package of the registry as `name@version`.',
  LOCK_INCOMPLETE: 'Run `npm install` with npm 7 or newer, which writes the missing values, and commit the lock file.',
  LOCK_MISMATCH: 'Run `npm install`, try the app, and commit package.json and the lock file together.',
  INTEGRITY_MISMATCH:
    'The registry sent other bytes than the lock file names. Find out who changed them before you go on.',
  // host
  TOOL_MISSING: 'Install the named Debian package; `nodeos doctor` lists all that is missing.',
  TOOL_FAILED: 'Read the last lines of its output above: they name the cause.',
  HOST_UNSUPPORTED: 'Build on Linux (Debian 12 or 13) with Node 20 or newer.',
  DISK_FULL: 'Free some space on the file system named in the message and run the command again.',
  NETWORK_UNREACHABLE:
    'Check the network and the proxy settings, then run the command again; finished layers are kept.',
  PORT_IN_USE: 'Stop the program that listens there, or choose another port with the option named in the message.',
  INTERRUPTED: 'Run the command again; finished layers are kept.',
  // build
  SOURCE_MISMATCH:
    'The download is not what the lock file says. Run `nodeos sources update` if this is an intended upgrade.',
  KERNEL_OPTION_UNKNOWN: 'Correct the option in the named fragment of kernel-configs/.',
  KERNEL_OPTION_DROPPED: 'Enable what the option depends on, or take it out of the named fragment.',
  LAYOUT_OVERLAP: 'Move or shrink one of the two areas in the board file.',
  SLOT_TOO_SMALL: 'Take something out of the image or enlarge the slots in the board file.',
  FORMAT_UNSUPPORTED: 'Choose another format; docs/formats.md says which board has which.',
  EMULATOR_TIMEOUT: 'Read the console log named in the message; try more memory or a longer limit.',
  EMULATOR_TOO_OLD: 'Install a newer QEMU, on Debian 12 from its backports; the other boards run on the one you have.',
  EMULATOR_FAILED: 'Read QEMU’s own words in the message; `nodeos doctor` lists the packages it needs.',
  STORY_FAILED: 'Compare what was expected with what was seen; --keep DIR keeps the logs and the disk.',
  // flashing
  DRIVE_NONE: 'Plug in a USB stick, or put a card into the reader; `nodeos flash --list` shows what is seen.',
  DRIVE_UNKNOWN: 'List the drives with `nodeos flash --list`.',
  DRIVE_REFUSED: 'Choose another drive; `nodeos flash --list` shows those that may be written.',
  DRIVE_TOO_SMALL: 'Take a larger drive. One that holds less than it claims is a forgery: throw it away.',
  DRIVE_BUSY: 'Close what uses the drive, unmount it, and flash again; `lsblk` and `fuser -m` say what that is.',
  DRIVE_GONE: 'Plug the drive in again, without a hub where you can, and flash it again: it is unusable until then.',
  DRIVE_FAILED: 'Try another port or card reader. A drive that fails again is worn out: take a new one.',
  DRIVE_MISMATCH: 'The drive does not keep what it is given: it is worn out or a forgery. Take a new one.',
  IMAGE_DAMAGED: 'Build or fetch the image again; no device starts from this one.',
  PRIVILEGE_MISSING: 'Run the command as root, or install sudo or pkexec so that it can ask.',
  WIFI_UNAVAILABLE: 'Leave out --wifi and connect the device by cable; `nodeos boards` says which boards have WiFi.',
  // keys and releases
  KEY_MISSING: 'Make the keys with `nodeos keys init`, or name their folder with --keys.',
  KEY_EXISTS: 'Keys are never overwritten; choose another folder.',
  RELEASE_EXISTS: 'A version is published once. Raise the version number and publish again.',
  RELEASE_UNKNOWN: 'List what is published with `nodeos publish --list`.',
  RELEASE_INCOMPATIBLE: 'Choose or build a release for the board and ABI of the device.',
  DOWNGRADE_REFUSED: 'Publish a newer version, or go back on purpose: `nodeos deploy … --allow-downgrade`.',
  DEVICE_PINNED: 'Let the device go with `nodeos devices pin <device>`, which takes its pins away, and deploy again.',
  SIGNATURE_INVALID: 'Sign with the release key that the root metadata names.',
  METADATA_STALE: 'Somebody else published meanwhile; run the command again.',
  // server and API
  SERVER_UNREACHABLE: 'Start the server with `nodeos server`, or name it with --server.',
  UNAUTHENTICATED: 'Give the operator token or an API token with --token or NODEOS_TOKEN.',
  FORBIDDEN: 'Ask an administrator for the right, or use another token.',
  NOT_FOUND: 'Check the identifier; the list commands show what exists.',
  CONFLICT: 'Reload and try again.',
  PAYLOAD_TOO_LARGE: 'Send less in one request.',
  SERVER_BUSY: 'Nothing to do: devices come again at the time they are told.',
  RATE_LIMITED: 'Wait as long as the answer says and try again.',
  ENROLMENT_REFUSED: 'Check the claim token in fleet.json: it may be used up, expired or unknown.',
  ENROLMENT_PENDING: 'Approve the device with `nodeos devices approve`.',
  DEVICE_OFFLINE: 'Wait for the device to come online, or check its network.',
  DEVICES_FAILED: 'Look at the reasons in the list; for the others it is done, and repeating it does no harm.',
  BACKUP_ELSEWHERE:
    'Copy the database with `pg_dump`, and the data folder with any tool; docs/operations.md has the commands.',
  STORE_UNREACHABLE:
    'Check that PostgreSQL runs, its address, PGPASSWORD or PGPASSFILE, and what it says in its own log.',
  BROKER_UNREACHABLE:
    'Check that the broker runs, its address, and its log: `nodeos server broker-config` writes what it needs to know.',
  DEVELOPMENT_REFUSED:
    'Write `"development": true` into fleet.json on the device’s first partition and restart it; docs/developing.md says what that allows.',
  DEVELOPMENT_ENDED: 'The device runs its release again. Start `nodeos dev` again to go on.',
  SCREEN_UNAVAILABLE: 'Connect a screen to the device and restart it; docs/apps.md says which screens are known.',
  BACKUP_INVALID: 'Use another backup; `nodeos backup create` makes one of a running server.',
  AUDIT_BROKEN:
    'Somebody changed the database behind the server. Keep a copy of it, restore a backup, and find out who may write there.',
  INTERNAL: 'This is a defect. Please report it with the log lines around it.',
  // device: fetching and trust
  FETCH_FAILED: 'The device tries again by itself; check the network between device and server.',
  FETCH_STALLED: 'The device tries again by itself; the link is slower than the minimum rate.',
  HASH_MISMATCH: 'The bytes are not those that were signed. Upload the artefact again, and find out who changed it.',
  LENGTH_MISMATCH: 'The artefact is not as long as the signed metadata says. Upload it again.',
  METADATA_EXPIRED: 'Let the server sign new metadata; check its clock and the clock of the device.',
  METADATA_ROLLBACK: 'The server offered older metadata than the device has seen. Restore the newest metadata.',
  METADATA_INVALID:
    'The metadata is malformed or not signed by the keys of the root. Publish again with the right key.',
  // device: applying
  SLOT_WRITE_FAILED: 'The medium may be worn out; replace it.',
  UPDATE_HELD:
    'It goes on when the app lets go, or has had the time of its `nodeos.holdUpdatesMs`. `nodeos deploy … --force` waits for no app.',
  KEXEC_FAILED: 'The device goes on with the old system; see its log.',
  TRIAL_FAILED: 'The device is back on the old system. Read the reason, correct the release, publish a new version.',
  APP_START_FAILED:
    'The device is back on the previous version of the app. Read the reason and `nodeos logs`; an app that only needs longer says so with `startMs`.',
  APP_PROBE_FAILED: 'The app ran, but its health probe did not answer. The previous version is back.',
  APP_CUT_OFF:
    'The previous version of the app is back, and so is the server. Look at what the new one sends, and how much of it.',
  DEVICE_TAKEN:
    'A device node belongs to one user at a time. Stop the app that has it, or wait: this one tries again by itself.',
  USER_INVALID: 'Correct the folder, its owner or its grant as the message says; the other users run.',
  APP_DEVICE_MISSING:
    'Connect the device, or write a "?" behind its name in `nodeos.devices` if the app can do without.',
  APP_USER_TAKEN: 'One app runs as a user at a time: remove the other app, or give this one another `nodeos.user`.',
  KIOSK_TAKEN:
    'One app has the whole machine, by `nodeos.kiosk` in its package.json. Remove it first; apps that it stopped start again by themselves.',
  APP_DEPENDENCY_MISSING: 'Deploy the app that `nodeos.dependsOn` names first, and wait until it runs.',
  APP_MIGRATION_FAILED:
    'The data is as it was before and the previous version is back. Read the reason and `nodeos logs`.',
  APP_DATA_TOO_NEW: 'Deploy the version of the app that wrote the data, or a newer one.',
  DATA_UNAVAILABLE: 'The data partition could not be mounted; the device runs in RAM. Check or replace the medium.',
  FLEET_FILE_INVALID: 'Correct fleet.json on the first partition; it can be edited on any computer.',
  WIFI_KEY_WRONG:
    'Correct the `psk` of the network in fleet.json on the first partition; it can be edited on any computer.',
  WIFI_NOT_FOUND:
    'Check the `ssid` in fleet.json, letter by letter, and that the network is in reach; one that hides its name needs `hidden`.',
  WIFI_REFUSED: 'Look at the access point: it may be full, let in only devices that it knows, or ask for WPA3.',
  WIFI_FAILED: 'Look at the log of the device: the radio or its firmware does not work.',
  IDENTITY_INVALID: 'The device record is damaged; the device enrols again with a new key.',
  // app: npm
  PACKAGE_INSTALL_FAILED:
    'Read the code before the message: of a name, a version, the network, or no room (EDQUOT, ENOSPC). Nothing was changed.',
  ADDON_NEEDS_COMPILER:
    'A device has no compiler: pack the app with `nodeos bundle` on a computer, which compiles for the board.',
  // app: GPIO
  GPIO_UNAVAILABLE: 'Name `gpio` among `nodeos.devices` in package.json, and check that the board has the chip.',
  GPIO_LINE_UNKNOWN: 'List the lines with `listLines`; docs/gpio.md has the names of each board’s pins.',
  GPIO_LINE_BUSY: 'Close the line where it is open, or choose another; `listLines` says who uses it.',
  GPIO_OPTION_INVALID: 'Correct the option as the message says; docs/gpio.md lists them.',
  GPIO_FAILED: 'The kernel refused it: the chip may not be able to do what was asked (bias, drive, debounce).',
} as const;

export type ErrorCode = keyof typeof ERROR_HINTS;

/** An error with a stable code, what and where in the message, and the next step in the hint. */
export class NodeosError extends Error {
  override readonly name = 'NodeosError';
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? ERROR_HINTS[code];
  }
}

/** True for an error of the catalogue, also where it crossed a bundle and `instanceof` does not hold. */
export function isNodeosError(error: unknown): error is NodeosError {
  return error instanceof Error && error.name === 'NodeosError' && 'code' in error;
}

/** One line for logs and reports: `CODE: message`. */
export function describeError(error: unknown): string {
  if (isNodeosError(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
