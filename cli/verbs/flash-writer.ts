import { createInterface } from 'node:readline';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { doJob, jobSchema, type WriterWord } from '@nodeos/firmware/flash/flash-job.ts';
import { WRITER_VERB } from '../flash/run-writer.ts';
import { example, type RegisterVerb } from '../verb.ts';

/**
 * The part of `nodeos flash` that runs with another user's rights: a job in on standard input, progress and receipts
 * out. When its input ends before it does, it breaks off.
 */
export const registerFlashWriter: RegisterVerb = (program, io) => {
  const verb = program
    .command(WRITER_VERB, { hidden: true })
    .description('the part of flash that runs with more rights; flash calls it')
    .addHelpText('after', example('nodeos flash-writer < job.json'));
  verb.action(async () => {
    const say = (word: WriterWord): void => void io.stdout.write(`${JSON.stringify(word)}\n`);
    const left = new AbortController();
    const lines = createInterface({ input: io.stdin as NodeJS.ReadableStream });
    try {
      const first = new Promise<string>((resolve, reject) => {
        lines.once('line', resolve);
        lines.once('close', () => {
          left.abort();
          reject(new NodeosError('INPUT_INVALID', 'no job was given'));
        });
      });
      const job = parseJson(jobSchema, await first, 'the job');
      const signal = AbortSignal.any([io.signal, left.signal]);
      say({ receipts: await doJob(job, signal, (progress) => say({ progress })) });
    } catch (error) {
      const known = isNodeosError(error) ? error : new NodeosError('INTERNAL', String((error as Error).stack));
      say({ error: { code: known.code, message: known.message, hint: known.hint } });
    } finally {
      lines.close();
    }
  });
};
