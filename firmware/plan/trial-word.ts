import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';

/** For the kernel of a slot that its boot loader takes once: init's dead-man timer, with the slot's own limit. */
export const TRIAL_WORD = `nodeos.trial=${DEVICE_LIMITS.trialTimeoutSeconds}`;

/** How often a boot loader that counts starts the pointer's slot, never healthy, before it takes the other one. */
export const ATTEMPTS = 3;
