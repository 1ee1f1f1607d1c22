import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { type ErrorCode, NodeosError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import type { Wifi } from '@nodeos/contracts/wifi.ts';
import { boardNames, loadBoard } from '@nodeos/firmware/boards.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { bootPartition } from '@nodeos/firmware/flash/boot-partition.ts';
import { findDrive, listDrives } from '@nodeos/firmware/flash/discover.ts';
import { assertLargeEnough, assertMayFlash, type Drive, isOffered } from '@nodeos/firmware/flash/drives.ts';
import type { CheckedJob } from '@nodeos/firmware/flash/flash-job.ts';
import { imageBoard } from '@nodeos/firmware/flash/image-board.ts';
import type { ImageFacts } from '@nodeos/firmware/flash/image-source.ts';
import { type Receipt, unfinishedReceipt, writeReceipt } from '@nodeos/firmware/flash/receipt.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { chooseDrives, confirm, driveRow } from '../flash/choose-drives.ts';
import { assertImageOptions, boardOf, type ImageOptions, obtainImage } from '../flash/flash-image.ts';
import { flashProgressPrinter } from '../flash/progress-line.ts';
import { runWriter } from '../flash/run-writer.ts';
import { type FleetOptions, fleetFileText, makeFleetFile, readFleetFile, readServerInfo, withFleet } from '../fleet.ts';
import { type CliIo, isTerminal } from '../io.ts';
import { formatBytes, print, printJson, printTable } from '../output.ts';
import { qrCodeLines } from '../qr-code.ts';
import { example, type RegisterVerb } from '../verb.ts';
import { addWifi, assertHasWifi, readWifi, type WifiOptions, withWifi } from '../wifi.ts';

interface FlashOptions extends ServerOptions, FleetOptions, ImageOptions, WifiOptions {
  readonly drive: string[];
  readonly yes?: boolean;
  readonly json?: boolean;
  readonly list?: boolean;
  readonly internal?: boolean;
  readonly fleet?: string | boolean;
  readonly receipts?: string;
}

export const registerFlash: RegisterVerb = (program, io) => {
  const verb = program
    .command('flash')
    .description('write an image to a USB stick or a card, read it back, and tell its device where the server is')
    .argument('[image]', 'disk image (.img, .img.zst) or its https address; without one an image is built')
    .option('--board <board>', 'build an image for this board')
    .option('--app <folder>', 'with --board: npm package that the device runs from its first boot on')
    .option('--keys <folder>', 'with --board: key folder; devices trust what those keys sign')
    .option('--system-version <version>', 'with --board: version of the system release')
    .option('--sha256 <hash>', 'what the image must have; default: that of a .sha256 file beside it')
    .option('--drive <path>', 'drive to write to; repeatable, all are written at once', collect, [])
    .option('--list', 'list the drives that may be written')
    .option('--yes', 'do not ask whether the drives may be erased')
    .option('--internal', 'a drive that is built in may be written too, where nothing of this system is on it')
    .option('--fleet <file>', 'fleet file to put on the boot partition')
    .option('--no-fleet', 'no fleet file: the device stands alone')
    .option('--receipts <folder>', 'folder for the receipts, one a drive')
    .option('--json', 'print the receipts as JSON');
  withWifi(withFleet(withServer(verb)))
    .addHelpText(
      'after',
      example(
        'nodeos flash --board x86_64-usb --app my-app --auto-approve',
        'nodeos flash build/nodeos-x86_64-usb-1.0.0.img --drive /dev/sdb',
        'nodeos flash --board raspberrypi4 --app my-app --wifi Workshop --wifi-country DE',
        'nodeos flash https://example.org/kiosk.img.zst --fleet fleet.json --drive /dev/sdb --drive /dev/sdc --yes',
      ),
    )
    .action(async (image: string | undefined, options: FlashOptions) => {
      if (options.list) return showDrives(io, options.json === true);
      const folder = createWorkFolder();
      try {
        await flash(io, image, options, folder.path);
      } finally {
        folder.remove();
      }
    });
};

async function flash(io: CliIo, image: string | undefined, options: FlashOptions, folder: string): Promise<void> {
  assertImageOptions(image, options);
  if (options.yes && options.drive.length === 0)
    throw new NodeosError('INPUT_INVALID', '--yes without --drive would write to a drive that nobody chose');
  const named = await Promise.all(options.drive.map((path) => findDrive(resolve(io.cwd, path), io.signal)));
  for (const drive of named) assertMayFlash(drive, options.internal);
  const wifi = await prepareWifi(io, image, options);
  const makeFleet = await prepareFleet(io, options);
  if (wifi !== null && makeFleet === null) throw wifiAlone();
  const facts = await obtainImage(io, image, options, folder);
  if (wifi !== null && image !== undefined) await assertImageHasWifi(io, facts);
  for (const drive of named) assertLargeEnough(drive, facts.bytes);
  if (makeFleet !== null) bootPartition(facts);
  const name = image === undefined ? `the image for ${options.board}` : basename(image);
  const title = `${name} (${formatBytes(facts.bytes)})`;
  if (named.length > 0 && !options.yes) await confirm(io, named, title);
  const drives = named.length > 0 ? named : await chooseDrives(io, facts.bytes);
  const fleet = makeFleet === null ? null : addWifi(await makeFleet(drives.length), wifi);
  const job = {
    ...{ image: facts, drives, internal: options.internal === true },
    fleetText: fleet && fleetFileText(fleet),
  };
  const receipts = await write(io, job, receiptsFolder(io, options));
  report(io, receipts, fleet, options.json === true);
}

/** Refuses a board without WiFi before the passphrase is asked for, and both before anything is built. */
async function prepareWifi(io: CliIo, image: string | undefined, options: FlashOptions): Promise<Wifi | null> {
  if (options.wifi !== undefined && image === undefined) assertHasWifi(await boardOf(io, options));
  if (options.wifi !== undefined && options.fleet === false) throw wifiAlone();
  return readWifi(io, options);
}

function wifiAlone(): NodeosError {
  return new NodeosError('INPUT_INVALID', '--wifi is written into the fleet file, and there is none', {
    hint: 'Name a server with --server, or a fleet file with --fleet.',
  });
}

/** A board that is none of those that ship is its maker's affair. */
async function assertImageHasWifi(io: CliIo, facts: ImageFacts): Promise<void> {
  const name = imageBoard(facts);
  if (name !== null && (await boardNames()).includes(name)) assertHasWifi(await loadBoard(name));
  else io.stderr.write('Which board this image is for cannot be seen here, nor whether that has WiFi.\n');
}

/**
 * Asks the server, where there is one, before anything is written; a claim token is made only when it is needed.
 * Null: the device stands alone.
 */
async function prepareFleet(
  io: CliIo,
  options: FlashOptions,
): Promise<((devices: number) => Promise<FleetFile>) | null> {
  if (options.fleet === false) return null;
  if (typeof options.fleet === 'string') {
    const fleet = await readFleetFile(resolve(io.cwd, options.fleet));
    return async () => (options.hostname === undefined ? fleet : { ...fleet, hostname: options.hostname });
  }
  const client = await connect(io, options).catch((error) => {
    if (error instanceof NodeosError && error.code === 'UNAUTHENTICATED' && options.server === undefined) return null;
    throw error;
  });
  if (client === null) {
    io.stderr.write('No server is known here, so the device will stand alone. --server names one.\n');
    return null;
  }
  const info = await readServerInfo(client);
  return (devices) => makeFleetFile(client, info, options, devices);
}

/** Until there is a verdict, the receipts say `failed`: also where the power goes. */
async function write(io: CliIo, job: CheckedJob, folder: string): Promise<readonly Receipt[]> {
  const startedAt = new Date();
  const path = (drive: Drive | Receipt['drive']): string =>
    join(folder, `${startedAt.toISOString().replaceAll(':', '')}-${basename(drive.path)}.json`);
  for (const drive of job.drives) await writeReceipt(path(drive), unfinishedReceipt(drive, job.image, startedAt));
  const printer = flashProgressPrinter(io);
  let receipts: readonly Receipt[];
  try {
    receipts = await runWriter(io, job, printer.show);
  } finally {
    printer.end();
  }
  for (const receipt of receipts) {
    await writeReceipt(path(receipt.drive), receipt);
    io.stderr.write(`Receipt: ${path(receipt.drive)}\n`);
  }
  return receipts;
}

/** @throws NodeosError of the first drive that failed */
function report(io: CliIo, receipts: readonly Receipt[], fleet: FleetFile | null, json: boolean): void {
  const failed = receipts.filter(({ verdict }) => verdict === 'failed');
  const claim = fleet && failed.length < receipts.length ? fleet : null;
  if (json) printJson(io, { receipts, claimCode: claim?.claimToken ?? null, server: claim?.server ?? null });
  else {
    for (const receipt of receipts) print(io, verdictLine(receipt));
    if (claim !== null) printClaim(io, claim);
  }
  const error = failed[0]?.error;
  if (error) throw new NodeosError(error.code as ErrorCode, error.message, { hint: error.hint });
}

function verdictLine({ verdict, drive, written, readBack, error, seconds }: Receipt): string {
  const which = `${drive.path} (${drive.name})`;
  if (verdict === 'failed')
    return `FAILED ${which}: ${error?.code}: ${error?.message}. It is unusable until it is flashed again.`;
  const speed = (stage: Receipt['written']): string => `${formatBytes(stage?.bytesPerSecond ?? 0)}/s`;
  return [
    `DONE ${which}: ${formatBytes(written?.bytes ?? 0)} written at ${speed(written)}`,
    `all read back at ${speed(readBack)}`,
    `${seconds.toFixed(1)} s. You can pull it out.`,
  ].join(', ');
}

function printClaim(io: CliIo, fleet: FleetFile): void {
  print(io);
  print(io, `Its device will ask ${fleet.server} by itself.`);
  print(io, `Claim code: ${fleet.claimToken}`);
  // Its colours would be noise in a file.
  if (isTerminal(io.stdout)) for (const line of qrCodeLines(fleet.claimToken)) print(io, line);
}

async function showDrives(io: CliIo, json: boolean): Promise<void> {
  const drives = (await listDrives(io.signal)).filter(isOffered);
  if (json) return printJson(io, { drives });
  const heading = ['DRIVE', 'NAME', 'SIZE', 'BUS', 'MOUNTED AT'];
  printTable(io, heading, drives.map(driveRow), 'No drive that may be written: plug in a USB stick or a card.');
}

function receiptsFolder({ env, cwd }: CliIo, { receipts }: FlashOptions): string {
  if (receipts !== undefined) return resolve(cwd, receipts);
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state'), 'nodeos', 'flash');
}

function collect(value: string, all: string[]): string[] {
  return [...all, value];
}
