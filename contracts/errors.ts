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
  EMULATOR_TIMEOUT: 'Read the console log named in the message; try more memory or a longer limit.',
  EMULATOR_TOO_OLD: 'Install a newer QEMU, on Debian 12 from its backports; the other boards run on the one you have.',
  EMULATOR_FAILED: 'Read QEMU’s own words in the message; `nodeos doctor` lists the packages it needs.',
  STORY_FAILED: 'Compare what was expected with what was seen; --keep DIR keeps the logs and the disk.',
  // keys and releases
  KEY_MISSING: 'Make the keys with `nodeos keys init`, or name their folder with --keys.',
  KEY_EXISTS: 'Keys are never overwritten; choose another folder.',
  RELEASE_EXISTS: 'A version is published once. Raise the version number and publish again.',
  RELEASE_UNKNOWN: 'List what is published with `nodeos publish --list`.',
  RELEASE_INCOMPATIBLE: 'Build the release for the board or ABI of the device.',
  DOWNGRADE_REFUSED: 'Publish a newer version, or deploy with --allow-downgrade to go back on purpose.',
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
  KEXEC_FAILED: 'The device goes on with the old system; see its log.',
  TRIAL_FAILED: 'The device is back on the old system. Read the reason, correct the release, publish a new version.',
  APP_START_FAILED: 'The device is back on the previous version of the app. Read the reason and `nodeos logs`.',
  APP_PROBE_FAILED: 'The app ran, but its health probe did not answer. The previous version is back.',
  DATA_UNAVAILABLE: 'The data partition could not be mounted; the device runs in RAM. Check or replace the medium.',
  FLEET_FILE_INVALID: 'Correct fleet.json on the first partition; it can be edited on any computer.',
  IDENTITY_INVALID: 'The device record is damaged; the device enrols again with a new key.',
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
