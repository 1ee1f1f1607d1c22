import type { RegisterVerb } from './verb.ts';
import { registerAudit } from './verbs/audit.ts';
import { registerBackup } from './verbs/backup.ts';
import { registerBoards } from './verbs/boards.ts';
import { registerBuild } from './verbs/build.ts';
import { registerBundle } from './verbs/bundle.ts';
import { registerClaimToken } from './verbs/claim-token.ts';
import { registerConfig } from './verbs/config.ts';
import { registerDemo } from './verbs/demo.ts';
import { registerDeploy } from './verbs/deploy.ts';
import { registerDeployments } from './verbs/deployments.ts';
import { registerDev } from './verbs/dev.ts';
import { registerDevices } from './verbs/devices.ts';
import { registerDoctor } from './verbs/doctor.ts';
import { registerFlash } from './verbs/flash.ts';
import { registerFlashWriter } from './verbs/flash-writer.ts';
import { registerFleetFile } from './verbs/fleet-file.ts';
import { registerFleets } from './verbs/fleets.ts';
import { registerGroups } from './verbs/groups.ts';
import { registerKeys } from './verbs/keys.ts';
import { registerLogs } from './verbs/logs.ts';
import { registerNew } from './verbs/new.ts';
import { registerPromote } from './verbs/promote.ts';
import { registerPublish } from './verbs/publish.ts';
import { registerRegistrations } from './verbs/registrations.ts';
import { registerRepl } from './verbs/repl.ts';
import { registerRun } from './verbs/run.ts';
import { registerServer } from './verbs/server.ts';
import { registerSimulate } from './verbs/simulate.ts';
import { registerSources } from './verbs/sources.ts';
import { registerTokens } from './verbs/tokens.ts';
import { registerToolchain } from './verbs/toolchain.ts';
import { registerUsers } from './verbs/users.ts';
import { registerWebhooks } from './verbs/webhooks.ts';

/** Every verb, in the order in which the help lists them: from a new machine to a fleet. */
export const VERBS: readonly RegisterVerb[] = [
  registerDoctor,
  registerBoards,
  registerNew,
  registerSources,
  registerBuild,
  registerRun,
  registerFlash,
  registerFlashWriter,
  registerBundle,
  registerToolchain,
  registerServer,
  registerKeys,
  registerClaimToken,
  registerRegistrations,
  registerFleetFile,
  registerPublish,
  registerPromote,
  registerDeploy,
  registerDeployments,
  registerGroups,
  registerConfig,
  registerDev,
  registerDevices,
  registerLogs,
  registerRepl,
  registerUsers,
  registerTokens,
  registerFleets,
  registerAudit,
  registerWebhooks,
  registerBackup,
  registerSimulate,
  registerDemo,
];
