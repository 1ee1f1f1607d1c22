import type { RegisterVerb } from './verb.ts';
import { registerBoards } from './verbs/boards.ts';
import { registerBuild } from './verbs/build.ts';
import { registerBundle } from './verbs/bundle.ts';
import { registerClaimToken } from './verbs/claim-token.ts';
import { registerDemo } from './verbs/demo.ts';
import { registerDeploy } from './verbs/deploy.ts';
import { registerDev } from './verbs/dev.ts';
import { registerDevices } from './verbs/devices.ts';
import { registerDoctor } from './verbs/doctor.ts';
import { registerFleetFile } from './verbs/fleet-file.ts';
import { registerKeys } from './verbs/keys.ts';
import { registerLogs } from './verbs/logs.ts';
import { registerNew } from './verbs/new.ts';
import { registerPublish } from './verbs/publish.ts';
import { registerRepl } from './verbs/repl.ts';
import { registerRun } from './verbs/run.ts';
import { registerServer } from './verbs/server.ts';
import { registerSources } from './verbs/sources.ts';
import { registerToolchain } from './verbs/toolchain.ts';

/** Every verb, in the order in which the help lists them: from a new machine to a fleet. */
export const VERBS: readonly RegisterVerb[] = [
  registerDoctor,
  registerBoards,
  registerNew,
  registerSources,
  registerBuild,
  registerRun,
  registerBundle,
  registerToolchain,
  registerServer,
  registerKeys,
  registerClaimToken,
  registerFleetFile,
  registerPublish,
  registerDeploy,
  registerDev,
  registerDevices,
  registerLogs,
  registerRepl,
  registerDemo,
];
